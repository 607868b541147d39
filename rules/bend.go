package rules

import (
	"github.com/edged/edged"
	"github.com/edged/edged/internal/kernel"
)

// Allows reports whether exclude and only let a row through.
func (p *Plan) Allows(row edged.Row) bool { return p.of(row).what&excluded == 0 }

// of is what all effects together do to a row.
func (p *Plan) of(row edged.Row) effect {
	sum := effect{factor: 1}
	for i := range p.lifts {
		if l := &p.lifts[i]; l.Of.Has(row) {
			sum.what |= boosted
			sum.factor = bounded(sum.factor*float64(l.By), vast)
		}
	}
	if len(p.touched) == 0 {
		sum.factor = bounded(sum.factor, MaxFactor)
		return sum
	}
	return p.ofClass(sum, p.set.choices.class(row))
}

// ofClass adds what the effects do to the rows of a class.
func (p *Plan) ofClass(sum effect, class uint32) effect {
	in := 0
	for _, k := range p.set.choices.of(class) {
		e := &p.effects[k]
		if e.what == 0 {
			continue
		}
		sum.what |= e.what
		sum.factor = bounded(sum.factor*e.factor, vast)
		if e.what&wanted != 0 {
			in++
		}
	}
	if in < p.wanted {
		sum.what |= excluded
	}
	sum.factor = bounded(sum.factor, MaxFactor)
	return sum
}

// Bends reports whether the plan does what follows from each item alone: it takes items out, buries them and multiplies scores.
func (p *Plan) Bends() bool { return len(p.touched)+len(p.lifts) > 0 }

// Arranges reports whether the plan does what follows from where items are in the list: it chooses among more of them than are wanted.
func (p *Plan) Arranges() bool {
	return len(p.pins) > 0 || p.caps != caps{} || p.diversity > 0 || p.explore > 0
}

// Bend writes what the scores of rows above 0 are multiplied by to factors: 0 for those that come last, or not at all.
func (p *Plan) Bend(factors []float32, rows []edged.Row) {
	for i, row := range rows {
		factors[i] = p.bendRow(row)
	}
}

// BendIn is Bend for rows named by where they are in the catalogue's order.
func (p *Plan) BendIn(factors []float32, order []edged.Row, at []uint32) {
	if p.set != nil && len(p.lifts) == 0 && len(p.set.choices.inOrder) == len(order)+1 {
		p.bendClasses()
		kernel.Through(factors, p.bent, p.set.choices.inOrder, at)
		return
	}
	for i, one := range at {
		factors[i] = p.bendRow(order[one])
	}
}

func (p *Plan) bendRow(row edged.Row) float32 {
	if p.set == nil || len(p.lifts) > 0 {
		return bend(p.of(row))
	}
	return p.bendClass(p.set.choices.class(row))
}

// maxBent is for how many classes factors are worked out before any row is asked about.
const maxBent = 1024

// bendClasses works out the factor of every class, once for a request.
func (p *Plan) bendClasses() {
	if len(p.bent) > 0 {
		return
	}
	for class, marks := range p.set.choices.marks {
		factor := float32(1)
		if marks&p.marks != 0 || p.wanted > 0 {
			factor = bend(p.ofClass(effect{factor: 1}, uint32(class)))
		}
		p.bent = append(p.bent, factor)
	}
}

func (p *Plan) bendClass(class uint32) float32 {
	if p.set.choices.marks[class]&p.marks == 0 && p.wanted == 0 {
		return 1
	}
	return bend(p.ofClass(effect{factor: 1}, class))
}

func bend(e effect) float32 {
	if e.what&(excluded|buried) != 0 {
		return 0
	}
	return float32(e.factor)
}
