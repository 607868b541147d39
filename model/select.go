package model

import (
	"fmt"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/edged/edged"
)

// FilterScratch is the working memory of Select. The zero FilterScratch is ready; it belongs to one goroutine at a time.
type FilterScratch struct {
	nodes []node
	sets  []*Selection // working memory of combinations, one for each level
	used  int
	many  roaring.ManyIntIterator
	rows  [256]uint32
}

// node is a condition or combination, resolved against a release.
type node struct {
	op   nodeOp
	most int         // rows at most
	term int         // nodeTerm
	rows []edged.Row // nodeRows: in any order, perhaps twice
	args span        // nodes; of a conjunction the fewest rows first
}

type nodeOp uint8

const (
	nodeNone nodeOp = iota
	nodeTerm
	nodeRows
	nodeAvailable
	nodeAnd
	nodeOr
	nodeNot
)

// Select makes dst the rows that meet f. What dst and s hold is used again: with both grown it allocates nothing.
// Errors wrap ErrFilter, where f can't be asked of any release, or ErrNotIndexed, where it can't of this one; dst is
// empty then.
func (m *Model) Select(dst *Selection, f *Filter, s *FilterScratch) error {
	dst.reset(m.Base())
	dst.settle()
	a := m.catalogue.attributes
	if a == nil {
		return fmt.Errorf("%w: the release was made before there were filters", ErrNotIndexed)
	}
	if err := f.Check(); err != nil {
		return err
	}
	e := evaluation{m: m, a: a, s: s}
	s.nodes, s.used = append(s.nodes[:0], node{}), 0
	if err := e.resolve(0, f); err != nil {
		return err
	}
	e.eval(0, dst)
	dst.settle()
	if m.patch != nil {
		dst.extend(m.Len(), m.newRows(f))
	}
	return nil
}

// evaluation is one Select under way.
type evaluation struct {
	m *Model
	a *Attributes
	s *FilterScratch
}

// resolve makes node i what f asks for.
func (e *evaluation) resolve(i int, f *Filter) (err error) {
	n := node{}
	switch f.op {
	case filterIn:
		n, err = e.resolveIn(f)
	case filterIs:
		n, err = e.resolveIs(f)
	case filterBetween:
		var at *attribute
		if at, err = e.a.field(f.field, kindNumber); at != nil && at.numbers != nil {
			n = node{op: nodeRows, rows: at.numbers.between(f.span)}
		}
		if err == nil && e.m.patch != nil {
			n.op, n.rows = nodeRows, e.m.patch.between(e.a, f, n.rows)
		}
		n.most = min(len(n.rows), e.m.Base())
	default:
		n, err = e.resolveArgs(f)
	}
	e.s.nodes[i] = n
	return err
}

// resolveIn is the union of the values' terms.
func (e *evaluation) resolveIn(f *Filter) (n node, err error) {
	at, err := e.a.field(f.field, kindText)
	if err != nil || at == nil {
		return n, err
	}
	n = node{op: nodeOr, args: span{from: len(e.s.nodes)}}
	for _, text := range f.texts {
		if t := e.a.terms.find(at.texts, text); t >= 0 {
			e.s.nodes = append(e.s.nodes, e.term(t))
			n.most += e.a.terms.count(t)
		}
	}
	n.args.to, n.most = len(e.s.nodes), min(n.most, e.m.Base())
	if n.args.to == n.args.from+1 {
		n = e.s.nodes[n.args.from]
		e.s.nodes = e.s.nodes[:len(e.s.nodes)-1]
	}
	return n, nil
}

func (e *evaluation) resolveIs(f *Filter) (n node, err error) {
	at, err := e.a.field(f.field, kindFlag)
	switch {
	case err != nil:
		return n, err
	case f.field == fieldAvailable && f.flag:
		return node{op: nodeAvailable, most: e.m.Base() - e.m.Withheld()}, nil
	case f.field == fieldAvailable:
		n = node{op: nodeNot, most: e.m.Withheld(), args: span{len(e.s.nodes), len(e.s.nodes) + 1}}
		e.s.nodes = append(e.s.nodes, node{op: nodeAvailable, most: e.m.Base() - e.m.Withheld()})
		return n, nil
	case at == nil:
		return n, nil
	}
	text := "false"
	if f.flag {
		text = "true"
	}
	if t := e.a.terms.find(at.flags, text); t >= 0 {
		n = e.term(t)
	}
	return n, nil
}

func (e *evaluation) term(t int) node { return node{op: nodeTerm, term: t, most: e.a.terms.count(t)} }

