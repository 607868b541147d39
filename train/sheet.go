package train

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/edged/edged/eval"
	"github.com/edged/edged/internal/parallel"
	"github.com/edged/edged/model"
	"github.com/viterin/vek/vek32"
)

// The parts of a score, in the order of model.Stage.
const (
	partTable = iota
	partFactors
	partPopular
	partRepeat
	partSession
	partPast
	parts
)

// mix is a weight for each part.
type mix [parts]float32

func mixOf(s model.Stage) mix {
	return mix{s.Table, s.Factors, s.Popular, s.Repeat, s.Session, s.Past}
}

func (m mix) stage(from int) model.Stage {
	return model.Stage{From: from, Table: m[partTable], Factors: m[partFactors], Popular: m[partPopular], Repeat: m[partRepeat],
		Session: m[partSession], Past: m[partPast]}
}

// scorer makes, for one goroutine, the function that scores items for a probe.
type scorer func() func(p *probe, to *tally)

// tally is a sparse vector of scores over items.
type tally struct {
	score  []float32
	marked []bool
	items  []uint32 // those marked
}

func newTally(n int) *tally { return &tally{score: make([]float32, n), marked: make([]bool, n)} }

func (t *tally) add(item uint32, x float32) {
	if !t.marked[item] {
		t.marked[item] = true
		t.items = append(t.items, item)
	}
	t.score[item] += x
}

func (t *tally) clear() {
	for _, i := range t.items {
		t.score[i], t.marked[i] = 0, false
	}
	t.items = t.items[:0]
}

// standardise divides by the deviation over n items, those not marked scoring 0.
func (t *tally) standardise(n int) {
	var sum, squares float64
	for _, i := range t.items {
		x := float64(t.score[i])
		sum += x
		squares += x * x
	}
	mean := sum / float64(n)
	sigma := math.Sqrt(max(squares/float64(n)-mean*mean, 0))
	if sigma == 0 {
		return
	}
	for _, i := range t.items {
		t.score[i] = float32(float64(t.score[i]) / sigma)
	}
}

// blendParts are what a sheet is made of; a nil part is not there.
type blendParts struct {
	sparse  [parts]scorer // table, repeat, session, past: what they mark are candidates
	vectors *vectorPart
	popular []float32 // z by item
	head    []uint32  // the items that are candidates for everybody, most popular first
}

// sheet holds, for many probes, the score of every part for every candidate, so that many mixes can be tried at the price of
// additions. A probe's candidates ascend.
type sheet struct {
	k      int
	start  []int
	score  [parts][]float32 // by candidate; nil: the part is not there
	hit    []bool           // by candidate: it was taken
	wanted []int32          // by probe: how many were taken
	stage  []int32          // by probe: how many distinct items its history has
	reward reward
	gains  []float64 // 1/log2(place+2), by place
	ideals []float64 // their sums
}

// reward is what a list is judged by: the sum of a probe's figures named.
type reward int

const (
	recallAndNDCG reward = iota
	hitMRRAndNDCG
)

// sheetBatch is how many probes one goroutine takes at a time.
const sheetBatch = 16

