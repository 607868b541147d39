package model

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/edged/edged"
	"github.com/edged/edged/index"
)

// laid is a release big enough for a layout.
func laid(coarse bool) *Build {
	const n, dim = 2600, 16
	rng := rand.New(rand.NewPCG(14, 1))
	b := &Build{Meta: Meta{Dim: dim, Users: 40, A0: .1, Reg: .01, Nu: 1}, Search: SearchOptions{Recall: .95, Coarse: coarse, Threads: 2}}
	for i := range n {
		b.IDs = append(b.IDs, fmt.Sprintf("item-%04d", i))
		b.Popularity = append(b.Popularity, float32(rng.IntN(6)))
		length := 1 + 3*rng.Float64()
		for range dim {
			b.Vectors = append(b.Vectors, float32(length*rng.NormFloat64()))
		}
	}
	for range 700 * dim {
		b.Search.Queries = append(b.Search.Queries, float32(rng.NormFloat64()))
	}
	return b
}

func TestALayoutIsWrittenAndRead(t *testing.T) {
	for _, coarse := range []bool{false, true} {
		b := laid(coarse)
		m := open(t, b)
		s := m.Meta().Search
		if s == nil || s.Recall != .95 || s.Remainders == coarse || len(s.Settings) == 0 || len(m.SearchQueries()) != keptQueries*16 {
			t.Fatalf("coarse %v: search %+v, %d queries", coarse, s, len(m.SearchQueries()))
		}
		if m.Index().Layout() == nil || !slices.Equal(m.Index().Settings(), b.made.index.Index.Settings()) {
			t.Errorf("coarse %v: settings %v", coarse, m.Index().Settings())
		}
		var one, two index.Scratch
		for i := range 50 {
			q := index.Query{Vector: b.Search.Queries[i*16:][:16], K: 10}
			if want, got := b.made.index.Index.Search(nil, &q, &one), m.Index().Search(nil, &q, &two); !slices.Equal(want, got) {
				t.Fatalf("coarse %v: query %d: %v, want %v", coarse, i, got, want)
			}
		}
		for row := range edged.Row(2600) {
			for k, y := range m.AppendVector(nil, row) {
				if d := y - float64(b.Vectors[int(row)*16+k]); d > .2 || d < -.2 {
					t.Fatalf("vector of %d: off by %g", row, d)
				}
			}
		}
	}
}

func TestTheSameBuildIsTheSameBytes(t *testing.T) {
	one, _ := laid(false).bytes(t)
	b := laid(false)
	b.Search.Threads = 1
	if two, _ := b.bytes(t); !slices.Equal(one, two) {
		t.Error("models differ")
	}
}

func TestOpenRefusesALayoutThatLies(t *testing.T) {
	model, catalogue := laid(false).bytes(t)
	for _, tc := range []struct {
		section string
		change  func([]byte) []byte
		want    string
	}{
		{secMeta, replace(`"bits":`, `"bits":5`), "bits"},
		{secMeta, replace(`"search":{"recall":0.95`, `"search":{"recall":7.95`), "recall"},
		{secMeta, replace(`"queries":64`, `"queries":63`), "checks.queries"},
		{secMeta, replace(`"kappa":`, `"kappa":-9`), "out of range"},
		{secStarts, func(b []byte) []byte { return b[4:] }, "cell.starts"},
		{secRadius, func(b []byte) []byte { return b[4:] }, "cell.radius"},
		{secFrame, func(b []byte) []byte { return b[1:] }, "cell.frame"},
		{secCentroids, func(b []byte) []byte { return b[8:] }, "cell.codes"},
		{secBits, func(b []byte) []byte { return b[64:] }, "bytes of codes"},
		{secBitF, func(b []byte) []byte { return b[4:] }, "factors"},
		{secBitH, func(b []byte) []byte { return append(slices.Clone(b[:len(b)-4]), 0, 0, 0xc0, 0x7f) }, "factors"},
		{secLow, func(b []byte) []byte { return b[1:] }, "vec.low"},
	} {
		_, err := Parse(spoil(t, model, ModelKind, tc.section, tc.change), catalogue)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q in it", tc.section, err, tc.want)
		}
	}
}
