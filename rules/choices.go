package rules

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/edged/edged"
)

// Catalogue is what rules are compiled against: the items of one release. *model.Model is one.
type Catalogue interface {
	Len() int
	Row(id string) (edged.Row, bool)
	// AppendField appends an item's field as JSON; ok is false where the item has none.
	AppendField(dst []byte, row edged.Row, field string) (out []byte, ok bool, err error)
	// AttributeNames are those of all attributes that items have, sorted; whole is false where it does not know them all.
	AttributeNames() (names []string, whole bool)
}

// ordered is a Catalogue that has another order of its first rows, in which rows that are alike are near each other: BendIn goes by it.
type ordered interface{ Order() []edged.Row }

// choices are the different choices of items in a document, and the classes of rows they make.
type choices struct {
	texts  []choiceText
	index  map[string]uint16
	counts []int // rows of each

	classOf []uint32 // of each row
	inOrder []uint16 // classes of a catalogue's rows in its order, and one element more; nil: there are too many, or there is no order
	starts  []uint32 // class c's choices are members[starts[c]:starts[c+1]]
	members []uint16
	marks   []uint64 // of each class: the marks of its choices

	capped bool    // some rule caps: the groups are needed
	groups *Groups // nil: not needed
}

// union returns the number of a choice of what any of the choices chooses.
func (s *choices) union(list []choiceText) uint16 {
	var of []uint16
	for i := range list {
		of = append(of, s.add(&list[i]))
	}
	if len(of) == 1 {
		return of[0]
	}
	return s.add(&choiceText{union: of}) // behind those it is of
}

// add returns the number of a choice.
func (s *choices) add(c *choiceText) uint16 {
	key := c.key()
	if k, ok := s.index[key]; ok {
		return k
	}
	k := uint16(len(s.texts))
	s.index[key] = k
	s.texts = append(s.texts, *c)
	return k
}

// of returns the choices of a class.
func (s *choices) of(class uint32) []uint16 { return s.members[s.starts[class]:s.starts[class+1]] }

// class returns that of a row, 0 where the catalogue doesn't have it.
func (s *choices) class(row edged.Row) uint32 {
	if int(row) >= len(s.classOf) {
		return 0
	}
	return s.classOf[row]
}

// markOf is the bit of a choice, which it may share with others.
func markOf(choice uint16) uint64 { return 1 << (choice % 64) }

// mark works the marks out.
func (s *choices) mark() {
	s.marks = make([]uint64, len(s.starts)-1)
	for class := range s.marks {
		for _, k := range s.of(uint32(class)) {
			s.marks[class] |= markOf(k)
		}
	}
}

// resolver finds what each row is chosen by.
type resolver struct {
	byItem     map[edged.Row][]uint16 // choices that name the item
	byCategory map[string][]uint16
	byBrand    map[string][]uint16
	byTag      map[string][]uint16
	open       []uint16 // choices by expression alone
	unions     []uint16
	fields     []string // what expressions and choices ask for

	env     itemValues
	buf     []byte
	matched []uint16
}

// resolve looks at every item once, or, where there is a Set to go by, at those that have changed and at those it doesn't know, and groups rows of the
// same choices into classes.
func (s *choices) resolve(cat Catalogue, like *Set, changed []edged.Row) error {
	r := &resolver{byItem: map[edged.Row][]uint16{}, byCategory: map[string][]uint16{}, byBrand: map[string][]uint16{}, byTag: map[string][]uint16{}}
	for k := range s.texts {
		r.enter(uint16(k), &s.texts[k], cat)
	}
	for k := range s.texts {
		r.ask(&s.texts[k])
	}
	if err := s.begin(cat, like); err != nil {
		return err
	}
	classes := map[string]uint32{}
	for class := range len(s.starts) - 1 {
		classes[string(asBytes(s.of(uint32(class))))] = uint32(class)
	}
	for _, row := range changed {
		if like != nil && int(row) < len(s.classOf) {
			for _, k := range s.of(s.class(row)) {
				s.counts[k]--
			}
			if err := s.classify(r, cat, row, classes); err != nil {
				return err
			}
		}
	}
	for row := len(s.classOf); row < cat.Len(); row++ {
		s.classOf = append(s.classOf, 0)
		if err := s.classify(r, cat, edged.Row(row), classes); err != nil {
			return err
		}
	}
	s.mark()
	s.putInOrder(cat)
	return nil
}

