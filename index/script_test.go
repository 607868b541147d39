package index

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/edged/edged"
)

// TestScript runs testdata/topk.txt. Commands:
//
//	load                     one vector a line, row 0 first
//	random n= dim= skew= seed=   random vectors, lengths e^(skew·normal)
//	search k= q=(x,y,…)      prints hits and work done; exclude=(…) and allow=(…) are lists of rows
//	search k= seed=          the same for a random query, hits cut to rows
func TestScript(t *testing.T) {
	var x *Index
	var s Scratch
	datadriven.RunTest(t, "testdata/topk.txt", func(t *testing.T, d *datadriven.TestData) string {
		switch d.Cmd {
		case "load":
			x = load(t, d.Input)
			return fmt.Sprintf("%d rows, order %v\n", x.Len(), x.order)
		case "random":
			var n, dim, seed int
			var skew string
			d.ScanArgs(t, "n", &n)
			d.ScanArgs(t, "dim", &dim)
			d.ScanArgs(t, "skew", &skew)
			d.ScanArgs(t, "seed", &seed)
			spread, err := strconv.ParseFloat(skew, 64)
			if err != nil {
				t.Fatal(err)
			}
			x, _ = build(t, vectors(rand.New(rand.NewPCG(uint64(seed), 0)), n, dim, spread, false), dim)
			return fmt.Sprintf("%d rows\n", x.Len())
		case "search":
			return search(t, d, x, &s)
		}
		t.Fatalf("unknown command %s", d.Cmd)
		return ""
	})
}

func load(t *testing.T, input string) *Index {
	var all []float32
	dim := 0
	for line := range strings.Lines(input) {
		v := parse(t, strings.Fields(line))
		dim = len(v)
		all = append(all, v...)
	}
	x, _ := build(t, all, dim)
	return x
}

func parse(t *testing.T, words []string) []float32 {
	var v []float32
	for _, w := range words {
		f, err := strconv.ParseFloat(w, 32)
		if err != nil {
			t.Fatal(err)
		}
		v = append(v, float32(f))
	}
	return v
}

func list(t *testing.T, d *datadriven.TestData, key string) (words []string) {
	for _, arg := range d.CmdArgs {
		if arg.Key == key {
			words = arg.Vals
		}
	}
	return words
}

func search(t *testing.T, d *datadriven.TestData, x *Index, s *Scratch) string {
	q := Query{Vector: parse(t, list(t, d, "q"))}
	d.ScanArgs(t, "k", &q.K)
	if d.HasArg("seed") {
		var seed int
		d.ScanArgs(t, "seed", &seed)
		q.Vector = vectors(rand.New(rand.NewPCG(uint64(seed), 1)), 1, x.Dim(), 0, false)
	}
	for _, f := range parse(t, list(t, d, "exclude")) {
		q.Exclude = append(q.Exclude, edged.Row(f))
	}
	if d.HasArg("allow") {
		q.Allowed = make([]uint64, (x.Len()+63)/64)
		for _, f := range parse(t, list(t, d, "allow")) {
			q.Allowed[int(f)/64] |= 1 << (int(f) % 64)
		}
	}
	var out strings.Builder
	for _, h := range x.Search(nil, &q, s) {
		if d.HasArg("seed") {
			fmt.Fprintf(&out, "%d ", h.Row)
		} else {
			fmt.Fprintf(&out, "row %d score %.3f\n", h.Row, h.Score)
		}
	}
	fmt.Fprintf(&out, "scanned %d, reranked %d\n", s.Stats.Scanned, s.Stats.Reranked)
	return out.String()
}