// newSheet scores probes in parallel.
func newSheet(ctx context.Context, items int, probes []probe, b *blendParts, k int, by reward, threads int) (*sheet, error) {
	s := &sheet{k: k, start: make([]int, len(probes)+1), reward: by}
	for at := range k {
		s.gains = append(s.gains, eval.Discount(at))
		s.ideals = append(s.ideals, eval.Discount(at))
		if at > 0 {
			s.ideals[at] += s.ideals[at-1]
		}
	}
	rows := make([]sheetRow, len(probes))
	workers := make([]*sheetWorker, threads)
	if b.vectors != nil && b.vectors.x == nil {
		b.vectors.fold(probes, threads)
	}
	parallel.For(threads, len(probes), sheetBatch, func(w, lo, hi int) {
		if ctx.Err() != nil {
			return
		}
		if workers[w] == nil {
			workers[w] = newSheetWorker(items, b)
		}
		workers[w].prepare(lo, hi)
		for i := lo; i < hi; i++ {
			rows[i] = workers[w].row(i, &probes[i])
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.gather(rows, probes, b)
	return s, nil
}

// sheetRow is one probe's candidates.
type sheetRow struct {
	items []uint32
	score [parts][]float32
	hit   []bool
}

func (s *sheet) gather(rows []sheetRow, probes []probe, b *blendParts) {
	for i := range rows {
		s.start[i+1] = s.start[i] + len(rows[i].hit)
		s.wanted = append(s.wanted, int32(len(probes[i].relevant)))
		s.stage = append(s.stage, int32(probes[i].distinct))
	}
	n := s.start[len(rows)]
	s.hit = make([]bool, 0, n)
	for part := range parts {
		if b.has(part) {
			s.score[part] = make([]float32, 0, n)
		}
	}
	for i := range rows {
		s.hit = append(s.hit, rows[i].hit...)
		for part := range parts {
			if s.score[part] != nil {
				s.score[part] = append(s.score[part], rows[i].score[part]...)
			}
		}
		rows[i] = sheetRow{}
	}
}

func (b *blendParts) has(part int) bool {
	switch part {
	case partFactors:
		return b.vectors != nil
	case partPopular:
		return b.popular != nil
	}
	return b.sparse[part] != nil
}

// reaches tells whether a table names candidates; where none does, vectors do.
func (b *blendParts) reaches() bool {
	return b.sparse[partTable] != nil || b.sparse[partSession] != nil
}

// sheetWorker is one goroutine's scratch memory.
type sheetWorker struct {
	b       *blendParts
	fill    [parts]func(p *probe, to *tally)
	tallies [parts]*tally
	dense   []float32 // scores by vectors of every item, probe after probe from lo to below hi
	lo, hi  int
	marked  []bool
	items   []uint32
}

func newSheetWorker(items int, b *blendParts) *sheetWorker {
	w := &sheetWorker{b: b, marked: make([]bool, items)}
	for part, open := range b.sparse {
		if open != nil {
			w.fill[part], w.tallies[part] = open(), newTally(items)
		}
	}
	return w
}

// prepare scores every item for probes lo to below hi by vectors, where those name the candidates: at once, so that vectors
// come from memory once for all of them.
func (w *sheetWorker) prepare(lo, hi int) {
	if w.b.vectors != nil && !w.b.reaches() {
		w.lo, w.hi = lo, hi
		w.dense = w.b.vectors.scores(w.dense[:0], len(w.marked), lo, hi)
	}
}

// scores are those of every item for a probe.
func (w *sheetWorker) scores(at int) []float32 {
	if at < w.lo || at >= w.hi {
		w.lo, w.hi = at, at+1
		w.dense = w.b.vectors.scores(w.dense[:0], len(w.marked), at, at+1)
	}
	n := len(w.marked)
	return w.dense[(at-w.lo)*n:][:n]
}

func (w *sheetWorker) row(at int, p *probe) (r sheetRow) {
	w.items = w.items[:0]
	for part, fill := range w.fill {
		if fill != nil {
			fill(p, w.tallies[part])
			w.mark(w.tallies[part].items)
		}
	}
	w.mark(w.b.head)
	if w.b.vectors != nil && (!w.b.reaches() || len(w.items) < fewCandidates) {
		w.mark(largestOf(w.scores(at), vectorCandidates))
	}
	w.ascend()
	for _, i := range w.items {
		w.marked[i] = false
		if _, out := slices.BinarySearch(p.without, i); out {
			continue
		}
		_, hit := slices.BinarySearch(p.relevant, i)
		r.hit = append(r.hit, hit)
		r.items = append(r.items, i)
		w.keep(&r, at, i)
	}
	for part, t := range w.tallies {
		if w.fill[part] != nil {
			t.clear()
		}
	}
	return r
}

// ascend puts the candidates in order.
func (w *sheetWorker) ascend() {
	if 8*len(w.items) < len(w.marked) {
		slices.Sort(w.items)
		return
	}
	w.items = w.items[:0]
	for i, marked := range w.marked {
		if marked {
			w.items = append(w.items, uint32(i))
		}
	}
}

func (w *sheetWorker) mark(items []uint32) {
	for _, i := range items {
		if !w.marked[i] {
			w.marked[i] = true
			w.items = append(w.items, i)
		}
	}
}

// keep takes an item's scores over.
func (w *sheetWorker) keep(r *sheetRow, at int, item uint32) {
	for part := range parts {
		switch {
		case part == partFactors && w.b.vectors != nil:
			r.score[part] = append(r.score[part], w.b.vectors.score(at, item))
		case part == partPopular && w.b.popular != nil:
			r.score[part] = append(r.score[part], w.b.popular[item])
		case w.fill[part] != nil:
			r.score[part] = append(r.score[part], w.tallies[part].score[item])
		}
	}
}

// try rewards the lists of some probes, nil being all, under each mix: out[m][probe].
func (s *sheet) try(mixes []mix, only []int, threads int) [][]float64 {
	if only == nil {
		only = s.among(0, math.MaxInt32)
	}
	out := make([][]float64, len(mixes))
	for m := range out {
		out[m] = make([]float64, len(only))
	}
	work := make([]*picker, threads)
	parallel.For(threads, len(only), 16, func(w, lo, hi int) {
		if work[w] == nil {
			work[w] = &picker{best: make([]scored, 0, s.k)}
		}
		for i := lo; i < hi; i++ {
			for m := range mixes {
				out[m][i] = s.rewardOf(work[w], only[i], &mixes[m])
			}
		}
	})
	return out
}

// among lists the probes with from to below to distinct items in their history.
func (s *sheet) among(from, to int32) []int {
	list := make([]int, 0, len(s.stage))
	for i, n := range s.stage {
		if n >= from && n < to {
			list = append(list, i)
		}
	}
	return list
}

// picker keeps the best of a probe's candidates, best first; of equals the earlier stays ahead.
type picker struct {
	best       []scored
	sums, part []float32
}

type scored struct {
	score float32
	hit   bool
}

func (s *sheet) rewardOf(p *picker, at int, m *mix) float64 {
	lo, hi := s.start[at], s.start[at+1]
	p.sums = slices.Grow(p.sums[:0], hi-lo)[:hi-lo]
	clear(p.sums)
	p.part = slices.Grow(p.part[:0], hi-lo)[:hi-lo]
	for part, w := range m {
		if w != 0 && s.score[part] != nil {
			vek32.Add_Inplace(p.sums, vek32.MulNumber_Into(p.part, s.score[part][lo:hi], w))
		}
	}
	p.best = p.best[:0]
	worst := float32(math.Inf(-1)) // of a full list
	for c, x := range p.sums {
		if x > worst {
			p.offer(scored{x, s.hit[lo+c]}, s.k)
			if len(p.best) == s.k {
				worst = p.best[s.k-1].score
			}
		}
	}
	return s.rate(p.best, int(s.wanted[at]))
}

func (p *picker) offer(x scored, k int) {
	n := len(p.best)
	if n == k {
		if !(x.score > p.best[n-1].score) {
			return
		}
		n--
	} else {
		p.best = append(p.best, x)
	}
	for n > 0 && p.best[n-1].score < x.score {
		p.best[n] = p.best[n-1]
		n--
	}
	p.best[n] = x
}

// rate is the reward of a list.
func (s *sheet) rate(list []scored, wanted int) float64 {
	var hits, gain, first float64
	for at, x := range list {
		if !x.hit {
			continue
		}
		if hits == 0 {
			first = 1 / float64(at+1)
		}
		hits++
		gain += s.gains[at]
	}
	ndcg := gain / s.ideals[min(s.k, wanted)-1]
	if s.reward == hitMRRAndNDCG {
		return min(hits, 1) + first + ndcg
	}
	return hits/float64(wanted) + ndcg
}

func mean(x []float64) (sum float64) {
	for _, v := range x {
		sum += v
	}
	return sum / float64(max(len(x), 1))
}

// order lists the items by falling score, equals by item.
func order(scores []float32) []uint32 {
	list := make([]uint32, len(scores))
	for i := range list {
		list[i] = uint32(i)
	}
	slices.SortFunc(list, func(a, b uint32) int { return cmp.Or(cmp.Compare(scores[b], scores[a]), cmp.Compare(a, b)) })
	return list
}
