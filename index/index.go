// Package index finds the rows whose vectors score highest against a query.
//
// An Index is an immutable view of memory somebody else owns. It searches in one of two ways.
//
// Exactly: a scan of 8-bit rows in order of falling length that stops when no later row can enter the best K: by Cauchy
// and Schwarz a row scores at most ‖x‖·‖q‖. The answer is the one a full scan over the stored codes gives, to the bit.
//
// Approximately, where there is a Layout: rows lie in cells of similar directions. A query visits cells in the order of
// what their best row may score, estimates 32 rows at a time from their bit codes, and computes the scores of those
// whose estimate, plus a few standard deviations of its error, is above the worst of the best K so far. Cells and rows
// that cannot enter by a bound, scaled by what was measured to suffice for the recall asked (Calibrate), are left out.
//
// A row's score is a function of the row and the query alone (quant.Query.Dot), whatever found the row; estimates
// only choose which rows are scored. Hits come by score descending, equal scores by row ascending. All arithmetic on
// the way is on integers or rounded one operation at a time, so that an answer is the same on every CPU.
//
// An Index may be searched by any number of goroutines; a Scratch belongs to one of them at a time. With a Scratch
// that has been used and room in dst a search allocates nothing and takes no lock. An Index keeps the slices it was
// made of; they must live and stay unchanged as long as it does.
package index

import (
	"fmt"
	"math"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/kernel"
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
	Recall   float32          // share of the true best K to be found on average; 0: what the index was made for, 1: all
	Exclude  []edged.Row      // rows never returned, ascending
	Allowed  []uint64         // bit row%64 of word row/64 set: the row may be returned; nil: all may. Missing words are zero
	Filter   *Filter          // of this index: nothing else is returned; nil: all may. Allowed and Exclude hold besides
	Deadline time.Time        // when to stop, with what was found so far; zero: never
	Clock    func() time.Time // nil: time.Now
}

// Stats says what the latest search did.
type Stats struct {
	Cells     int  // cells visited
	Scanned   int  // rows looked at: scored, or estimated from their bit codes
	Scored    int  // rows whose score was computed
	Reranked  int  // rows that might be among the best K when their score was known
	Truncated bool // the deadline came first
}

// Setting is what makes approximate searches find a share of the true best.
type Setting struct {
	Recall float32 `json:"recall"` // share asked
	K      int32   `json:"k"`      // for up to so many hits
	Eps    float32 `json:"eps"`    // a row is scored when its estimate + Eps standard deviations is above the worst of the best K; from PlainEps on: every row
	Kappa  float32 `json:"kappa"`  // blocks whose best row may score less than that, residuals (plain: lengths) counting Kappa of their length, are left out
	Slack  float32 `json:"slack"`  // what a row's remainder may add to its score, in standard deviations of an even one
	Got    float32 `json:"got"`    // share measured
	Cost   float32 `json:"cost"`   // of a query, in nanoseconds by the cost model
}

// PlainEps is the Eps of a setting that estimates nothing: rows in norm order are scored until the length of the next, times
// Kappa and the query's, is below the worst of the best K. Only a layout of one cell has such.
const PlainEps = 100

func (s *Setting) plain() bool { return s.Eps >= PlainEps }

// Index is a searchable set of rows.
type Index struct {
	rows  quant.Rows  // in the order of places
	order []edged.Row // place → row
	place []uint32    // row → place; nil without a layout
	norms []float32   // block of places → an upper bound of the vectors' lengths from there to the end of the cell

	layout   *Layout
	first    []uint32       // cell → its first block
	frame    *kernel.Turned // the layout's
	centres  *kernel.Turned // the layout's centroids
	promises promises
	most     []float32 // block → the largest h from there to the end of the cell
	wide     []float32 // block → the largest F·√D, about the length of the longest residual
	settings []Setting
	recall   float32
}

// New makes an index of rows that lie in the order Order gives; order says which row lies at which place. Bytes that
// came from elsewhere are checked: the answer to a wrong order is an error, not a wrong hit.
func New(rows quant.Rows, order []edged.Row) (*Index, error) {
	if err := check(&rows, order); err != nil {
		return nil, err
	}
	x := &Index{rows: rows, order: order, norms: make([]float32, blocksOf(rows.Len()))}
	before := 0.0
	for i := range order {
		norm := rows.Norm(i)
		if i > 0 && !inOrder(before, norm, order[i-1], order[i]) {
			return nil, fmt.Errorf("order: place %d (row %d, length %g) must come before place %d (row %d, length %g)",
				i, order[i], norm, i-1, order[i-1], before)
		}
		if i%kernel.BlockRows == 0 {
			x.norms[i/kernel.BlockRows] = above(norm)
		}
		before = norm
	}
	return x, nil
}

// NewLayout makes an index of rows that lie as an Arrangement says: order is place → row, place its inverse. recall is
// what a query gets that asks for nothing else; settings are what Calibrate found. Bytes that came from elsewhere are
// checked as far as memory safety goes; what bounds the scores is taken on trust.
func NewLayout(rows quant.Rows, order []edged.Row, place []uint32, layout *Layout, settings []Setting, recall float32) (*Index, error) {
	if err := check(&rows, order); err != nil {
		return nil, err
	}
	if len(place) != len(order) {
		return nil, fmt.Errorf("place: %d entries, want %d", len(place), len(order))
	}
	for p, row := range order {
		if place[row] != uint32(p) {
			return nil, fmt.Errorf("place: row %d: %d, want %d", row, place[row], p)
		}
	}
	if err := layout.Check(rows.Len(), rows.Dim); err != nil {
		return nil, err
	}
	if err := checkSettings(settings); err != nil {
		return nil, err
	}
	x := &Index{rows: rows, order: order, place: place, layout: layout, settings: settings, recall: recall}
	x.measure()
	x.promises = x.newPromises()
	return x, nil
}

