// Package index finds the rows whose vectors score highest against a query.
//
// An Index is an immutable view of memory somebody else owns: 8-bit rows in order of falling length. A search scans
// them in that order and stops, exactly, when no later row can enter the best K: by Cauchy and Schwarz a row scores at
// most ‖x‖·‖q‖. The answer is the one a full scan over the stored codes gives, to the bit: score descending, equal
// scores by row ascending.
//
// An Index may be searched by any number of goroutines; a Scratch belongs to one of them at a time. With a Scratch
// that has been used and room in dst a search allocates nothing and takes no lock. An Index keeps the slices it was
// made of; they must live and stay unchanged as long as it does.
package index

import (
	"fmt"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/quant"
)

// Hit is one row found. Its layout (row, then score, four bytes each) is also its layout in a snapshot.
type Hit struct {
	Row   edged.Row
	Score float32
}

// Before reports whether h comes before o in an answer.
func (h Hit) Before(o Hit) bool {
	return h.Score > o.Score || h.Score == o.Score && h.Row < o.Row
}

// Query says what to look for.
type Query struct {
	Vector   []float32        // Index.Dim numbers
	K        int              // how many hits; none for K < 1
	Exclude  []edged.Row      // rows never returned, ascending
	Allowed  []uint64         // bit row%64 of word row/64 set: the row may be returned; nil: all may. Missing words are zero
	Deadline time.Time        // when to stop, with what was found so far; zero: never
	Clock    func() time.Time // nil: time.Now
}

// Stats says what the latest search did.
type Stats struct {
	Scanned   int  // rows whose score was computed
	Reranked  int  // rows that entered the best K at some moment
	Truncated bool // the deadline came first
}

// Scratch is the working memory of a search. The zero Scratch is ready.
type Scratch struct {
	Stats Stats
	query quant.Query
	dots  [block]int32
}

// Index is a searchable set of rows.
type Index struct {
	rows  quant.Rows  // in the order of places
	order []edged.Row // place → row
	norms []float64   // place → an upper bound of the vector's length, never rising
}

// New makes an index of rows that lie in the order Order gives; order says which row lies at which place. Bytes that
// came from elsewhere are checked: the answer to a wrong order is an error, not a wrong hit.
func New(rows quant.Rows, order []edged.Row) (*Index, error) {
	if err := rows.Check(); err != nil {
		return nil, err
	}
	if len(order) != rows.Len() {
		return nil, fmt.Errorf("order: %d entries, want one for each of %d rows", len(order), rows.Len())
	}
	if err := checkPermutation(order); err != nil {
		return nil, err
	}
	x := &Index{rows: rows, order: order, norms: make([]float64, rows.Len())}
	for i := range x.norms {
		x.norms[i] = rows.Norm(i)
		if i > 0 && !inOrder(x.norms[i-1], x.norms[i], order[i-1], order[i]) {
			return nil, fmt.Errorf("order: place %d (row %d, length %g) must come before place %d (row %d, length %g)",
				i, order[i], x.norms[i], i-1, order[i-1], x.norms[i-1])
		}
	}
	return x, nil
}

func checkPermutation(order []edged.Row) error {
	seen := make([]uint64, (len(order)+63)/64)
	for i, row := range order {
		if int64(row) >= int64(len(order)) {
			return fmt.Errorf("order: place %d holds row %d of %d", i, row, len(order))
		}
		if bit := uint64(1) << (row % 64); seen[row/64]&bit != 0 {
			return fmt.Errorf("order: row %d twice, again at place %d", row, i)
		} else {
			seen[row/64] |= bit
		}
	}
	return nil
}

// Len returns the number of rows.
func (x *Index) Len() int { return len(x.order) }

// Dim returns the number of dimensions of a query.
func (x *Index) Dim() int { return x.rows.Dim }
