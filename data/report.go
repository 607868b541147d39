package data

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Classes of reasons a row is dropped for.
const (
	Filtered = "filtered" // the mapping says so
	Bad      = "bad"      // the row is broken
)

const (
	maxExamples = 2
	maxExample  = 200 // bytes of an example
	maxReasons  = 1000
	earlyRows   = 10_000
)

// ErrTooManyBad is wrapped when more than the allowed share of rows is broken. Nothing was imported then.
var ErrTooManyBad = errors.New("too many bad rows")

// Report accounts for every row of an import.
//
// Of events, Rows == Events + Duplicates + Dropped, and Items is how many items the rows also spoke of. Of items,
// Rows == Items + Duplicates + Dropped, where Items is how many different items there were.
type Report struct {
	Rows       int64    `json:"rows"`
	Events     int64    `json:"events"`
	Items      int64    `json:"items"`
	Duplicates int64    `json:"duplicates"`
	Dropped    int64    `json:"dropped"`
	Reasons    []Reason `json:"reasons,omitempty"` // bad ones first, then by count
}

// Reason is why rows were dropped, and how many.
type Reason struct {
	Name     string    `json:"name"`
	Class    string    `json:"class"` // Filtered or Bad
	Count    int64     `json:"count"`
	Examples []Example `json:"examples"`
}

// Example is one dropped row.
type Example struct {
	File  string `json:"file"` // base name
	Line  int64  `json:"line"`
	Text  string `json:"text"` // the row's beginning
	Error string `json:"error,omitempty"`
}

// Bad is the number of rows dropped because they were broken.
func (r *Report) Bad() (n int64) {
	for _, x := range r.Reasons {
		if x.Class == Bad {
			n += x.Count
		}
	}
	return n
}

// String says it in one line.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d rows: %d events, %d items, %d duplicates, %d dropped", r.Rows, r.Events, r.Items, r.Duplicates, r.Dropped)
	for i, x := range r.Reasons {
		sep := ", "
		if i == 0 {
			sep = " ("
		}
		fmt.Fprintf(&b, "%s%d %s", sep, x.Count, x.Name)
	}
	if len(r.Reasons) > 0 {
		b.WriteByte(')')
	}
	return b.String()
}

// tally counts while an import runs.
type tally struct {
	Report
	bad     int64
	reasons map[string]*Reason
}

func (t *tally) drop(f *fault, file string, line int64, text string) {
	t.Dropped++
	class := Filtered
	if f.bad {
		class = Bad
		t.bad++
	}
	r := t.reason(f.reason, class)
	r.Count++
	if len(r.Examples) < maxExamples {
		r.Examples = append(r.Examples, Example{file, line, excerpt(text), excerpt(f.detail)})
	}
}

func (t *tally) reason(name, class string) *Reason {
	id := class + name
	if r := t.reasons[id]; r != nil {
		return r
	}
	if len(t.reasons) >= maxReasons {
		name, id = "other", class
	}
	if t.reasons == nil {
		t.reasons = map[string]*Reason{}
	}
	if t.reasons[id] == nil {
		t.reasons[id] = &Reason{Name: name, Class: class}
	}
	return t.reasons[id]
}

// excerpt is the beginning of a text, as UTF-8.
func excerpt(s string) string {
	if len(s) > maxExample {
		s = s[:maxExample] + "…"
	}
	return strings.Clone(strings.ToValidUTF8(s, "\ufffd"))
}

// report returns the counts so far.
func (t *tally) report() Report {
	r := t.Report
	r.Reasons = make([]Reason, 0, len(t.reasons))
	for _, x := range t.reasons {
		c := *x
		c.Examples = slices.Clone(x.Examples)
		r.Reasons = append(r.Reasons, c)
	}
	slices.SortFunc(r.Reasons, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
	return r
}

// tooMany fails when more than a share of all rows is bad.
func (t *tally) tooMany(share float64) error {
	if t.bad == 0 || float64(t.bad) <= share*float64(t.Rows) {
		return nil
	}
	return fmt.Errorf("%w: %d of %d, at most %.4g %% allowed (%s)", ErrTooManyBad, t.bad, t.Rows, 100*share, t.worst())
}

// worst describes the most frequent bad reason by its first example.
func (t *tally) worst() string {
	for _, r := range t.report().Reasons {
		if r.Class == Bad && len(r.Examples) > 0 {
			e := r.Examples[0]
			return fmt.Sprintf("mostly %q, as in line %d of %s: %s", r.Name, e.Line, e.File, e.Error)
		}
	}
	return "of no one kind"
}
