package model

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/edged/edged"
	"github.com/edged/edged/snapshot"
)

// What of a catalogue can be filtered by; see FORMAT.md.
const (
	maxFilterFields = 256     // attributes and currencies, those most items have first
	maxFilterName   = 100     // bytes of such a name
	maxFilterText   = 256     // bytes of a text
	maxFilterValues = 1 << 16 // distinct texts of an attribute; more than a few must be shared by items
	fewValues       = 1024
	maxBuiltinTexts = 1 << 20 // of categories, brand or tags
	maxLevels       = 16      // of a category's path, the whole one aside
)

// gathered is what the items say in one field.
type gathered struct {
	texts, flags map[string][]edged.Row
	numbers      []edged.Row
	values       []float64 // of numbers
	texted       int       // texts met
	long         bool      // one is too long
}

// gatherer goes through the items, in order of rows.
type gatherer struct {
	fields map[string]*gathered
}

func (g *gatherer) at(field string) *gathered {
	f := g.fields[field]
	if f == nil {
		f = &gathered{texts: map[string][]edged.Row{}, flags: map[string][]edged.Row{}}
		g.fields[field] = f
	}
	return f
}

func (g *gatherer) text(field, text string, row edged.Row) {
	f := g.at(field)
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) > maxFilterText && field != fieldCategories && field != fieldBrand && field != fieldTags {
		f.long = true
	}
	if !f.long && enter(f.texts, text, row) {
		f.texted++
	}
}

// enter adds a row to those of a text, once.
func enter(to map[string][]edged.Row, text string, row edged.Row) bool {
	rows := to[text]
	if n := len(rows); n > 0 && rows[n-1] == row {
		return false
	}
	to[text] = append(rows, row)
	return true
}

func (g *gatherer) number(field string, v float64, row edged.Row) {
	if v-v != 0 {
		return
	}
	if v == 0 {
		v = 0 // not −0
	}
	f := g.at(field)
	f.numbers, f.values = append(f.numbers, row), append(f.values, v)
}

func (g *gatherer) item(it *edged.Item, row edged.Row) error {
	for _, path := range it.Categories {
		for level, at := 0, 0; level < maxLevels; level++ {
			i := strings.IndexByte(path[at:], '/')
			if i < 0 {
				break
			}
			if at += i; at > 0 {
				g.text(fieldCategories, path[:at], row)
			}
			at++
		}
		g.text(fieldCategories, path, row)
	}
	if it.Brand != "" {
		g.text(fieldBrand, it.Brand, row)
	}
	for _, tag := range it.Tags {
		g.text(fieldTags, tag, row)
	}
	if it.Price != 0 {
		g.number(pricePrefix+it.Currency, it.Price, row)
	}
	if it.Published > 0 {
		g.number(fieldPublished, float64(it.Published), row)
	}
	return g.attributes(it, row)
}

// attributes takes texts, flags and numbers, and those in lists; what is nested deeper can't be asked.
func (g *gatherer) attributes(it *edged.Item, row edged.Row) error {
	if len(it.Attributes) == 0 {
		return nil
	}
	var values map[string]any
	d := json.NewDecoder(bytes.NewReader(it.Attributes))
	d.UseNumber() // one too large for a float64 is no error
	if err := d.Decode(&values); err != nil {
		return fmt.Errorf("item %q: attributes: %w", it.ID, err)
	}
	for name, v := range values {
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		for _, v := range list {
			g.value(attributePrefix+name, v, row)
		}
	}
	return nil
}

func (g *gatherer) value(field string, v any, row edged.Row) {
	switch v := v.(type) {
	case string:
		g.text(field, v, row)
	case bool:
		enter(g.at(field).flags, strconv.FormatBool(v), row)
	case json.Number:
		if x, err := v.Float64(); err == nil {
			g.number(field, x, row)
		}
	}
}

// choose returns the fields to be written, in order, and names what is left out.
func (g *gatherer) choose(fm *filterMeta) (names []string) {
	var others []string
	for name, f := range g.fields {
		is := builtin(name)
		if limit := f.limit(is != ""); f.long || len(f.texts) > limit {
			fm.omit(name)
			continue
		}
		if is == "" || strings.HasPrefix(name, pricePrefix) {
			others = append(others, name)
		} else {
			names = append(names, name)
		}
	}
	slices.SortFunc(others, func(a, b string) int { return cmp.Or(g.fields[b].size()-g.fields[a].size(), strings.Compare(a, b)) })
	for i, name := range others {
		if i < maxFilterFields && len(name) <= maxFilterName {
			names = append(names, name)
		} else {
			fm.omit(name)
		}
	}
	slices.Sort(names)
	slices.Sort(fm.Omitted)
	if len(fm.Omitted) > maxFilterFields {
		fm.Omitted, fm.Partial = fm.Omitted[:maxFilterFields], true
	}
	return names
}

func (fm *filterMeta) omit(name string) {
	if len(name) > maxFilterName {
		fm.Partial = true
		return
	}
	fm.Omitted = append(fm.Omitted, name)
}

// limit is how many distinct texts are worth postings.
func (f *gathered) limit(builtin bool) int {
	if builtin {
		return maxBuiltinTexts
	}
	return min(maxFilterValues, max(fewValues, f.texted/2))
}

func (f *gathered) size() int {
	n := f.texted + len(f.numbers)
	for _, rows := range f.flags {
		n += len(rows)
	}
	return n
}

