package data

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/edged/edged"
)

// plainDeduper keeps every id: what a deduper must agree with.
type plainDeduper struct {
	known  map[key]struct{}
	counts map[key]uint64
	file   int
}

func (d *plainDeduper) learn(rec []byte) {
	if k, ok := keyOf(rec); ok {
		d.known[k] = struct{}{}
	}
}

func (d *plainDeduper) fresh(file int, rec []byte) []byte {
	if file != d.file {
		clear(d.counts)
		d.file = file
	}
	id, has := keyOf(rec)
	if !has {
		h := sha256.Sum256(rec)
		id = derive(&h, d.counts[key(h[:])])
		d.counts[key(h[:])]++
		rec = withKey(nil, rec, id)
	}
	if _, known := d.known[id]; known {
		return nil
	}
	d.known[id] = struct{}{}
	return rec
}

func bareRow(i int) []byte {
	return AppendEventRecord(nil, &edged.Event{Item: fmt.Sprint("i", i), Type: edged.View, Time: noon.UnixMilli()})
}

// anyRecord is a row without id, or with one: the k-th of its row or of another, a random one, a text.
func anyRecord(rng *rand.Rand) []byte {
	rec := bareRow(rng.IntN(4))
	h := sha256.Sum256(rec)
	switch rng.IntN(8) {
	case 0, 1:
		return withKey(nil, rec, derive(&h, rng.Uint64N(5)))
	case 2:
		return withKey(nil, bareRow(rng.IntN(4)), derive(&h, rng.Uint64N(5)))
	case 3:
		return withKey(nil, rec, key{byte(rng.IntN(3))})
	case 4:
		return AppendEventRecord(nil, &edged.Event{ID: fmt.Sprint("e", rng.IntN(3)), Item: "i", Type: edged.View, Time: 1})
	}
	return rec
}

// TestDeduperIsThePlainOne imports random files, twice the same now and then, into what was imported before.
func TestDeduperIsThePlainOne(t *testing.T) {
	for seed := range uint64(3000) {
		rng := rand.New(rand.NewPCG(seed, 1))
		plain := &plainDeduper{known: map[key]struct{}{}, counts: map[key]uint64{}, file: -1}
		var held [][]byte // a directory; some of it was brought with ids, in any order
		for range rng.IntN(6) {
			if rec := anyRecord(rng); hasOwnID(rec) {
				held = append(held, rec)
				plain.learn(rec)
			}
		}
		for range 2 {
			var files [][][]byte
			for range 1 + rng.IntN(3) {
				var file [][]byte
				for range rng.IntN(12) {
					file = append(file, anyRecord(rng))
				}
				files = append(files, file, file)
			}
			held = append(held, agree(t, seed, plain, files, held, 1+uint32(rng.IntN(3)))...)
		}
	}
}

// agree imports files by both, and returns what was new.
func agree(t *testing.T, seed uint64, plain *plainDeduper, files [][][]byte, held [][]byte, passes uint32) (added [][]byte) {
	t.Helper()
	var by []*deduper
	for pass := range passes {
		d := newDeduper(pass, passes)
		by = append(by, d)
		for _, file := range files {
			for _, rec := range file {
				d.expect(rec)
			}
		}
		for _, rec := range held {
			d.learn(rec)
		}
	}
	plain.file = -1
	for i, file := range files {
		for _, rec := range file {
			want, got, took := plain.fresh(i, rec), []byte(nil), 0
			for _, d := range by {
				if out, ours := d.fresh(i, rec); ours {
					got, took = out, took+1
				}
			}
			if took != 1 || string(got) != string(want) {
				t.Fatalf("seed %d: %x by %d passes, want %x", seed, got, took, want)
			}
			if want != nil {
				added = append(added, want)
			}
		}
	}
	return added
}

// TestEqualRowsTakeTheRoomOfOne holds however many there are, new or known: passes can't divide them.
func TestEqualRowsTakeTheRoomOfOne(t *testing.T) {
	const n = 10_000
	var held [][]byte
	for range 2 {
		d, added := newDeduper(0, 1), 0
		for _, rec := range held {
			d.learn(rec)
		}
		for range n {
			if out, _ := d.fresh(0, bareRow(1)); out != nil {
				added++
				held = append(held, append([]byte(nil), out...))
			}
		}
		if len(d.rows)+len(d.ids) != 1 || len(held) != n {
			t.Errorf("%d added, %d in all: %d rows and %d ids are kept", added, len(held), len(d.rows), len(d.ids))
		}
	}
}

// TestDerivedIDIsAnID brings an event by the id another import derived: it is known, whatever else it says.
func TestDerivedIDIsAnID(t *testing.T) {
	disk := newDisk(t, "t.csv", "item,type,time\na,view,2026-02-01T10:00:00Z\na,view,2026-02-01T10:00:00Z\n")
	d := writable(t, disk, "d")
	mustImport(t, d, nil, "t.csv")
	var again []byte
	err := d.Events(context.Background(), 0, 0, func(e *edged.Event) error {
		other := *e
		other.Item = "b"
		again = append(AppendEventJSON(again, &other), '\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	putFile(t, disk, "again.jsonl", string(again))
	if rep := mustImport(t, d, nil, "again.jsonl"); rep.Events != 0 || rep.Duplicates != 2 {
		t.Error(rep.String())
	}
}
