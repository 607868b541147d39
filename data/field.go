package data

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr/vm"

	"github.com/edged/edged"
)

// fault is why a row is not taken.
type fault struct {
	reason string // the name it is counted under, from a fixed set
	bad    bool   // the row is broken; else it was filtered
	detail string // of this row
}

func (f *fault) Error() string { return f.reason + ": " + f.detail }

func badRow(reason, format string, args ...any) *fault {
	return &fault{reason, true, fmt.Sprintf(format, args...)}
}

// row is one row of a table as a mapping sees it: the values of the columns it speaks of.
type row struct {
	values []string // by slot
	env    map[string]any
	vm     vm.VM
	loaded []bool // slots already in env
}

func (r *row) reset() { clear(r.loaded) }

// program is a compiled expression and the slots it reads.
type program struct {
	code  *vm.Program
	slots []int
	names []string
}

// run evaluates the program on a row.
func (p *program) run(r *row) (any, error) {
	for i, slot := range p.slots {
		if !r.loaded[slot] {
			r.env[p.names[i]] = r.values[slot]
			r.loaded[slot] = true
		}
	}
	v, err := r.vm.Run(p.code, r.env)
	if err != nil {
		return nil, errors.New(oneLine(err))
	}
	return v, nil
}

// test evaluates a condition.
func (p *program) test(r *row) (bool, error) {
	v, err := p.run(r)
	if err != nil {
		return false, err
	}
	b, ok := v.(bool)
	if !ok {
		return false, fmt.Errorf("want true or false, found %T", v)
	}
	return b, nil
}

// rule gives a value when its condition holds.
type rule struct {
	cond  *program
	value string
}

// field says how one field of an event or item comes out of a row. The steps are taken in the order they stand here.
type field struct {
	name string
	line int

	slot  int      // the column, -1: none
	expr  *program // or an expression
	value string   // or a constant
	when  []rule   // the first that holds replaces the value

	trim     bool
	rename   map[string]string
	fold     func(string) string // letter case
	fallback string              // for an empty value
	match    *regexp.Regexp      // rows that don't match are filtered

	split  string         // lists: what stands between entries
	layout string         // times: how they are written; empty: as edged.ParseTime reads
	zone   *time.Location // times: where the clock hung that has no zone

	lastText string // times: rows beside each other often have the same
	lastTime int64
}

// result is what a field yields: text, or a number that needs no parsing.
type result struct {
	text     string
	number   float64
	isNumber bool
}

func (v result) String() string {
	if v.isNumber {
		return strconv.FormatFloat(v.number, 'f', -1, 64)
	}
	return v.text
}

// eval takes all steps.
func (f *field) eval(r *row) (result, *fault) {
	v, err := f.source(r)
	if err != nil {
		return v, badRow(f.name+": expression failed", "%v", err)
	}
	if v.isNumber && f.rename == nil && f.fold == nil && f.match == nil {
		return v, nil
	}
	s := v.String()
	if f.trim {
		s = strings.TrimSpace(s)
	}
	if to, ok := f.rename[s]; ok {
		s = to
	}
	if f.fold != nil {
		s = f.fold(s)
	}
	if s == "" {
		s = f.fallback
	}
	if s != "" && f.match != nil && !f.match.MatchString(s) { // nothing is not a wrong value: it is missing
		return v, &fault{f.name + ": does not match", false, clip(s)}
	}
	return result{text: s}, nil
}

// source is the value before it is transformed.
func (f *field) source(r *row) (result, error) {
	for i := range f.when {
		ok, err := f.when[i].cond.test(r)
		if err != nil {
			return result{}, err
		}
		if ok {
			return result{text: f.when[i].value}, nil
		}
	}
	switch {
	case f.expr != nil:
		v, err := f.expr.run(r)
		if err != nil {
			return result{}, err
		}
		return resultOf(v)
	case f.slot >= 0:
		return result{text: r.values[f.slot]}, nil
	}
	return result{text: f.value}, nil
}

// resultOf takes the value of an expression.
func resultOf(v any) (result, error) {
	switch v := v.(type) {
	case nil:
		return result{}, nil
	case string:
		return result{text: v}, nil
	case int:
		return result{number: float64(v), isNumber: true}, nil
	case float64:
		return result{number: v, isNumber: true}, nil
	case bool:
		return result{text: strconv.FormatBool(v)}, nil
	case time.Time:
		return result{text: v.Format(time.RFC3339Nano)}, nil
	}
	return result{}, fmt.Errorf("want text, a number, true, false or a time, found %T", v)
}

