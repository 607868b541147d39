package index

import (
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/kernel"
	"github.com/edged/edged/quant"
)

const (
	chunk       = 1024       // most rows a kernel call takes
	block       = 64         // rows of an exact scan's first calls; the stop is checked between calls
	clockEvery  = 32 * block // rows between two looks at the clock
	seeds       = 64         // rows of the best cell that are scored first
	firstBlocks = 8          // scanned before the worst of the best is looked at again
	flush       = 16         // candidates worth a call
	gatherShare = 16         // allowed rows are scored one by one where they are one of so many,
	gatherMost  = 4096       // at most so many,
	gatherMin   = 256        // or so few
)

// Scratch is the working memory of a search. The zero Scratch is ready.
type Scratch struct {
	Stats  Stats
	query  quant.Query
	table  quant.Table
	params kernel.ScanParams
	best   top
	dots   []int32
	low    []int32
	near   []uint32  // places of candidates whose remainders count
	high   []int32   // their dot products
	centre []int32   // dot products of the centroids
	turned []int32   // the query under the frame
	upper  []float32 // what the best row of each cell promises
	list   []uint64  // cells to visit, most promising last
	cand   []uint32  // places to be scored
	scales []float32 // theirs
	masks  [2 * chunk / kernel.BlockRows]uint32
	seeded []uint32 // rows of each cell that were scored first
	hits   []Hit
}

func (s *Scratch) prepare(x *Index) {
	if len(s.dots) < 2*chunk {
		s.dots, s.low, s.high = make([]int32, 2*chunk), make([]int32, 2*chunk), make([]int32, 0, 2*chunk)
		s.scales = make([]float32, 2*chunk)
		s.cand, s.near = make([]uint32, 0, 2*chunk), make([]uint32, 0, 2*chunk)
	}
	l := x.layout
	if l == nil {
		return
	}
	if n := l.Cells(); len(s.upper) < n {
		s.upper, s.seeded, s.list, s.centre = make([]float32, n), make([]uint32, n), make([]uint64, 0, n), make([]int32, n)
	}
	if n := quant.CodeDim(x.Dim()); len(s.turned) < n {
		s.turned = make([]int32, n)
	}
}

// run is one search under way.
type run struct {
	x     *Index
	q     Query
	s     *Scratch
	clock func() time.Time
	next  int     // rows scanned when the clock is looked at again
	slack float32 // what the remainder of a row may add to its score, over the row's scale
}

// Search appends the best q.K rows to dst, best first, and returns the extended slice. Fewer come back only where
// fewer are allowed, or the deadline came: the first rows are always scanned, so that there is an answer to give.
// q.Vector must have Dim numbers.
func (x *Index) Search(dst []Hit, q *Query, s *Scratch) []Hit {
	s.Stats = Stats{}
	if len(q.Vector) != x.Dim() {
		panic("BUG: index: query of another dimension than the index")
	}
	k := min(q.K, x.Len())
	if k < 1 {
		return dst
	}
	r := x.start(q, s, k)
	switch setting := x.setting(q); {
	case x.place != nil && q.Allowed != nil && x.fewAllowed(q.Allowed):
		r.slack = r.surely()
		r.gather()
	case x.layout == nil:
		r.slack = r.surely()
		r.exact(0, x.Len(), 0)
	case setting == nil:
		r.slack = r.surely()
		r.exactCells()
	default:
		r.slack = float32(float64(setting.Slack) * s.query.Norm / math.Sqrt(12))
		r.approximate(setting)
	}
	s.Stats.Reranked = s.best.added
	return s.best.appendHits(dst)
}

// start readies a search.
func (x *Index) start(q *Query, s *Scratch, k int) run {
	s.prepare(x)
	s.query.Set(q.Vector)
	s.best.reset(k)
	r := run{x: x, q: *q, s: s, clock: q.Clock, next: clockEvery}
	if r.clock == nil {
		r.clock = time.Now
	}
	return r
}

