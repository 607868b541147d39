package index

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/quant"
)

// build returns an index of vectors and the rows in their own order, for an oracle to score.
func build(t testing.TB, vectors []float32, dim int) (*Index, quant.Rows) {
	t.Helper()
	rows, err := quant.Encode(vectors, dim)
	if err != nil {
		t.Fatal(err)
	}
	order := Order(&rows)
	x, err := New(Arrange(&rows, order), order)
	if err != nil {
		t.Fatal(err)
	}
	return x, rows
}

// brute is the oracle: every row scored, filtered, fully sorted.
func brute(rows quant.Rows, q *Query) []Hit {
	var query quant.Query
	query.Set(q.Vector)
	var hits []Hit
	for i := range rows.Len() {
		row := edged.Row(i)
		if slices.Contains(q.Exclude, row) || q.Allowed != nil && q.Allowed[i/64]>>(i%64)&1 == 0 {
			continue
		}
		hits = append(hits, Hit{row, query.Dot(&rows, i)})
	}
	slices.SortFunc(hits, func(a, b Hit) int {
		switch {
		case a.Score != b.Score && a.Score > b.Score:
			return -1
		case a.Score != b.Score:
			return 1
		}
		return int(a.Row) - int(b.Row)
	})
	return hits[:min(len(hits), max(q.K, 0))]
}

// vectors are random; skew makes lengths differ, ties makes coordinates few-valued and rows repeat.
func vectors(rng *rand.Rand, n, dim int, skew float64, ties bool) []float32 {
	v := make([]float32, 0, n*dim)
	for i := range n {
		if ties && i > 0 && rng.IntN(2) == 0 {
			from := rng.IntN(i)
			v = append(v, v[from*dim:][:dim]...)
			continue
		}
		length := math.Exp(skew * rng.NormFloat64())
		for range dim {
			x := rng.NormFloat64()
			if ties {
				x = float64(rng.IntN(3) - 1)
			}
			v = append(v, float32(x*length))
		}
	}
	return v
}

func randomFilter(rng *rand.Rand, q *Query, n int) {
	if rng.IntN(2) == 0 {
		for row := range n {
			if rng.IntN(4) == 0 {
				q.Exclude = append(q.Exclude, edged.Row(row))
			}
		}
	}
	if rng.IntN(2) == 0 {
		q.Allowed = make([]uint64, (n+63)/64)
		for i := range q.Allowed {
			q.Allowed[i] = rng.Uint64()
		}
	}
}

func TestSearchIsTheBruteForceAnswer(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 1))
	var s Scratch
	var dst []Hit
	for round := range 150 {
		n, dim := rng.IntN(400), 1+rng.IntN(40)
		v := vectors(rng, n, dim, float64(round%3), round%4 == 0)
		x, rows := build(t, v, dim)
		q := Query{Vector: vectors(rng, 1, dim, 1, round%4 == 0), K: []int{1, 2, 10, 100, 1000}[rng.IntN(5)]}
		randomFilter(rng, &q, n)
		dst = x.Search(dst[:0], &q, &s)
		if want := brute(rows, &q); !slices.Equal(dst, want) {
			t.Fatalf("round %d (n=%d dim=%d k=%d): got %v\nwant %v", round, n, dim, q.K, dst, want)
		}
	}
}

func TestSkewedLengthsStopTheScanEarly(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 2))
	const n, dim = 20000, 16
	v := vectors(rng, n, dim, 1, false)
	x, rows := build(t, v, dim)
	var s Scratch
	q := Query{Vector: vectors(rng, 1, dim, 0, false), K: 10}
	if got, want := x.Search(nil, &q, &s), brute(rows, &q); !slices.Equal(got, want) {
		t.Fatalf("got %v want %v", got, want)
	}
	if s.Stats.Scanned > n/5 || s.Stats.Truncated {
		t.Errorf("scanned %d of %d rows, truncated %v: the stop does not work", s.Stats.Scanned, n, s.Stats.Truncated)
	}
}

func TestZeroQueryReturnsRowsInOrder(t *testing.T) {
	x, _ := build(t, []float32{1, 5, 3, 5}, 1)
	got := x.Search(nil, &Query{Vector: []float32{0}, K: 3}, new(Scratch))
	if want := []Hit{{0, 0}, {1, 0}, {2, 0}}; !slices.Equal(got, want) {
		t.Errorf("got %v want %v", got, want)
	}
}

func TestSearchAppendsBehindWhatIsThere(t *testing.T) {
	x, _ := build(t, []float32{1, 2, 3}, 1)
	first := Hit{99, 99}
	got := x.Search([]Hit{first}, &Query{Vector: []float32{1}, K: 2}, new(Scratch))
	if len(got) != 3 || got[0] != first || got[1].Row != 2 || got[2].Row != 1 {
		t.Errorf("got %v", got)
	}
}

