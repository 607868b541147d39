// Package release holds the signed documents of a release and the chunks its files travel in. It knows nothing of
// models: a component is a name, a size and a hash.
//
// Three ideas carry it. A manifest names every byte of a release by content hash. A rollout says which manifest to
// serve now; it has a version of its own that only grows, and a short life. Both are signed: their exact bytes sit in
// a DSSE envelope, and a Trust opens the envelope only with enough signatures of keys it knows.
//
// Invariants, which the code cites:
//
//	R1  Nothing of a payload is parsed before its envelope's signatures were checked.
//	R2  Nothing of a chunk is decoded before the hash of its compressed bytes was checked.
//	R3  No length from outside is allocated for before it was held against a limit of limits.go.
//	R4  One version names one document: the same number with other bytes is refused.
//
// R4 is kept by the reader (package node), the others here. FORMAT.md has the formats, with examples and with what a
// reader does with unknown keys. Values of this package are immutable once parsed and may be shared between
// goroutines.
package release
