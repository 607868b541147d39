package model

import (
	"fmt"
	"sort"

	"github.com/edged/edged"
)

// column64 is a field of numbers, sorted for ranges.
type column64 struct {
	values []float64   // distinct, ascending
	starts []uint32    // value i is that of rows[starts[i]:starts[i+1]], ascending; one entry more than values
	rows   []edged.Row // by value
}

// append adds a value that is not below the last, with a row above the last with that value. end must follow.
func (c *column64) append(value float64, row edged.Row) {
	if n := len(c.values); n == 0 || c.values[n-1] != value {
		c.values = append(c.values, value)
		c.starts = append(c.starts, uint32(len(c.rows)))
	}
	c.rows = append(c.rows, row)
}

func (c *column64) end() { c.starts = append(c.starts, uint32(len(c.rows))) }

// check makes every later use safe: values finite and ascending, each with rows below n that ascend.
func (c *column64) check(n int) error {
	if len(c.starts) != len(c.values)+1 || c.starts[0] != 0 || int(c.starts[len(c.values)]) != len(c.rows) {
		return fmt.Errorf("%d starts of %d values that do not go from 0 to %d", len(c.starts), len(c.values), len(c.rows))
	}
	for i, v := range c.values {
		if v-v != 0 || i > 0 && !(c.values[i-1] < v) {
			return fmt.Errorf("value %d, %g, is out of order", i, v)
		}
		if c.starts[i] >= c.starts[i+1] || int(c.starts[i+1]) > len(c.rows) {
			return fmt.Errorf("value %d: rows %d to %d of %d", i, c.starts[i], c.starts[i+1], len(c.rows))
		}
		if err := checkAscending(c.rows[c.starts[i]:c.starts[i+1]], n); err != nil {
			return fmt.Errorf("value %d: %w", i, err)
		}
	}
	return nil
}

// between returns the rows with a value in r, in order of value.
func (c *column64) between(r Range) []edged.Row {
	from := sort.Search(len(c.values), func(i int) bool { return c.values[i] > r.Min || !r.OpenMin && c.values[i] == r.Min })
	to := sort.Search(len(c.values), func(i int) bool { return c.values[i] > r.Max || r.OpenMax && c.values[i] == r.Max })
	if from >= to {
		return nil
	}
	return c.rows[c.starts[from]:c.starts[to]]
}

func checkAscending(rows []edged.Row, n int) error {
	for i, row := range rows {
		if uint64(row) >= uint64(n) {
			return fmt.Errorf("row %d of %d", row, n)
		}
		if i > 0 && rows[i-1] >= row {
			return fmt.Errorf("row %d does not come after %d", row, rows[i-1])
		}
	}
	return nil
}
