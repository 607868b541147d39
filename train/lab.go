package train

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"

	"github.com/edged/edged/learn"
	"github.com/edged/edged/model"
)

// Candidates, as on a node (package rank).
const (
	headItems        = 200 // of the most popular for everybody
	fewCandidates    = 100 // fewer than these are topped up
	vectorCandidates = 200 // by vector alone
)

// lab is where trials are made: what trains in a validation fold, the questions asked after it, and what many trials share.
type lab struct {
	fold    *fold
	part    *part
	visits  *histories
	active  int // items somebody had
	probes  map[model.Goal][]probe
	repeats bool // what people took before, they take again
	k       int
	seed    uint64
	threads int

	pairs map[float64]*learn.Matrix // by half-life
	z     map[float64][]float32
	q     []float32
}

// newLab takes at most limit questions of each goal, drawn by seed.
func newLab(f *fold, k, limit int, seed uint64, threads int) *lab {
	l := &lab{fold: f, part: f.train, visits: f.train.histories(), probes: make(map[model.Goal][]probe), k: k, seed: seed, threads: threads,
		pairs: make(map[float64]*learn.Matrix), z: make(map[float64][]float32)}
	l.active = l.matrix(0).Transpose().Active()
	for _, x := range f.exams {
		switch x.name {
		case examNew, examAny:
			l.probes[model.Goal(x.goal)] = l.ask(x, limit)
		case examNext, examPast:
			l.probes[model.GoalNext] = append(l.probes[model.GoalNext], l.ask(x, limit)...)
		}
	}
	l.q = l.part.repeatQ(l.visits)
	any := l.probes[model.GoalAny]
	l.repeats = len(any) >= leastQuestions && repeated(any) >= leastRepeats
	return l
}

// ask turns an exam's questions into probes.
func (l *lab) ask(x *exam, limit int) []probe {
	_, newest := l.part.span()
	var probes []probe
	for _, q := range draw(x.questions, limit, l.seed) {
		probes = append(probes, l.visits.probe(model.Goal(x.goal), &q, newest))
	}
	return probes
}

// leastRepeats is the share of repeats among what was taken from which on they are worth a blend of their own.
const leastRepeats = 0.02

// repeated is the share of what was taken that the history had.
func repeated(probes []probe) float64 {
	var again, all int
	for i := range probes {
		had := itemsOf(probes[i].recent)
		for _, item := range probes[i].relevant {
			if _, ok := slices.BinarySearch(had, item); ok {
				again++
			}
		}
		all += len(probes[i].relevant)
	}
	return float64(again) / float64(max(all, 1))
}

// draw takes at most n of a list, each with the same chance, and keeps their order.
func draw[T any](list []T, n int, seed uint64) []T {
	if len(list) <= n {
		return list
	}
	places := rand.New(rand.NewPCG(seed, 0x64726177)).Perm(len(list))[:n]
	slices.Sort(places)
	out := make([]T, n)
	for i, at := range places {
		out[i] = list[at]
	}
	return out
}

// matrix is the part's visitors by items, an observation weighing less the older it is.
func (l *lab) matrix(halfLife float64) *learn.Matrix {
	if l.pairs[halfLife] == nil {
		l.pairs[halfLife] = l.part.pairs(halfLife).Ordinary()
	}
	return l.pairs[halfLife]
}

func (l *lab) popularZ(halfLife float64) []float32 {
	if l.z[halfLife] == nil {
		l.z[halfLife] = l.part.popularZ(l.visits, halfLife)
	}
	return l.z[halfLife]
}

// base is what every sheet has: what is popular just now.
func (l *lab) base(halfLife float64) *blendParts {
	z := l.popularZ(halfLife)
	return &blendParts{popular: z, head: order(z)[:min(headItems, l.part.items)]}
}

func (l *lab) sheet(ctx context.Context, goal model.Goal, b *blendParts) (*sheet, error) {
	by := recallAndNDCG
	if goal == model.GoalNext {
		by = hitMRRAndNDCG
	}
	return newSheet(ctx, l.part.items, l.probes[goal], b, l.k, by, l.threads)
}

// bestMix is the mean reward of the best of some mixes.
func (s *sheet) bestMix(mixes []mix, threads int) (best mix, score float64) {
	for m, rewards := range s.try(mixes, nil, threads) {
		if x := mean(rewards); m == 0 || x > score {
			best, score = mixes[m], x
		}
	}
	return best, score
}

// thin keeps a share of the visitors, drawn by seed; the others' rows become empty.
func thin(m *learn.Matrix, share float64, seed uint64) *learn.Matrix {
	if share >= 1 {
		return m
	}
	rng := rand.New(rand.NewPCG(seed, 0x7468696e))
	t := &learn.Matrix{Cols: m.Cols, Start: make([]int, m.Rows()+1)}
	for r := range m.Rows() {
		if rng.Float64() < share {
			index, value := m.Row(r)
			t.Index, t.Value = append(t.Index, index...), append(t.Value, value...)
		}
		t.Start[r+1] = len(t.Index)
	}
	return t
}

// tried is a candidate with its score.
type tried[C any] struct {
	candidate C
	score     float64
	number    int // in the order of trying
}

func byScore[C any](a, b tried[C]) int {
	return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.number, b.number))
}
