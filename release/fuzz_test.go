package release

import (
	"bytes"
	"testing"
)

// A document that parses encodes to one that parses to the same bytes: nothing is lost, nothing slips through.
func FuzzManifest(f *testing.F) {
	b, err := testManifest().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"type":"edged.release/1","version":1,"created":"2026-01-01T00:00:00Z","components":[{"name":"a","size":0,"hash":"sha256:","chunks":[]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseManifest(b)
		if err != nil {
			return
		}
		checkStable(t, m, func(b []byte) (document, error) { return ParseManifest(b) })
	})
}

func FuzzRollout(f *testing.F) {
	b, err := testRollout().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseRollout(b)
		if err != nil {
			return
		}
		r.Issued, r.Expires = seconds(r.Issued), seconds(r.Expires)
		if !r.Expires.After(r.Issued) {
			return // apart by less than the second documents count in
		}
		checkStable(t, r, func(b []byte) (document, error) { return ParseRollout(b) })
	})
}

type document interface{ Encode() ([]byte, error) }

func checkStable(t *testing.T, doc document, parse func([]byte) (document, error)) {
	t.Helper()
	first, err := doc.Encode()
	if err != nil {
		t.Fatalf("parsed, but does not encode: %v", err)
	}
	again, err := parse(first)
	if err != nil {
		t.Fatal(err)
	}
	second, err := again.Encode()
	if err != nil || !bytes.Equal(first, second) {
		t.Fatalf("%v:\n%s\n%s", err, first, second)
	}
}

// No envelope but one sealed by the key opens.
func FuzzEnvelope(f *testing.F) {
	key := testKey(1)
	trust := NewTrust(1, key.Public())
	good := mustSeal(f, RolloutType, testRollout(), key)
	payload, err := trust.Open(good, RolloutType)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"payload":"","payloadType":"","signatures":[{"keyid":"","sig":""}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := trust.Open(b, RolloutType); err == nil && !bytes.Equal(got, payload) {
			t.Fatalf("opened: %s", got)
		}
	})
}

func FuzzTrust(f *testing.F) {
	f.Add(NewTrust(1, testKey(1).Public()).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		trust, err := ParseTrust(b)
		if err != nil {
			return
		}
		if again, err := ParseTrust(trust.Encode()); err != nil || len(again.keys) != len(trust.keys) {
			t.Fatal(again, err)
		}
	})
}

// A chunk either decodes to exactly the bytes its manifest promises, or is refused.
func FuzzChunk(f *testing.F) {
	_, store := split(f, bytes.Repeat([]byte("edged"), 100))
	for _, b := range store {
		f.Add(b, int64(500))
	}
	f.Fuzz(func(t *testing.T, packed []byte, raw int64) {
		c := Chunk{Hash: Sum(packed), Size: int64(len(packed)), Raw: raw}
		if out, err := c.Decode(nil, packed); err == nil && int64(len(out)) != raw {
			t.Fatalf("%d bytes, want %d", len(out), raw)
		}
	})
}
