package model

import (
	"fmt"

	"github.com/edged/edged"
	"github.com/edged/edged/index"
	"github.com/edged/edged/quant"
	"github.com/edged/edged/snapshot"
)

// SearchOptions say what searches of a release should find and cost.
type SearchOptions struct {
	Recall  float32   // share of the true best a query gets, on average; 0: DefaultRecall; 1: every search is exact
	K       int       // the K that matters most; default 20
	Queries []float32 // rows of Dim floats, like those that will come; without a few hundred every search is exact
	Kinds   int       // of queries, by turns: the least that one of them finds is what counts; default 1
	Coarse  bool      // 8-bit vectors without remainders: half the bytes, about 0.02 of recall
	Seed    uint64
	Threads int
	Stop    func() error // ends the laying out early, with this error; nil: nothing does
}

// DefaultRecall is asked where nothing else is.
const DefaultRecall = .99

const (
	maxSearchQueries = 256
	keptQueries      = 64 // of those held out, for the self-check
)

// made is what the vectors of a build became.
type made struct {
	of     []float32
	before *Model
	index  *index.Made
	kept   []float32
}

// lay encodes the vectors and lays them out, once for the same vectors.
func (b *Build) lay() (*made, error) {
	if b.made != nil && b.made.before == b.Before && len(b.made.of) == len(b.Vectors) && (len(b.Vectors) == 0 || &b.made.of[0] == &b.Vectors[0]) {
		return b.made, nil
	}
	o := index.Options{
		Recall: b.Search.Recall, K: b.Search.K, Queries: b.Search.Queries, Kinds: b.Search.Kinds, Seed: b.Search.Seed, Threads: b.Search.Threads,
		Stop: b.Search.Stop,
	}
	if o.Recall == 0 {
		o.Recall = DefaultRecall
	}
	if o.K == 0 {
		o.K = 20
	}
	dim := b.Meta.Dim
	like := b.earlier()
	rows, err := quant.EncodeLike(b.Vectors, dim, dim > 0 && !b.Search.Coarse && o.Worth(len(b.Vectors)/dim, dim), like.vectors())
	if err != nil {
		return nil, err
	}
	m := &made{of: b.Vectors, before: b.Before}
	if m.index, err = index.Make(rows, o); err != nil {
		return nil, err
	}
	if m.index.Layout != nil {
		m.kept = o.Queries[:min(len(o.Queries), keptQueries*dim)] // the first ones are held out
	}
	b.made = m
	return m, nil
}

func (b *Build) vectorSections(meta *Meta) ([]snapshot.Section, error) {
	m, err := b.lay()
	if err != nil {
		return nil, err
	}
	rows, order, place := &m.index.Rows, m.index.Order, m.index.Place
	gram := b.Gram
	if gram == nil {
		gram = rows.Gram()
	}
	if err := checkGram(gram); err != nil {
		return nil, err
	}
	if place == nil {
		place = index.Inverse(order)
	}
	list := []snapshot.Section{
		{Name: secCodes, Elem: 1, Data: snapshot.Bytes(rows.Codes)},
		{Name: secScales, Elem: 4, Data: snapshot.Bytes(rows.Scales)},
		{Name: secOrder, Elem: 4, Data: snapshot.Bytes(order)},
		{Name: secPlace, Elem: 4, Data: snapshot.Bytes(place)},
		{Name: secGram, Elem: 4, Data: snapshot.Bytes(gram)},
	}
	meta.Search = nil
	if l := m.index.Layout; l != nil {
		meta.Search = &SearchMeta{
			Recall: m.index.Recall, Bits: l.Bits, Cells: l.Cells(), Head: l.Head, Sigma: l.Sigma, FrameScale: l.Frame.Scale,
			Remainders: rows.Low != nil, Queries: len(m.kept) / meta.Dim, Concentration: m.index.Concentration,
			Settings: m.index.Index.Settings(),
		}
		list = append(list, layoutSections(l, rows.Low, m.kept)...)
	}
	for i := range list {
		list[i].Flags = snapshot.Critical | snapshot.Hot
	}
	return list, nil
}