// surely returns what the remainder of a row adds to its score at most, over the row's scale: ‖l‖/256 ≤ √D·127/256.
func (r *run) surely() float32 {
	return above(r.s.query.Norm * math.Sqrt(float64(len(r.s.query.Codes))) * 127 / 256)
}

// late reports, and notes, that the deadline has come. It looks at the clock every clockEvery rows.
func (r *run) late() bool {
	if r.q.Deadline.IsZero() || r.s.Stats.Scanned < r.next {
		return false
	}
	r.next = r.s.Stats.Scanned + clockEvery
	if r.clock().Before(r.q.Deadline) {
		return false
	}
	r.s.Stats.Truncated = true
	return true
}

func (q *Query) mayReturn(row edged.Row) bool {
	if q.Allowed != nil {
		word := int(row / 64)
		if word >= len(q.Allowed) || q.Allowed[word]>>(row%64)&1 == 0 {
			return false
		}
	}
	if len(q.Exclude) == 0 {
		return true
	}
	_, excluded := slices.BinarySearch(q.Exclude, row)
	return !excluded
}

// score offers rows of the places from … to, all of them.
func (r *run) score(from, to int) {
	x, s := r.x, r.s
	stride := len(s.query.Codes)
	dots := s.dots[:to-from]
	kernel.DotRowsI8I16(dots, x.rows.Codes[from*stride:to*stride], s.query.Codes)
	r.weigh(dots, from)
}

// weigh offers the rows from a place on whose dot products are known; there are at most chunk of them.
func (r *run) weigh(dots []int32, from int) {
	x, s := r.x, r.s
	s.Stats.Scanned += len(dots)
	s.Stats.Scored += len(dots)
	scales, order := x.rows.Scales[from:][:len(dots)], x.order[from:][:len(dots)]
	masks := s.masks[:blocksOf(len(dots))]
	add, limit := r.roughly()
	kernel.Above(masks, dots, scales, add, limit)
	open := r.q.Allowed == nil && len(r.q.Exclude) == 0
	n := 0
	near, high := s.near[:cap(s.near)], s.high[:cap(s.high)]
	for b, m := range masks {
		for ; m != 0; m &= m - 1 {
			i := b*kernel.BlockRows + bits.TrailingZeros32(m)
			if !open && !r.q.mayReturn(order[i]) {
				continue
			}
			near[n], high[n] = uint32(from+i), dots[i]
			n++
		}
	}
	s.near, s.high = near[:n], high[:n]
	r.offerNear()
}

// roughly returns what kernel.Above needs to let no row pass by whose score, slack added, is at least the limit.
func (r *run) roughly() (add, limit float32) {
	scale := r.s.query.Scale
	if scale == 0 {
		return 0, float32(math.Inf(-1))
	}
	if r.x.rows.Low != nil {
		add = above(float64(r.slack)/scale) + 1
	}
	l := float64(r.s.best.limit) / scale
	return add, float32(l - float64(math.Abs(l)*1e-5))
}

// offerCandidates offers the candidates, whose dot products are known. Those that cannot enter, with the slack where rows
// have remainders, are left out.
func (r *run) offerCandidates(dots []int32) {
	x, s := r.x, r.s
	cand, scales := s.cand[:len(dots)], s.scales[:len(dots)]
	all := x.rows.Scales
	for i, p := range cand {
		scales[i] = all[p]
	}
	masks := s.masks[:blocksOf(len(dots))]
	add, limit := r.roughly()
	kernel.Above(masks, dots, scales, add, limit)
	n := 0
	near, high := s.near[:cap(s.near)], s.high[:cap(s.high)]
	for b, m := range masks {
		for ; m != 0; m &= m - 1 {
			i := b*kernel.BlockRows + bits.TrailingZeros32(m)
			near[n], high[n] = cand[i], dots[i]
			n++
		}
	}
	s.near, s.high, s.cand = near[:n], high[:n], s.cand[:0]
	r.offerNear()
}

