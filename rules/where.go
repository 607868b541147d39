package rules

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/edged/edged/internal/near"
)

// Where is a condition on items, in the language of the key where, for others to compile: Translate. It is immutable.
type Where struct{ x *expression }

// ParseWhere reads a condition on items.
func ParseWhere(source string) (*Where, error) {
	if len(source) > MaxSource {
		return nil, fmt.Errorf("%d bytes, at most %d", len(source), MaxSource)
	}
	x, err := compileExpression(source, whereNames)
	if err != nil {
		return nil, err
	}
	return &Where{x}, nil
}

// Size is how many conditions w is made of, and, or and not among them: 1 to MaxNodes.
func (w *Where) Size() int { return w.x.nodes }

// Unheard says of an attribute that w asks for and no item has, where one that items have is nearly called so, that it may have been meant; empty:
// there is none. Others may come with the next catalogue. attributeNames is a Catalogue's.
func (w *Where) Unheard(attributeNames func() (names []string, whole bool)) string {
	if !slices.ContainsFunc(w.x.names, isAttribute) {
		return ""
	}
	names, whole := attributeNames()
	if !whole {
		return ""
	}
	return unheard(w.x, names)
}

func isAttribute(name string) bool { return strings.HasPrefix(name, itemNames.prefix+".") }

// unheard is Unheard of an expression; names are sorted.
func unheard(x *expression, names []string) string {
	for _, name := range x.names {
		attribute, ok := strings.CutPrefix(name, itemNames.prefix+".")
		if _, known := slices.BinarySearch(names, attribute); !ok || known {
			continue
		}
		if other := near.Misspelt(attribute, names); other != "" {
			return fmt.Sprintf("no item has %s; did you mean %s.%s?", clip(name), itemNames.prefix, other)
		}
	}
	return ""
}

// Conditions makes conditions of some kind F.
type Conditions[F any] interface {
	All() F // met by every item
	Not(F) F
	And(list ...F) F
	Or(list ...F) F
	In(field string, texts ...string) F
	Is(field string, value bool) F
	Between(field string, from, to float64, open bool) F // open: neither end is in
}

// Translate makes another kind of condition of w. Not all conditions can be: those that compare a field with another, look into texts or
// order them are errors.
func Translate[F any](w *Where, c Conditions[F]) (F, error) {
	t := translation[F]{c}
	return t.node(w.x.root)
}

type translation[F any] struct{ c Conditions[F] }

func (t translation[F]) node(n *node) (f F, err error) {
	switch n.op {
	case opAnd:
		list, err := t.chain(nil, n, opAnd)
		return t.c.And(list...), err
	case opOr:
		list, err := t.chain(nil, n, opOr)
		return t.c.Or(list...), err
	case opNot:
		a, err := t.node(n.left)
		if err != nil {
			return f, err
		}
		return t.c.Not(a), nil
	case opTrue:
		if n.a.name == "" {
			return t.constant(n.a.value.flag), nil
		}
		return t.equal(n.a.name, &yes)
	}
	return t.comparison(n)
}

// chain collects what is joined by one operator, so that long chains are not deep.
func (t translation[F]) chain(list []F, n *node, op operator) ([]F, error) {
	if n.op != op {
		f, err := t.node(n)
		return append(list, f), err
	}
	list, err := t.chain(list, n.left, op)
	if err != nil {
		return nil, err
	}
	return t.chain(list, n.right, op)
}

func (t translation[F]) constant(is bool) F {
	if is {
		return t.c.All()
	}
	return t.c.Not(t.c.All())
}

// Kinds of fields: what an attribute holds differs from item to item.
var (
	numberFields = []string{"price"}
	timeFields   = []string{"published", "expires"}
	textFields   = []string{"brand", "categories", "tags"}
)

func (t translation[F]) comparison(n *node) (f F, err error) {
	name, value := n.a.name, &n.b.value
	if name == "" {
		name, value = n.b.name, &n.a.value
	}
	switch {
	case n.a.name != "" && n.b.name != "":
		return f, fmt.Errorf("%s beside %s: a field is compared with what you say only", n.a.name, n.b.name)
	case n.op >= opContains:
		return f, fmt.Errorf("%s: contains, startsWith and endsWith are for rules only", name)
	case n.op == opLess || n.op == opLessEqual:
		return t.order(name, value, n.op == opLess, n.a.name != "")
	case value.kind == kindList:
		return t.oneOf(name, value.list)
	}
	return t.equal(name, value)
}

func (t translation[F]) oneOf(name string, values []Value) (f F, err error) {
	var list []F
	for i := range values {
		one, err := t.equal(name, &values[i])
		if err != nil {
			return f, err
		}
		list = append(list, one)
	}
	return t.c.Or(list...), nil
}

// equal is met where a field has a value: text and what it reads as count as the same, as far as the field may hold them.
func (t translation[F]) equal(name string, v *Value) (f F, err error) {
	number, isNumber := v.asNumber()
	flag, isFlag := v.asBool()
	switch {
	case slices.Contains(textFields, name):
		return t.c.In(name, v.String()), nil
	case slices.Contains(numberFields, name):
		if !isNumber {
			return f, fmt.Errorf("%s: %s is no number", name, v.String())
		}
		return t.c.Between(name, number, number, false), nil
	case slices.Contains(timeFields, name):
		at, err := moment(name, v)
		return t.c.Between(name, at, at, false), err
	case !strings.HasPrefix(name, "attributes."):
		return f, unfilterable(name)
	}
	f = t.c.In(name, v.String())
	if isNumber {
		f = t.c.Or(f, t.c.Between(name, number, number, false))
	}
	if isFlag {
		f = t.c.Or(f, t.c.Is(name, flag))
	}
	return f, nil
}

// order is met where a field is below (or, where it doesn't come first, above) a value.
func (t translation[F]) order(name string, v *Value, open, fieldFirst bool) (f F, err error) {
	end, ok := v.asNumber()
	switch {
	case slices.Contains(timeFields, name):
		if end, err = moment(name, v); err != nil {
			return f, err
		}
	case slices.Contains(textFields, name) || !slices.Contains(numberFields, name) && !strings.HasPrefix(name, "attributes."):
		return f, unfilterable(name)
	case !ok:
		return f, fmt.Errorf("%s: %s is no number, and only numbers have an order here", name, v.String())
	}
	if fieldFirst {
		return t.c.Between(name, math.Inf(-1), end, open), nil
	}
	return t.c.Between(name, end, math.Inf(1), open), nil
}

func unfilterable(name string) error { return fmt.Errorf("%s: can't be asked for so", name) }

// moment reads a date or a time as Unix milliseconds.
func moment(name string, v *Value) (float64, error) {
	for _, layout := range layouts {
		if at, err := time.Parse(layout, v.String()); err == nil {
			return float64(at.UnixMilli()), nil
		}
	}
	return 0, fmt.Errorf("%s: want a date or time such as 2026-12-24, got %s", name, v.String())
}

// String is the value as text.
func (v *Value) String() string {
	switch v.kind {
	case kindText:
		return string(v.text)
	case kindNumber:
		return strconv.FormatFloat(v.number, 'f', -1, 64)
	case kindBool:
		return strconv.FormatBool(v.flag)
	}
	return ""
}
