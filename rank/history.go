package rank

import (
	"github.com/edged/edged"
	"github.com/edged/edged/model"
)

// history is what counts of a visitor's recent items: each row once, newest first, with what its visits weigh.
type history struct {
	rows    []edged.Row
	table   []float64   // h: 0.5^(age/half-life) of the newest visit
	weight  []float64   // w: of the heaviest visit, type weight × 0.5^(age/half-life)
	visits  []float64   // Σ 0.5^(age/half-life) over all visits
	past    []float64   // the same over those before this session
	before  bool        // there are visits before this session
	session []edged.Row // those of this session, each visit to them, newest first
}

// set takes the visits with a positive weight to rows of the model. Ages count from the newest visit, or from the newest event
// the model knew where that is later, so that the past replayed gives what it gave; a visit without a time has age 0.
func (h *history) set(m *model.Model, recent []Recent, b *model.Blend) {
	*h = history{rows: h.rows[:0], table: h.table[:0], weight: h.weight[:0], visits: h.visits[:0], past: h.past[:0], session: h.session[:0]}
	now := m.Meta().Created.UnixMilli()
	for i := range recent {
		now = max(now, recent[i].Time)
	}
	for i := range recent {
		v := &recent[i]
		if !v.counts(m) {
			continue
		}
		age := int64(0)
		if v.Time > 0 {
			age = now - v.Time
		}
		h.take(v, age, b)
	}
}

func (r *Recent) counts(m *model.Model) bool { return r.Weight > 0 && int64(r.Row) < int64(m.Len()) }

func (h *history) take(v *Recent, age int64, b *model.Blend) {
	i := h.find(v.Row)
	if i < 0 {
		i = len(h.rows)
		h.rows = append(h.rows, v.Row)
		h.table, h.weight = append(h.table, 0), append(h.weight, 0)
		h.visits, h.past = append(h.visits, 0), append(h.past, 0)
	}
	h.table[i] = max(h.table[i], decay(age, b.TableHalfLifeDays))
	h.weight[i] = max(h.weight[i], float64(min(float64(v.Weight), maxWeight)*decay(age, b.FactorHalfLifeDays)))
	visit := decay(age, b.RepeatHalfLifeDays)
	h.visits[i] += visit
	if v.Session {
		h.session = append(h.session, v.Row)
	} else {
		h.before = true
		h.past[i] += visit
	}
}

// find returns where a row is, −1 where it isn't: at most MaxHistory of them, so looking at each is quick.
func (h *history) find(row edged.Row) int {
	for i, have := range h.rows {
		if have == row {
			return i
		}
	}
	return -1
}

// sessionOnly reports whether all of it is of this session.
func (h *history) sessionOnly() bool { return !h.before }
