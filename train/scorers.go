package train

import (
	"math"
	"slices"

	"github.com/edged/edged/learn"
	"github.com/viterin/vek/vek32"
)

// byTable is s_T/σ_T: what the table's rows of the history say, an item counting 0.5^(age/half-life) by its newest visit.
// active is the number of items over which the deviation goes.
func byTable(t *learn.Table, halfLife float64, active int) scorer {
	return func() func(p *probe, to *tally) {
		taken := make(map[uint32]bool)
		return func(p *probe, to *tally) {
			clear(taken)
			for _, v := range p.recent {
				if !taken[v.item] {
					taken[v.item] = true
					to.addRow(t, v.item, float32(decay(v.days, halfLife)))
				}
			}
			to.standardise(active)
		}
	}
}

func (t *tally) addRow(table *learn.Table, item uint32, h float32) {
	targets, weights := table.Row(int(item))
	for k, j := range targets {
		t.add(j, h*weights[k])
	}
}

// bySession is s_S/σ_S: the same with the session table over the session so far, the item a places before the latest
// counting (1+a)^-power.
func bySession(t *learn.Table, power float64, active int) scorer {
	return func() func(p *probe, to *tally) {
		return func(p *probe, to *tally) {
			for a, item := range p.session {
				to.addRow(t, item, float32(math.Pow(float64(1+a), -power)))
			}
			to.standardise(active)
		}
	}
}

// byRepeat is √(Σ 0.5^(age/half-life)) over the visits to an item, times q.
func byRepeat(q []float32, halfLife float64) scorer { return byVisits(q, halfLife, true) }

// byPast is the same without q, over the visits before this session.
func byPast(halfLife float64) scorer { return byVisits(nil, halfLife, false) }

func byVisits(q []float32, halfLife float64, current bool) scorer {
	return func() func(p *probe, to *tally) {
		return func(p *probe, to *tally) {
			for _, v := range p.recent {
				if current || !v.current {
					to.add(v.item, float32(decay(v.days, halfLife)))
				}
			}
			for _, i := range to.items {
				x := float32(math.Sqrt(float64(to.score[i])))
				if q != nil {
					x *= q[i]
				}
				to.score[i] = x
			}
		}
	}
}

// vectorPart is s_A/σ_A by factors: the visitor's vector is folded in from the history, an observation weighing its event's
// weight times 0.5^(age/half-life). σ_A is a node's: √(Σ_k x_k² Λ_k / I − (x·m)²), over the I items with observations.
type vectorPart struct {
	factors  *learn.Factors
	halfLife float64
	items    int       // I
	squares  []float64 // Λ_k
	mean     []float64 // m

	x []float32
}

func newVectorPart(f *learn.Factors, halfLife float64) *vectorPart {
	d := f.ALS.Factors
	v := &vectorPart{factors: f, halfLife: halfLife, squares: make([]float64, d), mean: make([]float64, d)}
	for from := 0; from < len(f.Y); from += d {
		active := false // the others' vectors are zero
		for k, y := range f.Y[from : from+d] {
			active = active || y != 0
			v.squares[k] += float64(y) * float64(y)
			v.mean[k] += float64(y)
		}
		if active {
			v.items++
		}
	}
	for k := range v.mean {
		v.mean[k] /= float64(max(v.items, 1))
	}
	return v
}

// fold computes the vectors of all probes, divided by σ_A.
func (v *vectorPart) fold(probes []probe, threads int) {
	d := v.factors.ALS.Factors
	pairs := learn.Collect(len(probes), len(v.factors.Y)/d, func(yield func(r, c uint32, w float32)) {
		for at := range probes {
			for _, e := range probes[at].recent {
				yield(uint32(at), e.item, e.weight*float32(decay(e.days, v.halfLife)))
			}
		}
	})
	v.x = v.factors.FoldIn(pairs, threads)
	for from := 0; from < len(v.x); from += d {
		if x := v.x[from : from+d]; v.deviation(x) > 0 {
			vek32.MulNumber_Inplace(x, float32(1/v.deviation(x)))
		}
	}
}