// offerNear offers the near rows by their scores.
func (r *run) offerNear() {
	x, s := r.x, r.s
	if x.rows.Low == nil {
		for i, p := range s.near {
			if score := s.query.Score(s.high[i], x.rows.Scales[p]); score >= s.best.limit {
				s.best.offer(score, x.order[p])
			}
		}
		return
	}
	low := s.low[:len(s.near)]
	kernel.DotGatherI8I16(low, x.rows.Low, s.near, s.query.Codes)
	for i, p := range s.near {
		if score := s.query.Fine(s.high[i], low[i], x.rows.Scales[p]); score >= s.best.limit {
			s.best.offer(score, x.order[p])
		}
	}
}

// exact scores the rows of the places from … to, in order of falling length from a block on, until no later one can
// enter. It reports whether the deadline let it.
func (r *run) exact(from, to, firstBlock int) bool {
	s := r.s
	for at := from; at < to; {
		b := firstBlock + (at-from)/kernel.BlockRows
		if s.best.full() && s.query.Bound(float64(r.x.norms[b])) < float64(s.best.limit) {
			return true
		}
		if r.late() {
			return false
		}
		n := min(block, to-at)
		r.score(at, at+n)
		at += n
	}
	return true
}

// exactCells scores every row that a bound does not exclude.
func (r *run) exactCells() {
	l, s := r.x.layout, r.s
	r.centres()
	s.list = s.list[:0]
	for c, most := range s.upper[:l.Cells()] {
		s.list = append(s.list, cellKey(most, c))
	}
	slices.Sort(s.list)
	for i := len(s.list) - 1; i >= 0; i-- {
		c := cellOf(s.list[i])
		if s.best.full() && s.upper[c] < s.best.limit {
			return
		}
		s.Stats.Cells++
		if !r.exact(int(l.Starts[c]), int(l.Starts[c+1]), int(r.x.first[c])) {
			return
		}
	}
}

// centres computes what no score of a row of each cell exceeds.
func (r *run) centres() {
	l, s := r.x.layout, r.s
	kernel.DotRowsI8I16(s.centre[:l.Cells()], l.Centroids.Codes, s.query.Codes)
	for c := range l.Cells() {
		s.upper[c] = above(r.most(c))
	}
}

// most returns a number no score of a row of cell c exceeds: ⟨q,h·C+r⟩ ≤ h·⟨q,C⟩ + ‖q‖·‖r‖, with room for rounding.
func (r *run) most(c int) float64 {
	x := r.x
	base := float64(r.base(c))
	ends := x.promises.ends[2*c:]
	top := max(float64(ends[0])*base, float64(ends[1])*base)
	return top + float64(r.s.query.Norm*float64(x.layout.Radius[c])*(1+1e-6)) + float64(math.Abs(top)*1e-5)
}

// base returns the score of a centroid.
func (r *run) base(c int) float32 {
	return r.s.query.Score(r.s.centre[c], r.x.layout.Centroids.Scales[c])
}

// cellKey orders cells by what they promise.
func cellKey(promise float32, c int) uint64 { return keyOf(promise, edged.Row(^uint32(c))) }

func cellOf(key uint64) int { return int(uint32(key)) }

