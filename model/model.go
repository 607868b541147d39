// Package model says what a release means: which sections its snapshots have, what is in them, and typed views on them.
//
// A release holds two snapshots. The model has ids, vectors, popularity, trends, neighbours and known answers; the
// catalogue has what is known about each item, as JSON values ready to be copied into an answer, and which items may
// be recommended. Both are about the same rows: the digest of the ids in row order is in both, and Open refuses a pair
// that was not made together. FORMAT.md has every byte.
//
// Build writes; equal input gives equal bytes. Open reads, and trusts nothing: every offset, row and number is checked
// before the first use, so that no later call can fail on them, whatever the bytes.
//
// A *Model is immutable and may be used by any number of goroutines. The numbers it gives out (not the strings) live in
// the memory of its snapshots: they are valid as long as the Model is reachable.
package model

import (
	"errors"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/index"
	"github.com/edged/edged/quant"
	"github.com/edged/edged/snapshot"
)

// Kinds of the two snapshots, and the names their files have in a release.
const (
	ModelKind     = "edged.model"
	CatalogueKind = "edged.catalogue"
	ModelFile     = "model.snap"
	CatalogueFile = "catalogue.snap"
)

// Limits of a release.
const (
	MaxItems      = 1 << 27
	MaxNeighbours = 1000
	MaxTrends     = 1024 // lists
	MaxTrend      = 500  // entries of a list
	MaxChecks     = 256
	maxMeta       = 1 << 20
	maxText       = 1<<32 - 1 // bytes an offset can say
	maxValue      = 512 << 10 // bytes of one catalogue value
)

// ErrMismatch: model and catalogue were not made together.
var ErrMismatch = errors.New("catalogue belongs to another model")

// Model is an opened release.
type Model struct {
	meta       Meta
	ids        *ids
	rows       quant.Rows  // by place
	place      []uint32    // row → place
	order      []edged.Row // place → row
	index      *index.Index
	gram       []float32
	popularity []float32
	popular    []edged.Row
	trends     trends
	checks     []Check
	queries    []float32 // for the self-check of an approximate search
	table      *Table    // nil: none
	session    *Table    // nil: none
	popularZ   []float32 // nil without blends, like the next two
	repeatQ    []float32
	mean       []float32
	briefs     []Brief
	blocks     quant.Blocks
	catalogue  catalogue
	content    *content       // nil: none
	patch      *patch         // nil: it is as the release has it
	model      *snapshot.File // keeps the memory alive, and holds the neighbours
}

// Check is a known query with its answer.
type Check struct {
	Recent []edged.Row // newest first, each of weight 1
	Hits   []index.Hit // best first, without the recent ones
}

// Len returns the number of items.
func (m *Model) Len() int {
	if m.patch != nil {
		return m.patch.base + len(m.patch.items)
	}
	return m.ids.len()
}

// Dim returns the number of dimensions of a vector.
func (m *Model) Dim() int { return m.meta.Dim }

// Meta returns how the model was made. Its map is shared: don't write.
func (m *Model) Meta() Meta { return m.meta }

// ID returns the id of a row of this model. The string may be kept for ever.
func (m *Model) ID(row edged.Row) string {
	if m.isNew(row) {
		return m.fresh(row).ID
	}
	return m.ids.id(row)
}

// Row returns the row of an item id.
func (m *Model) Row(id string) (edged.Row, bool) {
	row, ok := m.ids.row(id)
	if !ok && m.patch != nil {
		row, ok = m.patch.byID[id]
	}
	return row, ok
}

// RowOfBytes is Row for an id in bytes.
func (m *Model) RowOfBytes(id []byte) (edged.Row, bool) {
	row, ok := m.ids.rowOfBytes(id)
	if !ok && m.patch != nil {
		row, ok = m.patch.byID[string(id)]
	}
	return row, ok
}

// AppendRows appends the row of each id to dst, NoRow where there is none: RowOfBytes, but that nothing is waited for alone.
func (m *Model) AppendRows(dst []edged.Row, ids [][]byte) []edged.Row {
	n := len(dst)
	if dst = m.ids.appendRows(dst, ids); m.patch == nil {
		return dst
	}
	for i, id := range ids {
		if row, ok := m.patch.byID[string(id)]; ok && dst[n+i] == edged.NoRow {
			dst[n+i] = row
		}
	}
	return dst
}

// TouchRow has the CPU fetch what ID will read. Several rows touched one after the other are fetched together, where each would be waited
// for. The result means nothing but has to be used.
func (m *Model) TouchRow(row edged.Row) byte {
	if m.isNew(row) {
		return 0
	}
	return m.ids.text[m.ids.offs[row]]
}

// Index returns the search over all vectors of the release.
func (m *Model) Index() *index.Index { return m.index }

// AppendVector appends a row's vector, decoded, to dst.
func (m *Model) AppendVector(dst []float64, row edged.Row) []float64 {
	rows, place := m.vectorOf(row)
	return rows.Append(dst, place)
}

// AppendTimes appends a row's vector, decoded, times a number and, dimension by dimension, times by, which has quant.Stride(Dim)
// numbers, to dst.
func (m *Model) AppendTimes(dst []float32, row edged.Row, times float64, by []float32) []float32 {
	rows, place := m.vectorOf(row)
	return rows.AppendTimes(dst, place, times, by)
}

// FetchVector has a row's vector fetched, so that AppendTimes finds it near the CPU.
func (m *Model) FetchVector(row edged.Row) {
	if !m.isNew(row) {
		m.rows.Fetch(int(m.place[row]))
	}
}

// Gram returns the diagonal of YᵀY over all vectors.
func (m *Model) Gram() []float32 { return m.gram }

// Popular returns all rows of the release, the most popular first.
func (m *Model) Popular() []edged.Row { return m.popular }

// PopularityOf returns a row's popularity: the number of distinct users.
func (m *Model) PopularityOf(row edged.Row) float32 {
	if m.isNew(row) {
		return 0
	}
	return m.popularity[row]
}

// Trend returns what was trending in a setting when the model was trained, best first. The empty setting is everywhere.
func (m *Model) Trend(at edged.Setting) (rows []edged.Row, scores []float32, ok bool) {
	list, ok := m.trends.lists[at]
	return list.rows, list.scores, ok
}

// HasTrend reports whether there is a list of what was trending in a setting.
func (m *Model) HasTrend(at edged.Setting) bool {
	_, ok := m.trends.lists[at]
	return ok
}

// TrendsBy returns the parts of settings that any trend list goes by.
func (m *Model) TrendsBy() int { return m.trends.by }

// Trends returns how many trend lists there are, the one for everywhere included.
func (m *Model) Trends() int { return len(m.trends.lists) }

// Checks returns the known queries the release was made with.
func (m *Model) Checks() []Check { return m.checks }

// Weight returns the weight of a recent event of a type: 1 unless the release says otherwise, 0 = ignored.
func (m *Model) Weight(t edged.EventType) float32 {
	if w, ok := m.meta.EventWeights[string(t)]; ok {
		return float32(w)
	}
	return 1
}

// Age returns how old the model is at a time, at least 0.
func (m *Model) Age(now time.Time) time.Duration { return max(0, now.Sub(m.meta.Created)) }
