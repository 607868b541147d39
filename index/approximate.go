package index

import (
	"math"

	"github.com/edged/edged/internal/kernel"
	"github.com/edged/edged/quant"
)

const (
	seeds       = 64 // rows of the best cell that are scored first
	firstBlocks = 8  // scanned before the worst of the best is looked at again
	flush       = 16 // candidates worth a call
)

// approximate visits cells and scores rows whose estimates are good enough.
func (r *run) approximate(set *Setting) {
	x, s := r.x, r.s
	l := x.layout
	x.frame.Dots(s.turned[:x.frame.Room()], s.query.Codes)
	s.table.Set(s.turned[:quant.CodeDim(x.Dim())], l.Frame.Unit(&s.query), l.Bits)
	spread := float64(l.Sigma) * s.table.Norm
	s.params.Mul = float32(s.table.Mul)
	s.params.Add = float32(s.table.Add + float64(float64(set.Eps)*spread))
	s.cand = s.cand[:0]
	s.list = s.list[:0]
	x.centres.Dots(s.centre[:x.centres.Room()], s.query.Codes)
	kappa := float32(float64(set.Kappa) * s.table.Norm)
	best := x.promises.fill(s, kappa)
	r.seed(best)
	r.choose()
	for i, key := range s.list {
		c := cellOf(key)
		if s.upper[c] < s.best.limit && !(l.Head && c == 0) {
			break
		}
		if i+1 < len(s.list) {
			r.fetchCell(cellOf(s.list[i+1]))
		}
		s.Stats.Cells++
		if !r.cell(c, kappa) {
			break
		}
	}
	r.rerank()
	clear(s.seeded[:l.Cells()])
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

// fetchCell has the CPU fetch what cell reads first.
func (r *run) fetchCell(c int) {
	x, l, s := r.x, r.x.layout, r.s
	b := int(x.first[c]) + blocksOf(int(s.seeded[c]))
	if b >= int(x.first[c+1]) {
		return
	}
	size := len(s.table.LUT)
	kernel.Fetch(l.Codes[b*size : (b+1)*size])
	kernel.Fetch(l.F[b*kernel.BlockRows : (b+1)*kernel.BlockRows])
	kernel.Fetch(l.H[b*kernel.BlockRows : (b+1)*kernel.BlockRows])
}

// choose lists the cells that may hold one of the best, the most promising first.
func (r *run) choose() {
	l, s := r.x.layout, r.s
	if l.Head {
		s.upper[0] = float32(math.Inf(1))
	}
	n := kernel.AtLeast(s.cells[:l.Cells()], s.upper[:l.Cells()], s.best.limit)
	for _, c := range s.cells[:n] {
		s.list = append(s.list, cellKey(s.upper[c], int(c)))
	}
	s.list, s.sorted = bestFirst(s.list, s.sorted)
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

// collect lists the places whose bits are set and whose rows are allowed. Which of these are excluded is asked of the few that are good
// enough.
func (r *run) collect(masks []uint32, place int) {
	s := r.s
	n := len(s.cand)
	s.cand = appendSet(s.cand, masks)
	open := r.q.Allowed == nil
	for _, i := range s.cand[n:] {
		p := uint32(place) + i
		if open || r.q.allows(r.x.order[p]) {
			s.cand[n] = p
			n++
		}
	}
	s.cand = s.cand[:n]
}