// filterSections returns what filters read, and says in the meta what it is.
func (b *Build) filterSections() (*filterMeta, []snapshot.Section, error) {
	g := gatherer{fields: map[string]*gathered{}}
	for i := range b.Items {
		if err := g.item(&b.Items[i], edged.Row(i)); err != nil {
			return nil, nil, err
		}
	}
	fm := &filterMeta{Terms: []termField{}, Numbers: []numberField{}}
	p := postingWriter{n: len(b.IDs), offs: []uint32{0}}
	for _, name := range g.choose(fm) {
		f := g.fields[name]
		if err := p.field(fm, name, f); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	list := p.sections()
	for i := range list {
		list[i].Flags = snapshot.Hot // a reader that knows no filters may ignore them
		if len(list[i].Data) > maxHot || len(p.posts) > maxTerms {
			return nil, nil, fmt.Errorf("%s: %d bytes, at most %d; %d terms, at most %d", list[i].Name, len(list[i].Data), maxHot, len(p.posts), maxTerms)
		}
	}
	return fm, list, nil
}

// postingWriter collects the sections.
type postingWriter struct {
	n       int
	text    []byte
	offs    []uint32
	posts   []uint32
	lists   []edged.Row
	bits    []uint64
	packed  bytes.Buffer
	numbers column64 // all of them, one after the other
}

func (p *postingWriter) field(fm *filterMeta, name string, f *gathered) error {
	for _, kind := range []struct {
		name  string
		terms map[string][]edged.Row
	}{{kindText, f.texts}, {kindFlag, f.flags}} {
		if len(kind.terms) == 0 {
			continue
		}
		fm.Terms = append(fm.Terms, termField{name, kind.name, len(kind.terms)})
		for _, text := range slices.Sorted(maps.Keys(kind.terms)) {
			p.text = append(p.text, text...)
			if uint64(len(p.text)) > maxText {
				return fmt.Errorf("more than %d bytes of terms", uint64(maxText))
			}
			p.offs = append(p.offs, uint32(len(p.text)))
			if err := p.post(kind.terms[text]); err != nil {
				return err
			}
		}
	}
	if len(f.numbers) > 0 {
		c := f.column()
		fm.Numbers = append(fm.Numbers, numberField{name, len(c.values), len(c.rows)})
		p.numbers.values = append(p.numbers.values, c.values...)
		p.numbers.starts = append(p.numbers.starts, c.starts...)
		p.numbers.rows = append(p.numbers.rows, c.rows...)
	}
	return nil
}

// What a Roaring bitmap takes in memory beside its bytes.
const (
	roaringOverhead   = 128
	containerOverhead = 48
)

// post adds the rows of a term in the form that takes the least memory.
func (p *postingWriter) post(rows []edged.Row) error {
	list, dense := 4*len(rows), 8*((p.n+63)/64)
	form := formList
	if dense < list {
		form = formBits
	}
	var packed *roaring.Bitmap
	if best := min(list, dense); best > roaringOverhead+2*len(rows) {
		packed = roaring.New()
		packed.AddMany(snapshot.View[uint32](snapshot.Bytes(rows)))
		containers := 1 + rows[len(rows)-1]>>16 - rows[0]>>16
		if int(packed.GetSerializedSizeInBytes())+roaringOverhead+containerOverhead*int(containers) < best {
			form = formRoaring
		}
	}
	p.posts = append(p.posts, uint32(form)<<formShift|uint32(len(rows)))
	switch form {
	case formList:
		p.lists = append(p.lists, rows...)
	case formBits:
		at := len(p.bits)
		p.bits = append(p.bits, make([]uint64, (p.n+63)/64)...)
		setBits(p.bits[at:], rows)
	case formRoaring:
		if _, err := packed.WriteTo(&p.packed); err != nil {
			return err
		}
	}
	return nil
}

// column sorts the numbers.
func (f *gathered) column() *column64 {
	order := make([]int, len(f.numbers))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(f.values[a], f.values[b]), cmp.Compare(f.numbers[a], f.numbers[b]))
	})
	c := new(column64)
	for k, i := range order {
		if k > 0 && f.values[i] == f.values[order[k-1]] && f.numbers[i] == f.numbers[order[k-1]] {
			continue // twice in a list
		}
		c.append(f.values[i], f.numbers[i])
	}
	c.end()
	return c
}

func (p *postingWriter) sections() []snapshot.Section {
	return []snapshot.Section{
		{Name: secTermText, Elem: 1, Data: p.text},
		{Name: secTermOffs, Elem: 4, Data: snapshot.Bytes(p.offs)},
		{Name: secTermPosts, Elem: 4, Data: snapshot.Bytes(p.posts)},
		{Name: secPostRows, Elem: 4, Data: snapshot.Bytes(p.lists)},
		{Name: secPostBits, Elem: 8, Data: snapshot.Bytes(p.bits)},
		{Name: secPostRoaring, Elem: 1, Data: p.packed.Bytes()},
		{Name: secNumValues, Elem: 8, Data: snapshot.Bytes(p.numbers.values)},
		{Name: secNumStarts, Elem: 4, Data: snapshot.Bytes(p.numbers.starts)},
		{Name: secNumRows, Elem: 4, Data: snapshot.Bytes(p.numbers.rows)},
	}
}
