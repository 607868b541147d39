package model

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/edged/edged"
	"github.com/edged/edged/snapshot"
)

func TestOpenRefusesPostingsThatLie(t *testing.T) {
	model, catalogue := varied(9000).bytes(t)
	posts := snapshot.U32s(sectionOf(t, catalogue, secTermPosts))
	list := slices.IndexFunc(posts, func(p uint32) bool { return p>>formShift == formList && p&countMask > 1 })
	before := 0
	for _, p := range posts[:list] {
		if p>>formShift == formList {
			before += int(p & countMask)
		}
	}
	packed := slices.IndexFunc(posts, func(p uint32) bool { return p>>formShift == formRoaring })
	for _, tc := range []struct {
		section string
		change  func([]byte) []byte
		want    string
	}{
		{secMeta, replace(`"kind":"flag"`, `"kind":"fleg"`), "fleg"},
		{secMeta, replace(`"field":"brand","kind":"text"`, `"field":"price.","kind":"text"`), "price."},
		{secMeta, replace(`"terms":60`, `"terms":61`), secTermOffs},
		{secMeta, replace(`"terms":60`, `"terms":0`), "0 terms"},
		{secMeta, replace(`"field":"published"`, `"field":"brand"`), "brand"},
		{secMeta, replace(`"field":"published"`, `"field":"expires"`), "expires"},
		{secMeta, replace(`"omitted":["attributes.sku"]`, `"omitted":["brand"]`), "omitted"},
		{secTermOffs, put32(0, 1), "begin with 0"},
		{secTermOffs, put32(3, math.MaxUint32), secTermOffs},
		{secTermText, func(b []byte) []byte { b[0] = 0xff; return b }, "not UTF-8"},
		{secTermText, replace("c0/d1", "c0/d0"), "does not come after"},
		{secTermPosts, put32(list, 0), "0 of 9000"},
		{secTermPosts, put32(list, 9001), "9001 of 9000"},
		{secTermPosts, put32(list, 3<<formShift|1), "form 3"},
		{secTermPosts, put32(list, posts[list]-1), "does not come after"},
		{secTermPosts, put32(packed, posts[packed]-1), "rows, want"},
		{secPostRows, put32(before, 9000), "row 9000 of 9000"},
		{secPostRows, swap32(before, before+1), "does not come after"},
		{secPostRows, func(b []byte) []byte { return b[:len(b)-4] }, secPostRows},
		{secPostRows, func(b []byte) []byte { return append(b, 0, 0, 0, 0) }, "no term claims"},
		{secPostBits, func(b []byte) []byte { b[0] ^= 1; return b }, "bits, want"},
		{secPostBits, func(b []byte) []byte { b[9000/64*8+7] |= 0x80; return b }, "behind row 8999"},
		{secPostBits, func(b []byte) []byte { return b[:len(b)-8] }, secPostBits},
		{secPostRoaring, func(b []byte) []byte { return b[:len(b)-2] }, "roaring"},
		{secPostRoaring, func(b []byte) []byte { return b[:0] }, "roaring"},
		{secPostRoaring, func(b []byte) []byte { return append(b, 0) }, "no term claims"},
		{secPostRoaring, func(b []byte) []byte { binary.LittleEndian.PutUint16(b[16:], 0xffff); return b }, "roaring"},
		{secNumValues, func(b []byte) []byte { return putNumber(b, 0, math.NaN()) }, "out of order"},
		{secNumValues, func(b []byte) []byte { return putNumber(b, 1, math.Inf(-1)) }, "out of order"},
		{secNumStarts, put32(0, 1), "starts"},
		{secNumStarts, put32(1, 0), "rows 0 to 0"},
		{secNumStarts, put32(1, math.MaxUint32), "numbers of"},
		{secNumRows, put32(0, 9000), "row 9000 of 9000"},
		{secNumRows, func(b []byte) []byte { return append(b, 0, 0, 0, 0) }, "no field claims"},
	} {
		_, err := Parse(model, spoil(t, catalogue, CatalogueKind, tc.section, tc.change))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q in it", tc.section, err, tc.want)
		}
	}
}

