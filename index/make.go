package index

import (
	"fmt"
	"math"
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/quant"
)

// Options say what Make is to make.
type Options struct {
	Recall  float32                                      // share of the true best K a query is to find; 1: all, always
	K       int                                          // the K layouts are compared by; default 10
	Queries []float32                                    // rows of Dim floats, like those that will come; up to a half is held out to calibrate
	Kinds   int                                          // of queries, by turns: each kind is to find what is asked; default 1
	Truth   func(queries []float32, k int) [][]edged.Row // true best rows; nil: the exact search's
	Layout  LayoutConfig                                 // Bits, Cells and Head zero: the cheapest of a few
	Threads int
	Seed    uint64
	Stop    func() error // ends it early, with this error; nil: nothing does
}

// Made is an index and what it was made of.
type Made struct {
	Index         *Index
	Rows          quant.Rows // by place
	Order         []edged.Row
	Place         []uint32 // nil: the order is that of lengths, and every search exact
	Layout        *Layout
	Recall        float32 // what a query gets that asks for nothing else
	Concentration float64 // share of the true best rows in the first quarter of the norm order
}

// Least rows and queries for which there is anything to gain.
const (
	LeastRows    = 2048
	LeastQueries = 200
)

const (
	mostHeldOut = 4000
	manyRows    = 300_000 // then half as many: every one takes milliseconds to answer exactly
)

// concentrated is the share of the true best in the first quarter of the norm order from which on a head is tried.
const concentrated = .9

// Make lays rows out for the recall asked: it tries the layouts that may be cheapest, calibrates each on held-out queries
// and keeps the cheapest. Few rows, few queries or a recall of 1 get the plain exact index. Equal arguments give equal
// bytes.
func Make(rows quant.Rows, o Options) (*Made, error) {
	if o.K == 0 {
		o.K = 10
	}
	dim := rows.Dim
	if !o.Worth(rows.Len(), dim) {
		return makePlain(rows)
	}
	count := len(o.Queries) / dim
	most := mostHeldOut
	if rows.Len() > manyRows {
		most /= 2
	}
	held := min(most, count/2)
	heldOut, rest := o.Queries[:held*dim], o.Queries[held*dim:count*dim]
	m := &maker{rows: rows, o: o, heldOut: heldOut, rest: rest}
	if err := m.truths(); err != nil {
		return nil, err
	}
	var best *Made
	cheapest := float32(math.Inf(1))
	for _, cfg := range m.candidates() {
		made, cost, err := m.attempt(cfg)
		if err != nil {
			return nil, err
		}
		if best == nil || cost < cheapest {
			best, cheapest = made, cost
		}
	}
	recalls := []float32{.9, .95, .99, .999, o.Recall}
	slices.Sort(recalls)
	return best, m.calibrate(best.Index, m.ks(), slices.Compact(recalls))
}

// ks lists what the index is calibrated for, ascending. A larger K is searched exactly.
func (m *maker) ks() []int {
	ks := []int{m.o.K}
	for _, k := range []int{1, 10, 100, 500} {
		if k <= m.rows.Len()/8 {
			ks = append(ks, k)
		}
	}
	slices.Sort(ks)
	return slices.Compact(ks)
}

func (m *maker) calibrate(x *Index, ks []int, recalls []float32) error {
	err := x.Calibrate(Calibration{Queries: m.heldOut, Kinds: m.o.Kinds, Truth: m.truth, scores: m.scores, Ks: ks, Recalls: recalls, Threads: m.o.Threads, Stop: m.o.Stop})
	if err != nil {
		return fmt.Errorf("calibrate: %w", err)
	}
	return nil
}

// Worth reports whether Make gives n rows a layout.
func (o *Options) Worth(n, dim int) bool {
	return n >= LeastRows && len(o.Queries) >= LeastQueries*dim && o.Recall > 0 && o.Recall < 1
}

func makePlain(rows quant.Rows) (*Made, error) {
	order := Order(&rows)
	made := &Made{Rows: Arrange(&rows, order), Order: order}
	var err error
	made.Index, err = New(made.Rows, order)
	return made, err
}

// stopped is why to end early; nil: go on.
func stopped(stop func() error) error {
	if stop == nil {
		return nil
	}
	return stop()
}

type maker struct {
	rows          quant.Rows
	o             Options
	heldOut, rest []float32
	truth         [][]edged.Row
	scores        [][]Hit
	concentration float64
}

// truths finds the true best rows of the held-out queries, and how long they are among all.
func (m *maker) truths() error {
	plain, err := makePlain(m.rows)
	if err != nil {
		return err
	}
	k := min(slices.Max(m.ks()), m.rows.Len())
	if m.o.Truth != nil {
		m.truth = m.o.Truth(m.heldOut, k)
	}
	m.scores = plain.Index.exactAnswers(m.heldOut, k, m.o.Threads, m.o.Stop)
	if err := stopped(m.o.Stop); err != nil {
		return err
	}
	place := Inverse(plain.Order)
	long, all := 0, 0
	for _, hits := range m.scores {
		for _, h := range hits[:min(10, len(hits))] {
			all++
			if int(place[h.Row]) < m.rows.Len()/4 {
				long++
			}
		}
	}
	m.concentration = float64(long) / float64(max(1, all))
	return nil
}

// candidates lists the layouts worth a try.
func (m *maker) candidates() []LayoutConfig {
	base := m.o.Layout
	base.Seed, base.Threads, base.Stop = m.o.Seed, m.o.Threads, m.o.Stop
	if base.Bits != 0 || base.Cells != 0 || base.Head != 0 {
		return []LayoutConfig{base}
	}
	n := m.rows.Len()
	with := func(bits, head int) LayoutConfig {
		c := base
		c.Bits, c.Head = bits, head
		return c
	}
	if n > manyRows { // building takes minutes where trying takes seconds
		return []LayoutConfig{with(2, 0)}
	}
	list := []LayoutConfig{with(1, 0), with(2, 0)}
	if m.concentration >= concentrated {
		list = append(list, with(1, n))
	}
	return list
}

// attempt makes one layout and returns what a query costs.
func (m *maker) attempt(cfg LayoutConfig) (*Made, float32, error) {
	a, err := LayOut(&m.rows, m.rest, cfg)
	if err != nil {
		return nil, 0, err
	}
	made := &Made{
		Rows: Arrange(&m.rows, a.Order), Order: a.Order, Place: Inverse(a.Order), Layout: &a.Layout, Recall: m.o.Recall, Concentration: m.concentration,
	}
	if made.Index, err = NewLayout(made.Rows, made.Order, made.Place, made.Layout, nil, m.o.Recall); err != nil {
		return nil, 0, err
	}
	if err := m.calibrate(made.Index, []int{m.o.K}, []float32{m.o.Recall}); err != nil {
		return nil, 0, err
	}
	cost := float32(math.Inf(1))
	if s, ok := made.Index.Setting(&Query{K: m.o.K}); ok {
		cost = s.Cost
	}
	return made, cost, nil
}