// putInOrder notes the classes of rows in the catalogue's order.
func (s *choices) putInOrder(cat Catalogue) {
	c, ok := cat.(ordered)
	if !ok || len(s.marks) > maxBent {
		return
	}
	order := c.Order()
	s.inOrder = make([]uint16, len(order)+1)
	for i, row := range order {
		s.inOrder[i] = uint16(s.class(row))
	}
}

// begin takes what another Set of the same document knows, if there is one.
func (s *choices) begin(cat Catalogue, like *Set) (err error) {
	s.classOf = make([]uint32, 0, cat.Len())
	s.counts = make([]int, len(s.texts))
	s.starts = []uint32{0, 0} // class 0: chosen by nothing
	groups := &Groups{number: 1, known: map[string]uint32{}}
	if like != nil {
		s.classOf = append(s.classOf, like.choices.classOf...)
		s.counts, s.starts, s.members = slices.Clone(like.choices.counts), slices.Clone(like.choices.starts), slices.Clone(like.choices.members)
		groups = like.choices.groups
	}
	if s.capped {
		s.groups, err = groups.With(cat)
	}
	return err
}

// classify puts a row into the class of the choices it is in.
func (s *choices) classify(r *resolver, cat Catalogue, row edged.Row, classes map[string]uint32) error {
	if err := r.read(cat, row); err != nil {
		return err
	}
	list := r.chosen(s.texts, row)
	key := string(asBytes(list))
	class, ok := classes[key]
	if !ok {
		class = uint32(len(s.starts) - 1)
		classes[key] = class
		s.members = append(s.members, list...)
		s.starts = append(s.starts, uint32(len(s.members)))
	}
	s.classOf[row] = class
	for _, k := range list {
		s.counts[k]++
	}
	return nil
}

// asBytes is a key for a list of choices.
func asBytes(list []uint16) []byte {
	b := make([]byte, 0, 2*len(list))
	for _, k := range list {
		b = append(b, byte(k), byte(k>>8))
	}
	return b
}

// enter puts a choice where its most telling key finds it; chosen checks the others.
func (r *resolver) enter(k uint16, c *choiceText, cat Catalogue) {
	enter := func(at map[string][]uint16, values []string) {
		for _, v := range values {
			at[v] = append(at[v], k)
		}
	}
	switch {
	case c.items != nil:
		for _, id := range c.items {
			if row, ok := cat.Row(id); ok {
				r.byItem[row] = append(r.byItem[row], k)
			}
		}
	case c.tags != nil:
		enter(r.byTag, c.tags)
	case c.brands != nil:
		enter(r.byBrand, c.brands)
	case c.categories != nil:
		enter(r.byCategory, c.categories)
	case c.union == nil:
		r.open = append(r.open, k)
	default:
		r.unions = append(r.unions, k)
	}
}

// ask notes which fields must be read.
func (r *resolver) ask(c *choiceText) {
	need := func(field string, wanted bool) {
		if wanted && !slices.Contains(r.fields, field) {
			r.fields = append(r.fields, field)
		}
	}
	need("categories", c.categories != nil)
	need("brand", c.brands != nil)
	need("tags", c.tags != nil)
	if c.where != nil {
		for _, name := range c.where.names {
			field, _, _ := strings.Cut(name, ".")
			need(field, true)
		}
	}
}

// read fills the environment with the row's fields.
func (r *resolver) read(cat Catalogue, row edged.Row) error {
	r.env.fields = r.env.fields[:0]
	for _, field := range r.fields {
		out, ok, err := cat.AppendField(r.buf[:0], row, field)
		if r.buf = out; err != nil {
			return fmt.Errorf("row %d: %s: %w", row, field, err)
		}
		if !ok {
			continue
		}
		var v any
		if err := json.Unmarshal(out, &v); err != nil {
			return fmt.Errorf("row %d: %s: %w", row, field, err)
		}
		r.env.add(field, v)
	}
	return nil
}

