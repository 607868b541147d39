package model

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/edged/edged/quant"
)

// formatVersion is the meaning of the sections; FORMAT.md has its history.
const formatVersion = 1

// Meta says what a model is and how it was made. Format, Rows, Items and NeighbourK are filled in by the writer.
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
	if m.Format != formatVersion {
		return fmt.Errorf("format %d, this program reads %d", m.Format, formatVersion)
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
	} {
		if !(f.v >= f.min && f.v <= f.max) {
			return fmt.Errorf("%s is %g, want %g to %g", f.name, f.v, f.min, f.max)
		}
	}
	return nil
}

type catalogueMeta struct {
	Format int      `json:"format"`
	Rows   string   `json:"rows"`
	Items  int      `json:"items"`
	Fields []string `json:"fields"`
}

func (c *catalogueMeta) check(m *Meta) error {
	if c.Format != formatVersion {
		return fmt.Errorf("meta: format %d, this program reads %d", c.Format, formatVersion)
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
