package release

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/edged/edged/internal/testkit"
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
	for _, many := range swarms(1000) {
		f.Add(fmt.Appendf(nil, `{"type":"edged.release/2","version":1,"created":"2026-01-01T00:00:00Z","forced":%[1]s,"components":%[1]s}`, many))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m *Manifest
		var err error
		testkit.Bounded(t, documentRoom(len(b)), func() { m, err = ParseManifest(b) })
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
	for _, many := range swarms(1000) {
		f.Add(fmt.Appendf(nil, `{"type":"edged.rollout/1","version":1,"kept":%[1]s,"critical":%[1]s}`, many))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var r *Rollout
		var err error
		testkit.Bounded(t, documentRoom(len(b)), func() { r, err = ParseRollout(b) })
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

// documentRoom is what reading a document of n bytes may allocate (FORMAT.md).
func documentRoom(n int) int { return 128*n + 16<<10 }

// swarms are lists of n small values, which cost a reader most for their bytes.
func swarms(n int) (list []string) {
	for _, value := range []string{`{}`, `[]`, `0`, `""`, `{"a":0}`, `{"name":"a","size":0,"chunks":[{}]}`} {
		list = append(list, "["+strings.TrimSuffix(strings.Repeat(value+",", n), ",")+"]")
	}
	var keys strings.Builder
	for i := range n {
		fmt.Fprintf(&keys, `"%x":0,`, i)
	}
	return append(list, "[{"+strings.TrimSuffix(keys.String(), ",")+"}]")
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
	for _, many := range swarms(1000) {
		f.Add(fmt.Appendf(nil, `{"payload":"","payloadType":"","signatures":%s}`, many))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var got []byte
		var err error
		testkit.Bounded(t, documentRoom(len(b)), func() { got, err = trust.Open(b, RolloutType) })
		if err == nil && !bytes.Equal(got, payload) {
			t.Fatalf("opened: %s", got)
		}
	})
}

// chunkRoom is what decoding a chunk may allocate: of n bytes that promise raw ones.
func chunkRoom(n, raw int) int { return 4*n + 32*raw + 256<<10 }

// moves is a block of nothing but moves of single rows of a byte, which take the most memory for what they promise.
func moves(raw int) []byte {
	text := bytes.Repeat([]byte{1 << 1}, raw)
	b := []byte{blockFormat, wordBytes, 0, 0}
	b = binary.LittleEndian.AppendUint32(b, 1)
	b = binary.LittleEndian.AppendUint64(b, 0)
	for _, stream := range [][]byte{text, make([]byte, raw)} {
		b, _ = appendStream(b, stream)
	}
	return b
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
	for _, raw := range []int{100, 5000, MaxChunkRaw} {
		f.Add(moves(raw), int64(raw))
	}
	f.Fuzz(func(t *testing.T, packed []byte, raw int64) {
		if raw < 1 || raw > MaxChunkRaw {
			return // refused by the manifest's reader
		}
		p := pieceOf(packed)
		first := Chunk{Piece: p, Raw: raw}
		var out []byte
		var err error
		testkit.Bounded(t, chunkRoom(len(packed), int(raw)), func() { out, err = first.Decode(nil, packed) })
		if err == nil && int64(len(out)) != raw {
			t.Fatalf("first format: %d bytes, want %d", len(out), raw)
		}
		for _, base := range []io.ReaderAt{nil, bytes.NewReader(old)} {
			var out []byte
			var err error
			testkit.Bounded(t, chunkRoom(len(packed), int(raw)), func() { out, err = decodeBlock(nil, packed, int(raw), base, int64(len(old))) })
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