// approximate visits cells and scores rows whose estimates are good enough.
func (r *run) approximate(set *Setting) {
	x, s := r.x, r.s
	l := x.layout
	l.Frame.Apply(s.turned[:quant.CodeDim(x.Dim())], &s.query)
	s.table.Set(s.turned[:quant.CodeDim(x.Dim())], l.Frame.Unit(&s.query), l.Bits)
	spread := float64(l.Sigma) * s.table.Norm
	s.params.Mul = float32(s.table.Mul)
	s.params.Add = float32(s.table.Add + float64(float64(set.Eps)*spread))
	s.cand = s.cand[:0]
	s.list = s.list[:0]
	kernel.DotRowsI8I16(s.centre[:l.Cells()], l.Centroids.Codes, s.query.Codes)
	kappa := float32(float64(set.Kappa) * s.table.Norm)
	best := x.promises.fill(s, kappa)
	r.seed(best)
	r.choose()
	for i := len(s.list) - 1; i >= 0; i-- {
		c := cellOf(s.list[i])
		if s.upper[c] < s.best.limit && !(l.Head && c == 0) {
			break
		}
		s.Stats.Cells++
		if !r.cell(c, kappa) {
			break
		}
	}
	r.rerank()
	clear(s.seeded[:l.Cells()])
}

// promises are the bounds of all cells.
type promises struct {
	ends   []float32 // the most and the least h of each cell
	scales []float32 // of the centroids
	wide   []float32
}

func (x *Index) newPromises() (p promises) {
	l := x.layout
	p.scales = l.Centroids.Scales
	for c := range l.Cells() {
		first, last := x.first[c], x.first[c+1]
		if first == last {
			p.ends, p.wide = append(p.ends, 0, 0), append(p.wide, 0)
			continue
		}
		n := int(l.Starts[c+1] - l.Starts[c])
		least := slices.Min(l.H[int(first)*kernel.BlockRows:][:n])
		p.ends, p.wide = append(p.ends, x.most[first], least), append(p.wide, x.wide[first])
	}
	return p
}

// fill estimates what the best row of each cell may score, residuals counting kappa/‖Mq‖ of their length, and returns
// the cell that promises most.
func (p *promises) fill(s *Scratch, kappa float32) (at int) {
	wide := p.wide
	dots, upper, ends, scales := s.centre[:len(wide)], s.upper[:len(wide)], p.ends[:2*len(wide)], p.scales[:len(wide)]
	scale := float32(s.query.Scale)
	best := float32(math.Inf(-1))
	for c, dot := range dots {
		h := ends[2*c+int(uint32(dot)>>31)]
		v := float32(float32(float32(float32(float32(dot)*h)*scale)*scales[c]) + float32(kappa*wide[c]))
		upper[c] = v
		if v > best {
			best, at = v, c
		}
	}
	return at
}

// seed scores the longest rows of the most promising cells until the best are as many as asked.
func (r *run) seed(at int) {
	l, s := r.x.layout, r.s
	if l.Head {
		at = 0
	}
	for range 4 {
		from := int(l.Starts[at])
		n := min(int(l.Starts[at+1])-from, chunk, max(seeds, blocksOf(s.best.k)*kernel.BlockRows))
		if n > 0 {
			r.score(from, from+n)
			s.seeded[at] = uint32(n)
		}
		if s.best.full() || l.Cells() == 1 {
			return
		}
		best := float32(math.Inf(-1))
		for c, v := range s.upper[:l.Cells()] {
			if v > best && s.seeded[c] == 0 {
				best, at = v, c
			}
		}
		if s.seeded[at] > 0 {
			return
		}
	}
}

// choose lists the cells that may hold one of the best, the most promising last.
func (r *run) choose() {
	l, s := r.x.layout, r.s
	if l.Head {
		s.upper[0] = float32(math.Inf(1))
	}
	limit := s.best.limit
	for c, v := range s.upper[:l.Cells()] {
		if v >= limit {
			s.list = append(s.list, cellKey(v, c))
		}
	}
	slices.Sort(s.list)
}