func (e *evaluation) resolveArgs(f *Filter) (n node, err error) {
	n.args = span{len(e.s.nodes), len(e.s.nodes) + len(f.args)}
	for range f.args {
		e.s.nodes = append(e.s.nodes, node{})
	}
	for i := range f.args {
		if err := e.resolve(n.args.from+i, &f.args[i]); err != nil {
			return n, err
		}
	}
	args := e.args(&n)
	all := e.m.Base()
	switch f.op {
	case filterAnd:
		n.op, n.most = nodeAnd, all
		slices.SortStableFunc(args, func(a, b node) int { return a.most - b.most })
		if len(args) > 0 {
			n.most = args[0].most
		}
	case filterOr:
		n.op = nodeOr
		for i := range args {
			n.most = min(n.most+args[i].most, all)
		}
	case filterNot:
		n.op, n.most = nodeNot, all
		if args[0].op != nodeOr && args[0].op != nodeAnd && args[0].op != nodeRows { // then most is exact
			n.most = all - args[0].most
		}
	}
	return n, nil
}

func (e *evaluation) args(n *node) []node { return e.s.nodes[n.args.from:n.args.to] }

// eval makes out the rows of node i.
func (e *evaluation) eval(i int, out *Selection) {
	n := &e.s.nodes[i]
	out.reset(e.m.Base())
	switch n.op {
	case nodeAnd:
		e.conjunction(n, out)
	case nodeNot:
		e.eval(n.args.from, out)
		out.complement()
	default:
		if n.most > few(e.m.Base()) {
			out.setDense()
		}
		e.extend(out, i)
		out.sort()
	}
}

// conjunction begins with the fewest rows and takes away.
func (e *evaluation) conjunction(n *node, out *Selection) {
	if n.args.from == n.args.to {
		out.complement() // of none
		return
	}
	e.eval(n.args.from, out)
	for i := n.args.from + 1; i < n.args.to; i++ {
		e.retain(out, i, true)
	}
}

// extend adds the rows of node i.
func (e *evaluation) extend(out *Selection, i int) {
	switch n := &e.s.nodes[i]; n.op {
	case nodeNone:
	case nodeTerm:
		e.addTerm(out, n.term)
	case nodeRows:
		add(out, n.rows)
	case nodeAvailable:
		out.setDense()
		for i, w := range e.m.catalogue.available {
			out.bits[i] |= w
		}
	case nodeOr:
		for arg := n.args.from; arg < n.args.to; arg++ {
			e.extend(out, arg)
		}
	default:
		set := e.take()
		e.eval(i, set)
		out.union(set)
		e.release()
	}
}

func (e *evaluation) addTerm(out *Selection, t int) {
	terms := &e.a.terms
	switch terms.form(t) {
	case formList:
		add(out, terms.list(t))
	case formBits:
		out.setDense()
		for i, w := range terms.bitmap(t) {
			out.bits[i] |= w
		}
	case formRoaring:
		e.s.many.Initialize(terms.roaring(t))
		for {
			n := e.s.many.NextMany(e.s.rows[:])
			if n == 0 {
				return
			}
			add(out, e.s.rows[:n])
		}
	}
}

// retain leaves the rows of node i, or, where keep is false, those that are not of it.
func (e *evaluation) retain(out *Selection, i int, keep bool) {
	if !out.dense && len(out.rows) == 0 {
		return
	}
	n := &e.s.nodes[i]
	switch {
	case n.op == nodeNot:
		e.retain(out, n.args.from, !keep)
	case n.op == nodeAnd && keep, n.op == nodeOr && !keep:
		for arg := n.args.from; arg < n.args.to; arg++ {
			e.retain(out, arg, keep)
		}
	case n.op == nodeAvailable:
		out.retainBits(e.m.catalogue.available, keep)
	case n.op == nodeTerm && e.a.terms.form(n.term) == formBits:
		out.retainBits(e.a.terms.bitmap(n.term), keep)
	case n.op == nodeTerm && e.a.terms.form(n.term) == formList:
		out.retainRows(e.a.terms.list(n.term), keep)
	case n.op == nodeTerm && !out.dense:
		b := e.a.terms.roaring(n.term)
		out.keepIf(keep, func(row edged.Row) bool { return b.Contains(uint32(row)) })
	default:
		set := e.take()
		e.eval(i, set)
		out.retain(set, keep)
		e.release()
	}
}

// take lends a set of working memory, to be given back in turn.
func (e *evaluation) take() *Selection {
	s := e.s
	if s.used == len(s.sets) {
		s.sets = append(s.sets, new(Selection))
	}
	s.used++
	return s.sets[s.used-1]
}

func (e *evaluation) release() { e.s.used-- }
