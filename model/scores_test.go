package model

import (
	"math/rand/v2"
	"testing"

	"github.com/edged/edged"
	"github.com/edged/edged/index"
	"github.com/edged/edged/quant"
)

// Scores are those a search gives, whatever the order and number of rows, with remainders and without.
func TestScoresAreThoseOfASearch(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 1))
	var s ScoreScratch
	for _, coarse := range []bool{false, true} {
		b := laid(coarse)
		m := open(t, b)
		vector := b.Search.Queries[:16]
		var q quant.Query
		q.Set(vector)
		want := map[edged.Row]float32{}
		for _, h := range m.Index().Search(nil, &index.Query{Vector: vector, K: m.Len(), Recall: 2}, new(index.Scratch)) {
			want[h.Row] = h.Score
		}
		for _, n := range []int{0, 1, 255, 256, 257, m.Len()} {
			rows := make([]edged.Row, n)
			for i, row := range rng.Perm(m.Len())[:n] {
				rows[i] = edged.Row(row)
			}
			got := make([]float32, n+1)
			got[n] = 7
			m.Scores(got, &q, rows, &s)
			for i, row := range rows {
				if got[i] != want[row] {
					t.Fatalf("coarse %v: row %d scores %g, want %g", coarse, row, got[i], want[row])
				}
			}
			if got[n] != 7 {
				t.Error("written beyond the rows")
			}
		}
	}
}