func layoutSections(l *index.Layout, low []int8, queries []float32) []snapshot.Section {
	list := []snapshot.Section{
		{Name: secFrame, Elem: 1, Data: snapshot.Bytes(l.Frame.Codes)},
		{Name: secStarts, Elem: 4, Data: snapshot.Bytes(l.Starts)},
		{Name: secRadius, Elem: 4, Data: snapshot.Bytes(l.Radius)},
		{Name: secCentroids, Elem: 1, Data: snapshot.Bytes(l.Centroids.Codes)},
		{Name: secCentroidSc, Elem: 4, Data: snapshot.Bytes(l.Centroids.Scales)},
		{Name: secBits, Elem: 1, Data: l.Codes},
		{Name: secBitF, Elem: 4, Data: snapshot.Bytes(l.F)},
		{Name: secBitH, Elem: 4, Data: snapshot.Bytes(l.H)},
		{Name: secQueries, Elem: 4, Data: snapshot.Bytes(queries)},
	}
	if low != nil {
		list = append(list, snapshot.Section{Name: secLow, Elem: 1, Data: snapshot.Bytes(low)})
	}
	return list
}

func (m *Model) openVectors(sec *sections) (err error) {
	n, dim := m.meta.Items, m.meta.Dim
	m.rows = quant.Rows{
		Codes:  snapshot.I8s(sec.exact(secCodes, n*quant.Stride(dim))),
		Scales: snapshot.F32s(sec.exact(secScales, 4*n)),
		Dim:    dim,
	}
	if m.meta.Search != nil && m.meta.Search.Remainders {
		m.rows.Low = snapshot.I8s(sec.exact(secLow, n*quant.Stride(dim)))
	}
	m.order = snapshot.View[edged.Row](sec.exact(secOrder, 4*n))
	m.place = snapshot.U32s(sec.exact(secPlace, 4*n))
	m.gram = snapshot.F32s(sec.exact(secGram, 4*dim))
	if sec.err != nil {
		return sec.err
	}
	if m.meta.Search == nil {
		m.index, err = index.New(m.rows, m.order)
	} else {
		err = m.openLayout(sec)
	}
	if err != nil {
		return err
	}
	for place, row := range m.order {
		if m.place[row] != uint32(place) {
			return fmt.Errorf("%s: row %d: %d, want %d", secPlace, row, m.place[row], place)
		}
	}
	return checkGram(m.gram)
}

func (m *Model) openLayout(sec *sections) (err error) {
	s, dim := m.meta.Search, m.meta.Dim
	l := &index.Layout{Bits: s.Bits, Head: s.Head, Sigma: s.Sigma}
	l.Frame = quant.Frame{
		Codes: snapshot.I8s(sec.exact(secFrame, quant.CodeDim(dim)*quant.Stride(dim))), Scale: s.FrameScale, Dim: dim,
	}
	l.Starts = snapshot.U32s(sec.exact(secStarts, 4*(s.Cells+1)))
	l.Radius = snapshot.F32s(sec.exact(secRadius, 4*s.Cells))
	l.Centroids = quant.Rows{
		Codes: snapshot.I8s(sec.exact(secCentroids, s.Cells*quant.Stride(dim))), Scales: snapshot.F32s(sec.exact(secCentroidSc, 4*s.Cells)), Dim: dim,
	}
	most := (m.meta.Items + 32*s.Cells) // rows with padding
	l.Codes = sec.bytes(secBits, most*quant.CodeBytes(dim, s.Bits))
	l.F = snapshot.F32s(sec.bytes(secBitF, 4*most))
	l.H = snapshot.F32s(sec.bytes(secBitH, 4*most))
	m.queries = snapshot.F32s(sec.exact(secQueries, 4*s.Queries*dim))
	if sec.err != nil {
		return sec.err
	}
	m.index, err = index.NewLayout(m.rows, m.order, m.place, l, s.Settings, s.Recall)
	return err
}

// SearchQueries returns held-out queries to measure the approximate search with, rows of Dim floats; none where every
// search is exact.
func (m *Model) SearchQueries() []float32 { return m.queries }