// chosen returns the choices a row is in, ascending.
func (r *resolver) chosen(texts []choiceText, row edged.Row) []uint16 {
	r.matched = append(r.matched[:0], r.byItem[row]...)
	for _, tag := range r.env.list("tags") {
		r.matched = append(r.matched, r.byTag[tag]...)
	}
	for _, brand := range r.env.list("brand") {
		r.matched = append(r.matched, r.byBrand[brand]...)
	}
	for _, path := range r.env.list("categories") {
		for path != "" {
			r.matched = append(r.matched, r.byCategory[path]...)
			path = parent(path)
		}
	}
	r.matched = append(r.matched, r.open...)
	slices.Sort(r.matched)
	r.matched = slices.Compact(r.matched)
	r.matched = slices.DeleteFunc(r.matched, func(k uint16) bool { return !r.meets(&texts[k]) })
	single := len(r.matched)
	for _, k := range r.unions {
		if slices.ContainsFunc(r.matched[:single], func(m uint16) bool { return slices.Contains(texts[k].union, m) }) {
			r.matched = append(r.matched, k)
		}
	}
	slices.Sort(r.matched)
	return r.matched
}

// parent is the path above: home/kitchen of home/kitchen/mugs.
func parent(path string) string {
	i := strings.LastIndexByte(path, '/')
	return path[:max(i, 0)]
}

// meets reports whether the row read meets all keys of a choice but that by which it was found, or that one too.
func (r *resolver) meets(c *choiceText) bool {
	return anyOf(r.env.list("tags"), c.tags, same) && anyOf(r.env.list("brand"), c.brands, same) &&
		anyOf(r.env.list("categories"), c.categories, under) && (c.where == nil || c.where.holds(&r.env))
}

func same(have, want string) bool { return have == want }

// under reports whether a path is another or lies below it.
func under(have, want string) bool {
	rest, ok := strings.CutPrefix(have, want)
	return ok && (rest == "" || rest[0] == '/')
}

// anyOf reports whether one that is there is one that is wanted; nothing wanted is no condition.
func anyOf(have, want []string, is func(have, want string) bool) bool {
	if want == nil {
		return true
	}
	return slices.ContainsFunc(have, func(h string) bool {
		return slices.ContainsFunc(want, func(w string) bool { return is(h, w) })
	})
}

// itemValues are the fields of one item, as read from JSON.
type itemValues struct {
	fields []itemField
}

type itemField struct {
	name  string
	value Value
	texts []string
}

func (e *itemValues) add(name string, v any) {
	if inner, ok := v.(map[string]any); ok {
		for key, x := range inner {
			e.fields = append(e.fields, itemField{name: name + "." + key, value: valueOf(x)})
		}
		return
	}
	f := itemField{name: name, value: valueOf(v)}
	if f.value.kind == kindText {
		f.texts = []string{string(f.value.text)}
	}
	for i := range f.value.list {
		f.texts = append(f.texts, string(f.value.list[i].text))
	}
	e.fields = append(e.fields, f)
}

// valueOf turns what encoding/json makes of a value into ours; objects and null are missing.
func valueOf(v any) Value {
	switch v := v.(type) {
	case string:
		return Text([]byte(v))
	case float64:
		return Number(v)
	case bool:
		return Bool(v)
	case []any:
		list := Value{kind: kindList}
		for _, x := range v {
			list.list = append(list.list, valueOf(x))
		}
		return list
	}
	return Value{}
}

func (e *itemValues) value(name string) Value {
	for i := range e.fields {
		if e.fields[i].name == name {
			return e.fields[i].value
		}
	}
	return Value{}
}

// list is a field of text or texts.
func (e *itemValues) list(name string) []string {
	for i := range e.fields {
		if e.fields[i].name == name {
			return e.fields[i].texts
		}
	}
	return nil
}