// measure works out the bounds of lengths, and where blocks are, and turns what every query is multiplied with.
func (x *Index) measure() {
	l := x.layout
	stride := quant.Stride(x.Dim())
	x.frame, x.centres = kernel.NewTurned(l.Frame.Codes, stride), kernel.NewTurned(l.Centroids.Codes, stride)
	x.first = make([]uint32, l.Cells()+1)
	for c := range l.Cells() {
		x.first[c+1] = x.first[c] + uint32(blocksOf(int(l.Starts[c+1]-l.Starts[c])))
	}
	blocks := x.first[l.Cells()]
	x.norms, x.most, x.wide = make([]float32, blocks), make([]float32, blocks), make([]float32, blocks)
	root := float32(math.Sqrt(float64(quant.CodeDim(x.Dim()))))
	for c := range l.Cells() {
		norm, most, wide := 0.0, float32(-math.MaxFloat32), float32(0)
		for b := int(x.first[c+1]) - 1; b >= int(x.first[c]); b-- {
			from := int(l.Starts[c]) + (b-int(x.first[c]))*kernel.BlockRows
			for i := from; i < min(from+kernel.BlockRows, int(l.Starts[c+1])); i++ {
				norm = max(norm, x.rows.Norm(i))
				at := b*kernel.BlockRows + i - from
				most, wide = max(most, l.H[at]), max(wide, l.F[at])
			}
			x.most[b], x.wide[b] = most, wide*root
			x.norms[b] = above(norm)
		}
	}
}

func check(rows *quant.Rows, order []edged.Row) error {
	if err := rows.Check(); err != nil {
		return err
	}
	if len(order) != rows.Len() {
		return fmt.Errorf("order: %d entries, want one for each of %d rows", len(order), rows.Len())
	}
	return checkPermutation(order)
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

// Limits of a setting.
const (
	maxSettings = 64
	maxSlack    = 1000
)

func checkSettings(settings []Setting) error {
	if len(settings) > maxSettings {
		return fmt.Errorf("settings: %d, at most %d", len(settings), maxSettings)
	}
	for i, s := range settings {
		if !(s.Recall > 0 && s.Recall <= 1 && s.K > 0 && s.Eps >= -10 && s.Eps <= 100 && s.Kappa >= 0 && s.Kappa <= 10 && s.Slack >= 0 && s.Slack <= maxSlack) {
			return fmt.Errorf("settings: %d is out of range: %+v", i, s)
		}
	}
	return nil
}

// above rounds up to float32.
func above(v float64) float32 { return float32(v + float64(math.Abs(v)*1e-6)) }

// Setting returns how a query is searched, false for exactly: what was measured for the least recall that is at least as
// high as asked, and there for the next K up. Between two of them each number is the more careful one's. What was measured for
// some K and not for this recall did not reach it.
func (x *Index) Setting(q *Query) (s Setting, ok bool) {
	recall := q.Recall
	if recall == 0 {
		recall = x.recall
	}
	level, next := float32(math.Inf(1)), int32(math.MaxInt32)
	for i := range x.settings {
		s := &x.settings[i]
		if s.Recall >= recall {
			level = min(level, s.Recall)
		}
		if int(s.K) >= q.K {
			next = min(next, s.K)
		}
	}
	var up, down *Setting
	for i := range x.settings {
		s := &x.settings[i]
		switch {
		case s.Recall != level:
		case s.K == next:
			up = s
		case s.K < next && (down == nil || s.K > down.K):
			down = s
		}
	}
	if up == nil {
		return Setting{}, false
	}
	s = *up
	if down != nil && int(next) > q.K {
		s.carefulAs(down)
	}
	return s, true
}

// carefulAs makes each number of s at least that of o. Where one estimates and the other does not, their Kappas cannot be compared: the
// bound is then the full length.
func (s *Setting) carefulAs(o *Setting) {
	kappa := max(s.Kappa, o.Kappa)
	if s.plain() != o.plain() {
		kappa = max(kappa, 1)
	}
	s.Eps, s.Kappa, s.Slack = max(s.Eps, o.Eps), kappa, max(s.Slack, o.Slack)
}

// Len returns the number of rows.
func (x *Index) Len() int { return len(x.order) }

// Dim returns the number of dimensions of a query.
func (x *Index) Dim() int { return x.rows.Dim }

// Settings returns what the index was calibrated to; nil where every search is exact.
func (x *Index) Settings() []Setting { return x.settings }

// Rows returns the rows, by place.
func (x *Index) Rows() *quant.Rows { return &x.rows }

// Layout returns the layout, nil where there is none.
func (x *Index) Layout() *Layout { return x.layout }

// Bytes returns the bytes of memory a row takes, all sections counted.
func (x *Index) Bytes() float64 {
	n := len(x.rows.Codes) + len(x.rows.Low) + 4*(len(x.rows.Scales)+len(x.order)+len(x.place)+len(x.norms))
	if l := x.layout; l != nil {
		n += len(l.Codes) + 4*(len(l.F)+len(l.H)+len(l.Starts)+len(x.first)+len(l.Radius)+len(x.most)+len(x.wide)) + len(l.Frame.Codes) +
			len(l.Centroids.Codes) + 4*len(l.Centroids.Scales)
	}
	return float64(n) / math.Max(1, float64(x.Len()))
}
