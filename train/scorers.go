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
// weight times 0.5^(age/half-life).
type vectorPart struct {
	factors  *learn.Factors
	halfLife float64
	active   []bool // items with observations: the others' vectors are zero

	x []float32
}

func newVectorPart(f *learn.Factors, halfLife float64) *vectorPart {
	d := f.ALS.Factors
	v := &vectorPart{factors: f, halfLife: halfLife, active: make([]bool, len(f.Y)/d)}
	for i := range v.active {
		v.active[i] = slices.ContainsFunc(f.Y[i*d:i*d+d], func(y float32) bool { return y != 0 })
	}
	return v
}

// fold computes the vectors of all probes.
func (v *vectorPart) fold(probes []probe, threads int) {
	pairs := learn.Collect(len(probes), len(v.active), func(yield func(r, c uint32, w float32)) {
		for at := range probes {
			for _, e := range probes[at].recent {
				yield(uint32(at), e.item, e.weight*float32(decay(e.days, v.halfLife)))
			}
		}
	})
	v.x = v.factors.FoldIn(pairs, threads)
}

// score writes the standardised score of every item for a probe into dst.
func (v *vectorPart) score(dst []float32, at int) {
	d := v.factors.ALS.Factors
	x := v.x[at*d : at*d+d]
	var sum, squares float64
	n := 0
	for i, active := range v.active {
		dst[i] = 0
		if !active {
			continue
		}
		s := vek32.Dot(x, v.factors.Y[i*d:i*d+d])
		dst[i] = s
		sum += float64(s)
		squares += float64(s) * float64(s)
		n++
	}
	if n == 0 {
		return
	}
	mean := sum / float64(n)
	sigma := math.Sqrt(max(squares/float64(n)-mean*mean, 0))
	if sigma > 0 {
		vek32.MulNumber_Inplace(dst, float32(1/sigma))
	}
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