// cell estimates the rows of a cell, longest first, and collects those good enough.
func (r *run) cell(c int, kappa float32) bool {
	x, l, s := r.x, r.x.layout, r.s
	s.params.Base = r.base(c)
	size := len(s.table.LUT)
	start, end := int(l.Starts[c]), int(l.Starts[c+1])
	first, last := int(x.first[c]), int(x.first[c+1])
	most := firstBlocks
	for b := first + blocksOf(int(s.seeded[c])); b < last; {
		n := r.promising(c, b, min(last, b+most), kappa)
		if n == 0 {
			return true
		}
		if r.late() {
			return false
		}
		if most < chunk/kernel.BlockRows {
			most *= 2
		}
		if len(s.cand) > 0 && n > 8 {
			r.rerank()
		}
		from := b * kernel.BlockRows
		s.params.Limit = s.best.limit
		masks := s.masks[:n]
		kernel.Scan(masks, l.Codes[b*size:(b+n)*size], s.table.LUT, l.F[from:from+n*kernel.BlockRows],
			l.H[from:from+n*kernel.BlockRows], &s.params)
		place := start + (b-first)*kernel.BlockRows
		if over := place + n*kernel.BlockRows - end; over > 0 {
			masks[n-1] &= 1<<(kernel.BlockRows-over) - 1
			s.Stats.Scanned -= over
		}
		s.Stats.Scanned += n * kernel.BlockRows
		r.collect(masks, place)
		b += n
		if len(s.cand) >= flush {
			r.rerank()
		}
	}
	return true
}

// promising returns how many of the blocks b … last−1 of cell c, from the first on, may hold one of the best.
func (r *run) promising(c, b, last int, kappa float32) int {
	x := r.x
	base, limit := r.s.params.Base, r.s.best.limit
	if base < 0 { // then the rows with the least h promise most
		if r.s.upper[c] < limit {
			return 0
		}
		return last - b
	}
	most, wide := x.most[b:last], x.wide[b:last]
	for i, h := range most {
		if float32(float32(h*base)+float32(kappa*wide[i])) < limit {
			return i
		}
	}
	return last - b
}

// collect lists the places whose bits are set and whose rows may be returned.
func (r *run) collect(masks []uint32, place int) {
	s := r.s
	open := r.q.Allowed == nil && len(r.q.Exclude) == 0
	for _, m := range masks {
		for ; m != 0; m &= m - 1 {
			p := uint32(place + bits.TrailingZeros32(m))
			if open || r.q.mayReturn(r.x.order[p]) {
				s.cand = append(s.cand, p)
			}
		}
		place += kernel.BlockRows
	}
}

// rerank scores the candidates.
func (r *run) rerank() {
	x, s := r.x, r.s
	dots := s.dots[:len(s.cand)]
	kernel.DotGatherI8I16(dots, x.rows.Codes, s.cand, s.query.Codes)
	s.Stats.Scored += len(dots)
	r.offerCandidates(dots)
}

// fewAllowed reports whether the allowed rows are so few that scoring them all is cheapest.
func (x *Index) fewAllowed(allowed []uint64) bool {
	most := max(gatherMin, min(gatherMost, x.Len()/gatherShare))
	n := 0
	for i, w := range allowed[:min(len(allowed), (x.Len()+63)/64)] {
		if n += bits.OnesCount64(w); i%64 == 0 && n > most {
			return false
		}
	}
	return n <= most
}

// gather scores all allowed rows.
func (r *run) gather() {
	x, s := r.x, r.s
	s.cand = s.cand[:0]
	batch := 32 // small ones first, so that most meet a limit
	for i, w := range r.q.Allowed[:min(len(r.q.Allowed), (x.Len()+63)/64)] {
		for ; w != 0; w &= w - 1 {
			row := edged.Row(i*64 + bits.TrailingZeros64(w))
			if int(row) >= x.Len() {
				break
			}
			if len(r.q.Exclude) > 0 {
				if _, excluded := slices.BinarySearch(r.q.Exclude, row); excluded {
					continue
				}
			}
			s.cand = append(s.cand, x.place[row])
		}
		if len(s.cand) >= batch {
			batch = min(2*batch, 256)
			s.Stats.Scanned += len(s.cand)
			r.rerank()
			if r.late() {
				return
			}
		}
	}
	s.Stats.Scanned += len(s.cand)
	r.rerank()
}
