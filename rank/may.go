package rank

import (
	"time"

	"github.com/edged/edged"
)

// May reports whether a row may be recommended at a time: it is there, in stock and not expired.
func (r *Ranker) May(row edged.Row, now time.Time) bool {
	return int(row) < r.m.Len() && r.allowedAt(now).has(row)
}