func TestEmptyIndexAndNoK(t *testing.T) {
	empty, _ := build(t, nil, 4)
	one, _ := build(t, []float32{1, 2, 3, 4}, 4)
	var s Scratch
	for _, k := range []int{-1, 0, 1, 500} {
		if got := empty.Search(nil, &Query{Vector: make([]float32, 4), K: k}, &s); len(got) != 0 {
			t.Errorf("empty index, k=%d: %v", k, got)
		}
		if got := one.Search(nil, &Query{Vector: make([]float32, 4), K: k}, &s); len(got) != min(1, max(k, 0)) {
			t.Errorf("one row, k=%d: %v", k, got)
		}
	}
}

func TestDeadlineStopsBetweenBlocks(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 3))
	const dim = 8
	x, _ := build(t, vectors(rng, 3*clockEvery, dim, 0, false), dim)
	start := time.Unix(1000, 0)
	looks := 0
	clock := func() time.Time { looks++; return start.Add(time.Duration(looks) * time.Second) }
	var s Scratch
	q := Query{Vector: make([]float32, dim), K: 2 * clockEvery, Clock: clock, Deadline: start.Add(2 * time.Second)}
	got := x.Search(nil, &q, &s)
	if !s.Stats.Truncated || s.Stats.Scanned != 2*clockEvery || len(got) != 2*clockEvery {
		t.Errorf("stats %+v, %d hits", s.Stats, len(got))
	}
	q.Deadline = start.Add(time.Hour)
	if x.Search(got[:0], &q, &s); s.Stats.Truncated || s.Stats.Scanned != x.Len() {
		t.Errorf("far deadline: stats %+v", s.Stats)
	}
	q.Deadline, looks = time.Time{}, 0
	if x.Search(got[:0], &q, &s); s.Stats.Truncated || looks != 0 {
		t.Errorf("no deadline: stats %+v, looked at the clock %d times", s.Stats, looks)
	}
}

func TestSearchAllocatesNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 4))
	const dim = 24
	x, _ := build(t, vectors(rng, 2000, dim, 1, false), dim)
	var s Scratch
	dst := make([]Hit, 0, 100)
	q := Query{Vector: vectors(rng, 1, dim, 1, false), K: 100, Exclude: []edged.Row{1, 5, 9}, Allowed: make([]uint64, 32),
		Deadline: time.Now().Add(time.Hour)}
	for i := range q.Allowed {
		q.Allowed[i] = rng.Uint64()
	}
	x.Search(dst, &q, &s)
	if n := testing.AllocsPerRun(50, func() { dst = x.Search(dst[:0], &q, &s) }); n != 0 {
		t.Errorf("%g allocations a search", n)
	}
}

func TestNewRefuses(t *testing.T) {
	fresh := func() (quant.Rows, []edged.Row) {
		rows, err := quant.Encode([]float32{1, 3, 3, 2}, 1)
		if err != nil {
			t.Fatal(err)
		}
		order := Order(&rows)
		return Arrange(&rows, order), order
	}
	for name, tc := range map[string]struct {
		spoil func(*quant.Rows, []edged.Row) []edged.Row
		want  string
	}{
		"scale":         {func(r *quant.Rows, o []edged.Row) []edged.Row { r.Scales[0] = -1; return o }, "scale"},
		"short order":   {func(r *quant.Rows, o []edged.Row) []edged.Row { return o[1:] }, "3 entries"},
		"row too high":  {func(r *quant.Rows, o []edged.Row) []edged.Row { o[2] = 4; return o }, "row 4 of 4"},
		"no row":        {func(r *quant.Rows, o []edged.Row) []edged.Row { o[2] = edged.NoRow; return o }, "of 4"},
		"row twice":     {func(r *quant.Rows, o []edged.Row) []edged.Row { o[2] = o[1]; return o }, "twice"},
		"rising length": {func(r *quant.Rows, o []edged.Row) []edged.Row { r.Scales[0] /= 64; return o }, "must come before"},
		"equal lengths": {func(r *quant.Rows, o []edged.Row) []edged.Row { o[0], o[1] = o[1], o[0]; return o }, "must come before"},
	} {
		rows, order := fresh()
		if _, err := New(rows, tc.spoil(&rows, order)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q in it", name, err, tc.want)
		}
	}
	rows, order := fresh()
	if _, err := New(rows, order); err != nil {
		t.Errorf("unspoilt: %v", err)
	}
}

func BenchmarkSearch(b *testing.B) {
	rng := rand.New(rand.NewPCG(7, 5))
	const n, dim = 40000, 64
	for name, skew := range map[string]float64{"flat": 0, "skewed": .7} {
		b.Run(name, func(b *testing.B) {
			x, _ := build(b, vectors(rng, n, dim, skew, false), dim)
			q := Query{Vector: vectors(rng, 1, dim, 0, false), K: 20}
			var s Scratch
			dst := make([]Hit, 0, q.K)
			b.ReportAllocs()
			for b.Loop() {
				dst = x.Search(dst[:0], &q, &s)
			}
			b.ReportMetric(float64(s.Stats.Scanned), "rows/op")
		})
	}
}