func (v *vectorPart) deviation(x []float32) float64 {
	var squares, mean float64
	for k, f := range x {
		squares += float64(f) * float64(f) * v.squares[k]
		mean += float64(f) * v.mean[k]
	}
	return math.Sqrt(max(squares/float64(max(v.items, 1))-mean*mean, 0))
}

// score is an item's for a probe.
func (v *vectorPart) score(at int, item uint32) float32 {
	d := v.factors.ALS.Factors
	return vek32.Dot(v.x[at*d:at*d+d], v.factors.Y[int(item)*d:int(item)*d+d])
}

// scores appends those of the first n items, for probes lo to below hi.
func (v *vectorPart) scores(dst []float32, n, lo, hi int) []float32 {
	const block = 64 // vectors that stay in the cache
	dst = slices.Grow(dst, n*(hi-lo))[:n*(hi-lo)]
	for from := 0; from < n; from += block {
		for at := lo; at < hi; at++ {
			for i := from; i < min(from+block, n); i++ {
				dst[(at-lo)*n+i] = v.score(at, uint32(i))
			}
		}
	}
	return dst
}

// largestOf are the items with the n largest scores, if above 0.
func largestOf(scores []float32, n int) (items []uint32) {
	if n == 0 {
		return nil
	}
	list := make([]learn.Scored, 0, 4*n)
	for i, s := range scores {
		if s > 0 {
			list = append(list, learn.Scored{Item: uint32(i), Score: s})
		}
	}
	for _, s := range learn.Best(list, n) {
		items = append(items, s.Item)
	}
	return items
}

// popularZ is z of the blend: how popular every item is just now.
func (p *part) popularZ(h *histories, halfLife float64) []float32 {
	sums := make([]float64, p.items)
	h.each(func(visits []visit) {
		for _, v := range visits {
			sums[v.item] += decay(v.days, halfLife)
		}
	})
	return learn.Standardised(sums, halfLife)
}

// repeatQ is q/mean(q) by item, an occasion being a visit.
func (p *part) repeatQ(h *histories) []float32 {
	m := &learn.Matrix{Cols: p.items, Start: make([]int, 1, p.users+1)}
	var items []uint32
	h.each(func(visits []visit) {
		items = items[:0]
		for _, v := range visits {
			items = append(items, v.item)
		}
		slices.Sort(items)
		for k, i := range items {
			if k > 0 && items[k-1] == i {
				m.Value[len(m.Value)-1]++
				continue
			}
			m.Index, m.Value = append(m.Index, i), append(m.Value, 1)
		}
		m.Start = append(m.Start, len(m.Index))
	})
	return learn.RepeatPropensity(m)
}

// sequences are the sessions of a part, items in order, each once, weighing 0.5^(age of the newest/half-life).
func (p *part) sequences(halfLife float64) *learn.Sequences {
	start := make([]int, p.sessions+1)
	for _, s := range p.session {
		if s != none {
			start[s+1]++
		}
	}
	for s := range p.sessions {
		start[s+1] += start[s]
	}
	items, next := make([]uint32, start[p.sessions]), slices.Clone(start)
	newest := make([]float64, p.sessions)
	for i, s := range p.session {
		if s != none {
			items[next[s]], newest[s] = p.item[i], p.days(i)
			next[s]++
		}
	}
	q := &learn.Sequences{Items: p.items, Start: []int{0}}
	seen := make(map[uint32]bool)
	for s := range p.sessions {
		clear(seen)
		from := len(q.Item)
		for _, i := range items[start[s]:start[s+1]] {
			if !seen[i] {
				seen[i] = true
				q.Item = append(q.Item, i)
			}
		}
		if len(q.Item)-from < 2 { // says nothing about pairs
			q.Item = q.Item[:from]
			continue
		}
		q.Start, q.Weight = append(q.Start, len(q.Item)), append(q.Weight, float32(decay(newest[s], halfLife)))
	}
	return q
}
