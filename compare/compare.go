// Package compare says what a new release changes beside the one before, and whether that is within limits: publishers ask before they
// sign, nodes before they swap, and people when they wonder.
//
// It asks both releases what they would recommend to the same sample of visitors, as they are served, and holds sizes, vectors and
// popularity against each other. Equal arguments give equal figures.
package compare

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/rank"
)

// Release is one of the two.
type Release struct {
	Ranker *rank.Ranker
	Bytes  int64   // raw, of all components
	Recall float64 // at 10 of the vectors as stored against those trained, as the trainer measured it; 0: it did not
}

// Sample says how much is looked at.
type Sample struct {
	Visitors int // 0: 200
	Rows     int // of which vectors are looked at; 0: all
	Cases    int // of rules; 0: 256; negative: none is looked at
}

// Quick is the sample of a node: a few milliseconds, and where rules came with the release some 6 more for each case (of 100,000 items).
var Quick = Sample{Visitors: 25, Rows: 2000, Cases: 32}

// Depth is how many items a visitor of the sample gets.
const Depth = 10

// sampleSeed draws the visitors; any number does.
const sampleSeed = 0x65646765642d6370 // "edged-cp"

// Visitor is one of the sample: a history of items that both releases have, and what each recommends then.
type Visitor struct {
	Recent []string `json:"recent"` // newest first
	Before []string `json:"before"`
	Now    []string `json:"now"`
}

// Overlap is the share of the longer list that is in both.
func (v *Visitor) Overlap() float64 {
	longer := max(len(v.Before), len(v.Now))
	if longer == 0 {
		return 1
	}
	same := 0
	for _, id := range v.Now {
		if slices.Contains(v.Before, id) {
			same++
		}
	}
	return float64(same) / float64(longer)
}

// Visitors draws a sample and asks both releases.
func Visitors(before, now *rank.Ranker, n int) []Visitor {
	list, s := make([]Visitor, 0, n), new(rank.Scratch)
	for _, recent := range histories(before, now, n) {
		list = append(list, Visitor{recent, ask(before, s, recent), ask(now, s, recent)})
	}
	return list
}

// histories draws visitors: each has 1 to 10 items, drawn by their popularity before among those that both releases have.
func histories(before, now *rank.Ranker, n int) [][]string {
	var common []string
	var upTo []float64 // cumulated popularity
	sum := 0.0
	for _, row := range before.Model().Popular() {
		id := before.Model().ID(row)
		if _, ok := now.Model().Row(id); !ok {
			continue
		}
		sum += float64(before.Model().PopularityOf(row)) + 1e-9
		common, upTo = append(common, id), append(upTo, sum)
	}
	rng := rand.New(rand.NewPCG(sampleSeed, uint64(n)))
	list := make([][]string, 0, n)
	for len(common) > 0 && len(list) < n {
		var recent []string
		for range 1 + rng.IntN(10) {
			at, _ := slices.BinarySearch(upTo, rng.Float64()*sum)
			if id := common[min(at, len(common)-1)]; !slices.Contains(recent, id) {
				recent = append(recent, id)
			}
		}
		list = append(list, recent)
	}
	return list
}

// ask recommends to a visitor with a history.
func ask(r *rank.Ranker, s *rank.Scratch, recent []string) (ids []string) {
	q := requestOf(r, recent)
	var a rank.Answer
	r.Recommend(&a, s, &q)
	for _, item := range a.Items {
		ids = append(ids, r.Model().ID(item.Row))
	}
	return ids
}

func requestOf(r *rank.Ranker, recent []string) rank.Request {
	q := rank.Request{N: Depth}
	for _, id := range recent {
		if row, ok := r.Model().Row(id); ok {
			q.Recent = append(q.Recent, rank.Recent{Row: row, Weight: 1})
		}
	}
	return q
}

// coverage is how many different items a sample gets.
func coverage(list []Visitor, of func(*Visitor) []string) int {
	seen := map[string]bool{}
	for i := range list {
		for _, id := range of(&list[i]) {
			seen[id] = true
		}
	}
	return len(seen)
}

// lengths are those of the vectors of some rows, spread evenly, and how many are no numbers. Items that nobody had are left out: they have
// none.
func lengths(r *rank.Ranker, rows int) (list []float64, nan int) {
	n := r.Model().Len()
	step := 1
	if rows > 0 && n > rows {
		step = n / rows
	}
	var v []float64
	for row := 0; row < n; row += step {
		v = r.Model().AppendVector(v[:0], edged.Row(row))
		sum := 0.0
		for _, x := range v {
			sum += x * x
		}
		switch {
		case math.IsNaN(sum) || math.IsInf(sum, 0):
			nan++
		case sum > 0:
			list = append(list, math.Sqrt(sum))
		}
	}
	slices.Sort(list)
	return list, nan
}

func median(sorted []float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)/2]
}

// shift is the total variation distance of two distributions of popularity over items,
//
//	½ Σ |p(i) − q(i)|,
//
// 0 where they are equal, 1 where no item has a share in both.
func shift(before, now *rank.Ranker) float64 {
	a, b := shares(before), shares(now)
	sum := 0.0
	for id, p := range a {
		sum += math.Abs(p - b[id])
	}
	for id, q := range b {
		if _, both := a[id]; !both {
			sum += q
		}
	}
	return sum / 2
}

func shares(r *rank.Ranker) map[string]float64 {
	m := r.Model()
	shares := make(map[string]float64, m.Len())
	sum := 0.0
	for row := range m.Len() {
		sum += float64(m.PopularityOf(edged.Row(row)))
	}
	for row := range m.Len() {
		if p := float64(m.PopularityOf(edged.Row(row))); p > 0 {
			shares[m.ID(edged.Row(row))] = p / sum
		}
	}
	return shares
}
