package train

import (
	"context"
	"errors"
	"fmt"

	"github.com/edged/edged/learn"
	"github.com/edged/edged/model"
)

// The item table's kinds.
const (
	ridgeTable = "ridge"
	easeTable  = "ease"
	knnTable   = "knn"
)

// maxRow bounds the targets kept of an item.
const maxRow = model.MaxTableRow

// TableConfig says how the item table is learned; see package learn for the formulas.
type TableConfig struct {
	Model        string  `json:"model"`                  // ridge, ease or knn
	L2           float64 `json:"l2,omitempty"`           // of ridge and ease
	P            float64 `json:"p,omitempty"`            // of ridge and ease
	E            float64 `json:"e,omitempty"`            // of ridge
	Neighbours   int     `json:"neighbours,omitempty"`   // of ridge and knn
	Source       float64 `json:"source,omitempty"`       // of knn
	Target       float64 `json:"target,omitempty"`       // of knn
	Shrink       float64 `json:"shrink,omitempty"`       // of knn
	Plain        bool    `json:"plain,omitempty"`        // of knn: visitors do not weigh less the more they have
	Content      float64 `json:"content,omitempty"`      // what items say of themselves counts beside what visitors did, as a share
	Row          int     `json:"row"`                    // targets kept of an item
	HalfLifeDays float64 `json:"halfLifeDays,omitempty"` // a training pair weighs 0.5^(age/half-life); 0: 1
}

// String names it in reports.
func (c TableConfig) String() string {
	if c.Content > 0 {
		plain := c
		plain.Content = 0
		return fmt.Sprintf("%s, content %g", plain, c.Content)
	}
	switch c.Model {
	case easeTable:
		return fmt.Sprintf("ease l2 %g, p %g, half-life %g d", c.L2, c.P, c.HalfLifeDays)
	case knnTable:
		kind := ""
		if c.Plain {
			kind = "plain "
		}
		return fmt.Sprintf("%sknn %g/%g, %d nearest, shrink %g, half-life %g d", kind, c.Source, c.Target, c.Neighbours, c.Shrink, c.HalfLifeDays)
	}
	return fmt.Sprintf("ridge l2 %g, p %g, e %g, half-life %g d", c.L2, c.P, c.E, c.HalfLifeDays)
}

func (c *TableConfig) check() error {
	if c == nil {
		return nil
	}
	faults := []error{
		check(c.Model == ridgeTable || c.Model == easeTable || c.Model == knnTable, "table.model: %q, want %s, %s or %s", c.Model, ridgeTable, easeTable, knnTable),
		checkRange("table.content", c.Content, 0, 100),
		checkRange("table.row", float64(c.Row), 1, maxRow),
		checkRange("table.halfLifeDays", c.HalfLifeDays, 0, 36500),
	}
	if c.Model != easeTable {
		faults = append(faults, checkRange("table.neighbours", float64(c.Neighbours), 1, learn.MaxNeighbours))
	}
	switch c.Model {
	case knnTable:
		faults = append(faults, checkRange("table.source", c.Source, 0, 4), checkRange("table.target", c.Target, 0, 4), checkRange("table.shrink", c.Shrink, 0, 1e6))
	case ridgeTable:
		faults = append(faults, checkRange("table.e", c.E, 0, 2))
		fallthrough
	case easeTable:
		faults = append(faults, checkRange("table.l2", c.L2, 1e-6, 1e6), checkRange("table.p", c.P, 0, 1e3))
	}
	return errors.Join(faults...)
}

// fit learns the table from visitors by items, and from what is alike, if that is known. before are the sources that targets had
// in an earlier table, nil for none.
func (c TableConfig) fit(ctx context.Context, pairs *learn.Matrix, alike *learn.Table, threads int, before [][]uint32, progress func(done, total int)) (*learn.Table, error) {
	t, err := c.fitPairs(ctx, pairs, threads, before, progress)
	if err != nil || alike == nil || c.Content == 0 {
		return t, err
	}
	return t.Plus(alike, c.Content, c.Row), nil
}

func (c TableConfig) fitPairs(ctx context.Context, pairs *learn.Matrix, threads int, before [][]uint32, progress func(done, total int)) (*learn.Table, error) {
	switch c.Model {
	case easeTable:
		return learn.EASE{L2: c.L2, P: c.P, Row: c.Row}.Fit(ctx, pairs, threads, progress)
	case knnTable:
		return learn.KNN{Source: c.Source, Target: c.Target, Shrink: c.Shrink, Neighbours: c.Neighbours, Row: c.Row, Plain: c.Plain}.Fit(ctx, pairs, threads, progress)
	}
	return learn.Ridge{L2: c.L2, P: c.P, E: c.E, Neighbours: c.Neighbours, Row: c.Row, Before: before}.Fit(ctx, pairs, threads, progress)
}

// defaultTable is what is used where nothing can be tried.
func defaultTable(timed bool) TableConfig {
	c := TableConfig{Model: ridgeTable, L2: 4, P: 0.5, E: 0.5, Neighbours: 100, Row: 100}
	if timed {
		c.L2, c.P, c.HalfLifeDays = 12, 0, 60
	}
	return c
}
