// Package access says who calls: publishable keys, which may be in a page and act for the visitor alone; secret keys, which stay on servers and may
// act for anyone; and assertions, by which the holder of a secret key lets a page act for one user for a while.
//
// # At rest
//
// A key file holds no key: of each its SHA-256 (keys are 256 random bits, so there is nothing to guess), and of a secret one the public half of an Ed25519
// pair derived from it. So who reads the file can neither call nor assert.
//
// # Assertions
//
//	v1.KEYID.EXPIRES.USER.SIGNATURE
//
// EXPIRES in Unix seconds, at most MaxAssertion ahead; USER and SIGNATURE in unpadded base64url; the Ed25519 signature is over everything
// before its dot. The private key's seed is SHA-256("edged assertion" ‖ secret key).
package access
