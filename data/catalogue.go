package data

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/edged/edged"
)

// itemField is one field of an item that patches may set.
type itemField struct {
	set  func(*edged.Item) bool      // whether the item speaks of it
	copy func(dst, src *edged.Item)  // dst keeps no reference to a longer string of src
	same func(a, b *edged.Item) bool // nil: by encoding
}

func textField(at func(*edged.Item) *string) itemField {
	return itemField{
		set:  func(it *edged.Item) bool { return *at(it) != "" },
		copy: func(dst, src *edged.Item) { *at(dst) = strings.Clone(*at(src)) },
		same: func(a, b *edged.Item) bool { return *at(a) == *at(b) },
	}
}

// itemFields are the fields patches merge by. Price 0 counts as not said.
var itemFields = [...]itemField{
	textField(func(it *edged.Item) *string { return &it.Title }),
	textField(func(it *edged.Item) *string { return &it.Description }),
	textField(func(it *edged.Item) *string { return &it.Currency }),
	textField(func(it *edged.Item) *string { return &it.Image }),
	textField(func(it *edged.Item) *string { return &it.URL }),
	textField(func(it *edged.Item) *string { return &it.Brand }),
	{set: func(it *edged.Item) bool { return len(it.Categories) > 0 }, copy: func(d, s *edged.Item) { d.Categories = cloneAll(s.Categories) }},
	{set: func(it *edged.Item) bool { return len(it.Tags) > 0 }, copy: func(d, s *edged.Item) { d.Tags = cloneAll(s.Tags) }},
	{
		set: func(it *edged.Item) bool { return it.Price != 0 }, copy: func(d, s *edged.Item) { d.Price = s.Price },
		same: func(a, b *edged.Item) bool { return a.Price == b.Price },
	},
	{set: func(it *edged.Item) bool { return it.Available != nil }, copy: func(d, s *edged.Item) { d.Available = s.Available }},
	{set: func(it *edged.Item) bool { return it.Published != 0 }, copy: func(d, s *edged.Item) { d.Published = s.Published }},
	{set: func(it *edged.Item) bool { return it.Expires != 0 }, copy: func(d, s *edged.Item) { d.Expires = s.Expires }},
	{set: func(it *edged.Item) bool { return len(it.Attributes) > 0 }, copy: func(d, s *edged.Item) { d.Attributes = slices.Clone(s.Attributes) }},
	{set: func(it *edged.Item) bool { return len(it.Vector) > 0 }, copy: func(d, s *edged.Item) { d.Vector = slices.Clone(s.Vector) }},
}

func cloneAll(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = strings.Clone(s)
	}
	return out
}

// encoding returns the bytes of one field of an item.
func (f *itemField) encoding(it *edged.Item) string {
	var one edged.Item
	f.copy(&one, it)
	return string(AppendItemJSON(nil, &one))
}

// catalogue is what the patches seen so far say.
type catalogue map[string]*entry

// entry is one item and, for every field, the time of the patch that set it.
type entry struct {
	item  edged.Item
	times [len(itemFields)]int64
}

// apply merges a patch and reports whether it said anything new (invariant D4).
func (c catalogue) apply(p *edged.Item) bool {
	e, known := c[p.ID]
	if !known {
		id := strings.Clone(p.ID)
		e = &entry{item: edged.Item{ID: id}}
		c[id] = e
	}
	news := !known
	for i := range itemFields {
		if f := &itemFields[i]; f.set(p) && e.wins(i, p) {
			f.copy(&e.item, p)
			e.times[i] = max(e.times[i], p.Updated)
			news = true
		}
	}
	e.item.Updated = max(e.item.Updated, p.Updated)
	return news
}

// wins says whether field i of the patch replaces what the entry has.
func (e *entry) wins(i int, p *edged.Item) bool {
	f := &itemFields[i]
	switch {
	case p.Updated > e.times[i]:
		return true
	case p.Updated != 0 && p.Updated < e.times[i]:
		return false
	case f.set(&e.item) && f.same != nil && f.same(&e.item, p):
		return false
	case p.Updated == 0:
		return f.encoding(p) != f.encoding(&e.item)
	}
	return f.encoding(p) > f.encoding(&e.item)
}

// patches splits an entry into patches, one for each time its fields have, the oldest first.
func (e *entry) patches() (list []edged.Item) {
	byTime := map[int64]*edged.Item{}
	for i := range itemFields {
		f := &itemFields[i]
		if !f.set(&e.item) {
			continue
		}
		p := byTime[e.times[i]]
		if p == nil {
			p = &edged.Item{ID: e.item.ID, Updated: e.times[i]}
			byTime[e.times[i]] = p
		}
		f.copy(p, &e.item)
	}
	if len(byTime) == 0 {
		return []edged.Item{{ID: e.item.ID}}
	}
	for _, t := range slices.Sorted(maps.Keys(byTime)) {
		list = append(list, *byTime[t])
	}
	return list
}

// catalogue merges the patches of the directory.
func (d *Dir) catalogue(ctx context.Context) (catalogue, error) {
	c := catalogue{}
	for i := range d.m.Items {
		err := d.scan(ctx, itemsDir, &d.m.Items[i], ItemSegment, func(r *SegmentReader, rec []byte) error {
			it, err := ParseItem(rec)
			if err != nil {
				return r.corrupt(err)
			}
			c.apply(&it)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Items returns the catalogue by ascending id: of every field the latest non-empty value.
func (d *Dir) Items(ctx context.Context) ([]edged.Item, error) {
	c, err := d.catalogue(ctx)
	if err != nil {
		return nil, err
	}
	items := make([]edged.Item, 0, len(c))
	for _, id := range slices.Sorted(maps.Keys(c)) {
		items = append(items, c[id].item)
	}
	return items, nil
}