func sectionOf(t testing.TB, b []byte, name string) []byte {
	t.Helper()
	for _, s := range sectionsOf(t, b, CatalogueKind) {
		if s.Name == name {
			return s.Data
		}
	}
	t.Fatalf("no section %s", name)
	return nil
}

func putNumber(b []byte, at int, v float64) []byte {
	binary.LittleEndian.PutUint64(b[8*at:], math.Float64bits(v))
	return b
}

// Validate takes a time that grows with the square of the runs of a container.
func TestRoaringWithRunsIsRefused(t *testing.T) {
	b := roaring.New()
	b.AddRange(10, 60)
	b.RunOptimize()
	packed, err := b.ToBytes()
	if err != nil {
		t.Fatal(err)
	}
	var got roaring.Bitmap
	if _, err := openRoaring(&got, packed, 100, 50); err == nil || !strings.Contains(err.Error(), "runs") {
		t.Errorf("got %v", err)
	}
}

func TestRoaringBeyondTheLastRowIsRefused(t *testing.T) {
	packed, err := roaring.BitmapOf(1, 99, 100).ToBytes()
	if err != nil {
		t.Fatal(err)
	}
	var got roaring.Bitmap
	if _, err := openRoaring(&got, packed, 100, 3); err == nil || !strings.Contains(err.Error(), "below 100") {
		t.Errorf("got %v", err)
	}
	if size, err := openRoaring(&got, packed, 101, 3); err != nil || size != len(packed) {
		t.Errorf("%d bytes, %v", size, err)
	}
}

// FuzzPostings reads hostile postings: what is accepted can be used.
func FuzzPostings(f *testing.F) {
	p := postingWriter{n: 5000}
	for _, every := range []int{2500, 25, 3} { // a list, a Roaring bitmap, a bitmap
		var rows []edged.Row
		for row := every / 2; row < p.n; row += every {
			rows = append(rows, edged.Row(row))
		}
		if err := p.post(rows); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(snapshot.Bytes(p.posts), snapshot.Bytes(p.lists), snapshot.Bytes(p.bits), p.packed.Bytes(), uint16(p.n))
	full := roaring.New()
	full.AddRange(100, 5000)
	packed, err := full.ToBytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(binary.LittleEndian.AppendUint32(nil, formRoaring<<formShift|4900), []byte{}, []byte{}, packed, uint16(p.n))
	f.Fuzz(func(t *testing.T, posts, rows, bits, packed []byte, n uint16) {
		set := terms{
			posts: snapshot.U32s(bytes.Clone(posts)), lists: snapshot.View[edged.Row](bytes.Clone(rows)), bits: snapshot.View[uint64](bytes.Clone(bits)),
		}
		if err := set.openPosts(bytes.Clone(packed), int(n)); err != nil {
			return
		}
		m := &Model{ids: &ids{offs: make([]uint32, int(n)+1)}}
		e := evaluation{m: m, a: &Attributes{terms: set}, s: new(FilterScratch)}
		for i := range min(len(set.posts), 8) {
			e.s.nodes = append(e.s.nodes[:0], e.term(i))
			for _, dense := range []bool{false, true} {
				var all, none Selection
				e.eval(0, &all)
				all.settle()
				if got := len(listed(t, &all, int(n))); got != set.count(i) {
					t.Fatalf("term %d: %d rows, want %d", i, got, set.count(i))
				}
				if e.eval(0, &none); dense {
					none.setDense()
				}
				e.retain(&none, 0, false)
				if none.settle(); none.Len() != 0 {
					t.Fatalf("term %d without itself: %d rows", i, none.Len())
				}
			}
		}
	})
}
