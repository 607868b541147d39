package release

import (
	"bytes"
	"io"
	"testing"

	"github.com/edged/edged/internal/vfs"
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
	trust := trustOf(1, key)
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

// A chunk either decodes to exactly the bytes its manifest promises, or is refused, in either format, with and without a base.
func FuzzChunk(f *testing.F) {
	old, new := sampleRows(1), sampleRows(2)
	full, err := packFull(sampleUnit, new)
	if err != nil {
		f.Fatal(err)
	}
	delta, err := sampleDelta(word32).encode(nil, new, bytes.NewReader(old))
	if err != nil {
		f.Fatal(err)
	}
	frame, err := vfs.ReadFile(vfs.OS, "testdata/compat/v1/d51365b751972f7e23f04fdc627f4458d2012bc4057755915438241885f6de2a", 100)
	if err != nil {
		f.Fatal(err)
	}
	for _, b := range [][]byte{full, delta, frame} {
		f.Add(b, int64(len(new)))
	}
	f.Fuzz(func(t *testing.T, packed []byte, raw int64) {
		if raw < 1 || raw > MaxChunkRaw {
			return // refused by the manifest's reader
		}
		p := pieceOf(packed)
		first := Chunk{Piece: p, Raw: raw}
		if out, err := first.Decode(nil, packed); err == nil && int64(len(out)) != raw {
			t.Fatalf("first format: %d bytes, want %d", len(out), raw)
		}
		for _, base := range []io.ReaderAt{nil, bytes.NewReader(old)} {
			out, err := decodeBlock(nil, packed, int(raw), base, int64(len(old)))
			if err == nil && int64(len(out)) != raw {
				t.Fatalf("%d bytes, want %d", len(out), raw)
			}
			c := Chunk{ID: Sum(new), Raw: raw, Piece: p, Delta: &p}
			if got, err := c.DecodeDelta(nil, packed, bytes.NewReader(old), int64(len(old))); err == nil && !bytes.Equal(got, new) {
				t.Fatal("other bytes than the id says")
			}
		}
	})
}