// text sets dst.
func (f *field) text(r *row, dst *string) *fault {
	v, err := f.eval(r)
	if err == nil {
		*dst = v.String()
	}
	return err
}

// number sets dst; empty text leaves it 0.
func (f *field) number(r *row, dst *float64) *fault {
	v, fail := f.eval(r)
	if fail != nil {
		return fail
	}
	if !v.isNumber && v.text != "" {
		n, err := strconv.ParseFloat(strings.TrimSpace(v.text), 64)
		if err != nil || strings.ContainsAny(v.text, "xX_") {
			return badRow(f.name+": not a number", "%q", clip(v.text))
		}
		v.number = n
	}
	if math.IsNaN(v.number) || math.IsInf(v.number, 0) {
		return badRow(f.name+": not a number", "not finite")
	}
	*dst = v.number
	return nil
}

func (f *field) count(r *row, dst *int) *fault {
	var n float64
	if err := f.number(r, &n); err != nil {
		return err
	}
	if n != math.Trunc(n) || n < 0 || n > math.MaxInt32 {
		return badRow(f.name+": not a whole number", "%v", n)
	}
	*dst = int(n)
	return nil
}

// time sets dst in Unix milliseconds; empty text leaves it 0.
func (f *field) time(r *row, dst *int64) *fault {
	v, fail := f.eval(r)
	if fail != nil {
		return fail
	}
	s := v.String()
	if s == "" {
		return nil
	}
	if s != f.lastText {
		t, err := f.parseTime(s)
		if err != nil {
			return badRow(f.name+": not a time", "%v", err)
		}
		f.lastText, f.lastTime = strings.Clone(s), t
	}
	*dst = f.lastTime
	return nil
}

func (f *field) parseTime(s string) (int64, error) {
	if f.layout == "" {
		return edged.ParseTime(strings.TrimSpace(s))
	}
	t, err := time.ParseInLocation(f.layout, s, f.zone)
	if err != nil {
		return 0, fmt.Errorf("%q is not like %q", clip(s), f.layout)
	}
	if ms := t.UnixMilli(); ms > 0 && t.Year() <= 9999 {
		return ms, nil
	}
	return 0, fmt.Errorf("%q: out of range", clip(s))
}

// boolean sets dst; empty text leaves it nil.
func (f *field) boolean(r *row, dst **bool) *fault {
	v, fail := f.eval(r)
	if fail != nil {
		return fail
	}
	yes := false
	switch strings.ToLower(v.String()) {
	case "":
		return nil
	case "true", "yes", "y", "1", "t":
		yes = true
	case "false", "no", "n", "0", "f":
	default:
		return badRow(f.name+": not true or false", "%q", clip(v.String()))
	}
	*dst = &yes
	return nil
}

// list sets dst to the entries of a JSON array, or of text split at f.split.
func (f *field) list(r *row, dst *[]string) *fault {
	v, fail := f.eval(r)
	if fail != nil {
		return fail
	}
	s := v.String()
	switch {
	case s == "":
	case strings.HasPrefix(s, "["):
		sc := &scanner{b: []byte(s)}
		if err := sc.texts(dst, edged.MaxCategories); err != nil || sc.end() != nil {
			return badRow(f.name+": not a list of texts", "%q", clip(s))
		}
	case f.split == "":
		*dst = []string{s}
	default:
		for _, e := range strings.Split(s, f.split) {
			if e = strings.TrimSpace(e); e != "" {
				*dst = append(*dst, e)
			}
		}
	}
	return nil
}

// vector sets dst to the numbers of a JSON array.
func (f *field) vector(r *row, dst *[]float32) *fault {
	v, fail := f.eval(r)
	if fail != nil || v.String() == "" {
		return fail
	}
	sc := &scanner{b: []byte(v.String())}
	if err := sc.vector(dst); err != nil || sc.end() != nil {
		return badRow(f.name+": not a list of numbers", "%q", clip(v.String()))
	}
	return nil
}

// guarded says whether the filter, which read other columns of the row, may have been there to keep rows away from
// this field, which fails on them. It was not when the field also read a column the filter did not look at, and that
// is not empty: then the row is broken, wanted or not.
func (f *field) guarded(r *row, keep *program) bool {
	for _, slot := range f.slots() {
		if r.values[slot] != "" && !slices.Contains(keep.slots, slot) {
			return false
		}
	}
	return true
}

// slots lists the columns the field reads.
func (f *field) slots() (list []int) {
	if f.slot >= 0 {
		list = append(list, f.slot)
	}
	if f.expr != nil {
		list = append(list, f.expr.slots...)
	}
	for i := range f.when {
		list = append(list, f.when[i].cond.slots...)
	}
	return list
}
