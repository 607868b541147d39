package model

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/edged/edged/index"
	"github.com/edged/edged/quant"
)

// formatVersion is the meaning of the sections; FORMAT.md has its history.
const formatVersion = 4

// oldestFormat is the first this program reads.
const oldestFormat = 1

// catalogueFormat is formatVersion for the catalogue.
const catalogueFormat = 1

// Meta says what a model is and how it was made. Format, Rows, Items, NeighbourK,
// Search, Table and Session are filled in by the writer.
type Meta struct {
	Format       int                `json:"format"`
	Rows         string             `json:"rows"` // digest of the ids in row order
	Items        int                `json:"items"`
	Dim          int                `json:"dim"`
	Users        int                `json:"users"`
	NeighbourK   int                `json:"neighbours"`
	Created      time.Time          `json:"created"`
	A0           float64            `json:"a0"`
	Reg          float64            `json:"reg"`
	Nu           float64            `json:"nu"`
	EventWeights map[string]float64 `json:"eventWeights,omitempty"` // 0: ignored
	Seed         uint64             `json:"seed"`
	HalfLifeDays float64            `json:"halfLifeDays"`
	Data         string             `json:"data,omitempty"` // digest of the data trained on
	Search       *SearchMeta        `json:"search,omitempty"`
	Active       int                `json:"active,omitempty"`  // items with observations: the I of the regulariser; 0: all
	Blends       []Blend            `json:"blends,omitempty"`  // at most one a goal; none: the factors alone rank
	Table        int                `json:"table,omitempty"`   // entries of the local ridge table, by the writer
	Session      int                `json:"session,omitempty"` // entries of the session table, by the writer
}

// SearchMeta says how vectors lie for an approximate search, and what was measured. Without one every search is exact.
type SearchMeta struct {
	Recall        float32         `json:"recall"` // what a query gets that asks for nothing else
	Bits          int             `json:"bits"`
	Cells         int             `json:"cells"` // the head included
	Head          bool            `json:"head"`
	Sigma         float32         `json:"sigma"`
	FrameScale    float32         `json:"frameScale"`
	Remainders    bool            `json:"remainders"`
	Queries       int             `json:"queries"`       // kept for the self-check
	Concentration float64         `json:"concentration"` // share of true best rows in the first quarter of the norm order
	Settings      []index.Setting `json:"settings"`
}

func (s *SearchMeta) check(n int) error {
	switch {
	case !(s.Recall > 0 && s.Recall <= 1):
		return fmt.Errorf("search: recall %g", s.Recall)
	case s.Bits != 1 && s.Bits != 2:
		return fmt.Errorf("search: %d bits", s.Bits)
	case s.Cells < 1 || s.Cells > index.MaxCells || n < 1:
		return fmt.Errorf("search: %d cells of %d rows", s.Cells, n)
	case s.Queries < 0 || s.Queries > maxSearchQueries:
		return fmt.Errorf("search: %d queries, at most %d", s.Queries, maxSearchQueries)
	}
	return nil
}

func parseMeta(b []byte) (Meta, error) {
	var meta Meta
	if err := json.Unmarshal(b, &meta); err != nil {
		return meta, fmt.Errorf("meta: %w", err)
	}
	if err := meta.check(); err != nil {
		return meta, fmt.Errorf("meta: %w", err)
	}
	return meta, nil
}

func (m *Meta) check() error {
	if m.Format < oldestFormat || m.Format > formatVersion {
		return fmt.Errorf("format %d, this program reads %d to %d", m.Format, oldestFormat, formatVersion)
	}
	if m.Search != nil {
		if err := m.Search.check(m.Items); err != nil {
			return err
		}
	}
	for _, f := range []struct {
		name     string
		v        float64
		min, max float64
	}{
		{"items", float64(m.Items), 0, MaxItems},
		{"dim", float64(m.Dim), 1, quant.MaxDim},
		{"users", float64(m.Users), 0, math.MaxInt64},
		{"neighbours", float64(m.NeighbourK), 0, MaxNeighbours},
		{"a0", m.A0, 0, 1e6},
		{"reg", m.Reg, 1e-12, 1e6},
		{"nu", m.Nu, 0, 4},
		{"active", float64(m.Active), 0, float64(m.Items)},
		{"table", float64(m.Table), 0, math.MaxUint32},
		{"session", float64(m.Session), 0, math.MaxUint32},
	} {
		if !(f.v >= f.min && f.v <= f.max) {
			return fmt.Errorf("%s is %g, want %g to %g", f.name, f.v, f.min, f.max)
		}
	}
	return CheckBlends(m.Blends)
}

type catalogueMeta struct {
	Format int      `json:"format"`
	Rows   string   `json:"rows"`
	Items  int      `json:"items"`
	Fields []string `json:"fields"`

	Filters *filterMeta `json:"filters,omitempty"` // nil: made before there were any
}

func (c *catalogueMeta) check(m *Meta) error {
	if c.Format != catalogueFormat {
		return fmt.Errorf("meta: format %d, this program reads %d", c.Format, catalogueFormat)
	}
	if c.Rows != m.Rows || c.Items != m.Items {
		return fmt.Errorf("meta: %w: %d rows %s, the model has %d rows %s", ErrMismatch, c.Items, c.Rows, m.Items, m.Rows)
	}
	seen := map[string]bool{}
	for _, name := range c.Fields {
		if !knownField(name) || seen[name] {
			return fmt.Errorf("meta: field %q: unknown or twice", name)
		}
		seen[name] = true
	}
	return nil
}
