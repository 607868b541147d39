package index

import (
	"math/bits"
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/kernel"
	"github.com/edged/edged/quant"
)

// Filter is a set of rows of an Index that is searched again and again: an index of their own, with copies of them. A search with it
// does no more than one of all rows does, whatever share of them it lets pass. It is immutable.
//
// A few lie in the order of their lengths and are searched without estimates. Many keep the cells and the bit codes they have among
// all, and are searched with a little more care.
type Filter struct{ of, part *Index }

// Filter prepares the rows whose bits are set, as in Query.Allowed.
func (x *Index) Filter(allowed []uint64) *Filter {
	places := x.placesOf(allowed)
	return x.filterOf(places, len(places) >= x.leastCelled())
}

// leastCelled returns from how many rows on cells gain something: where scoring all costs half of what a search of the index does.
func (x *Index) leastCelled() int {
	if x.layout == nil {
		return x.Len() + 1
	}
	least := max(LeastRows, 2*x.layout.Cells())
	if s, ok := x.Setting(&Query{K: 10}); ok {
		least = max(least, int((float64(s.Cost)/2-costPlain)/(costRow+costPlainBy*float64(x.Dim()))))
	}
	return least
}

// filterOf takes its places, ascending.
func (x *Index) filterOf(places []edged.Row, celled bool) *Filter {
	part := &Index{recall: x.recall, settings: x.carefulSettings()}
	if celled {
		part.layout = x.layoutOf(places)
	} else {
		x.sortByLength(places)
	}
	part.rows = Arrange(&x.rows, places)
	part.order = places
	for i, p := range places {
		part.order[i] = x.order[p]
	}
	if celled {
		part.measure()
		part.promises = part.newPromises()
	} else {
		part.measureFlat()
	}
	return &Filter{of: x, part: part}
}

// Len returns how many rows it lets pass.
func (f *Filter) Len() int { return f.part.Len() }

// Bytes returns the bytes of memory it takes.
func (f *Filter) Bytes() int { return int(f.part.Bytes() * float64(f.Len())) }

// among returns what a query searches.
func (x *Index) among(q *Query) *Index {
	if q.Filter == nil {
		return x
	}
	if q.Filter.of != x {
		panic("BUG: index: filter of another index")
	}
	return q.Filter.part
}

// placesOf returns the places of the rows whose bits are set, ascending.
func (x *Index) placesOf(allowed []uint64) []edged.Row {
	n := 0
	for _, w := range allowed {
		n += bits.OnesCount64(w)
	}
	places := make([]edged.Row, 0, min(n, x.Len()))
	for p, row := range x.order {
		if isSet(allowed, row) {
			places = append(places, edged.Row(p))
		}
	}
	return places
}

// sortByLength puts ascending places in the order of falling length, which is theirs already where there are no cells.
func (x *Index) sortByLength(places []edged.Row) {
	if x.layout == nil || x.layout.Cells() == 1 {
		return
	}
	norms := make(map[edged.Row]float64, len(places))
	for _, p := range places {
		norms[p] = x.rows.Norm(int(p))
	}
	slices.SortFunc(places, func(a, b edged.Row) int {
		if inOrder(norms[a], norms[b], x.order[a], x.order[b]) {
			return -1
		}
		return 1
	})
}

// measureFlat works out the bounds of rows in the order of falling length.
func (x *Index) measureFlat() {
	x.norms = make([]float32, blocksOf(x.Len()))
	for b := range x.norms {
		x.norms[b] = above(x.rows.Norm(b * kernel.BlockRows))
	}
}

// carefulSettings returns each setting half way to the next recall there is for its K: rows that a filter lets pass may be like each
// other, and then the share found among them is less than what was measured among all.
func (x *Index) carefulSettings() []Setting {
	out := slices.Clone(x.settings)
	for i := range out {
		if next := x.nextRecall(&out[i]); next != nil {
			out[i].halfWay(next)
		}
	}
	return out
}

func (x *Index) nextRecall(s *Setting) (next *Setting) {
	for i := range x.settings {
		o := &x.settings[i]
		if o.K == s.K && o.Recall > s.Recall && (next == nil || o.Recall < next.Recall) {
			next = o
		}
	}
	return next
}

// halfWay moves the numbers of s half way to those of o; all the way where they cannot be compared.
func (s *Setting) halfWay(o *Setting) {
	if s.plain() != o.plain() {
		s.carefulAs(o)
		return
	}
	s.Eps += (o.Eps - s.Eps) / 2
	s.Kappa += (o.Kappa - s.Kappa) / 2
	s.Slack += (o.Slack - s.Slack) / 2
}

// layoutOf returns the layout of the rows at some places, ascending: the cells and codes they have in x.
func (x *Index) layoutOf(places []edged.Row) *Layout {
	l := *x.layout
	l.Starts = []uint32{0}
	for _, start := range x.layout.Starts[1:] {
		end, _ := slices.BinarySearch(places, edged.Row(start))
		l.Starts = append(l.Starts, uint32(end))
	}
	n, size := l.Blocks()*kernel.BlockRows, quant.CodeBytes(x.Dim(), l.Bits)
	l.Codes, l.F, l.H = make([]byte, n*size), make([]float32, n), make([]float32, n)
	at := 0
	for c := range l.Cells() {
		for _, p := range places[l.Starts[c]:l.Starts[c+1]] {
			from := int(x.first[c])*kernel.BlockRows + int(uint32(p)-x.layout.Starts[c])
			l.F[at], l.H[at] = x.layout.F[from], x.layout.H[from]
			copyCode(l.Codes, at, x.layout.Codes, from, size)
			at++
		}
		at = blocksOf(at) * kernel.BlockRows
	}
	return &l
}

// copyCode copies the code of a row, of size bytes, from one place in blocks to another.
func copyCode(dst []byte, to int, src []byte, from, size int) {
	const rows = kernel.BlockRows
	dst, src = dst[to/rows*rows*size+to%rows:], src[from/rows*rows*size+from%rows:]
	for i := range size {
		dst[i*rows] = src[i*rows]
	}
}
