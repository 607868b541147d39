package data

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/edged/edged"
)

// itemMap makes item patches of rows.
type itemMap struct {
	fields     []itemSource
	attributes []*field
	keep       *program
	dated      bool // the mapping says when a patch was so
}

// itemSource is a field and where its value goes.
type itemSource struct {
	*field
	set func(*field, *row, *edged.Item) *fault
}

// itemSetters says for every field of an item how it is read.
var itemSetters = map[string]struct {
	kind fieldType
	set  func(*field, *row, *edged.Item) *fault
}{
	"id":          {textType, func(f *field, r *row, it *edged.Item) *fault { return f.text(r, &it.ID) }},
	"title":       {textType, func(f *field, r *row, it *edged.Item) *fault { return f.text(r, &it.Title) }},
	"description": {textType, func(f *field, r *row, it *edged.Item) *fault { return f.text(r, &it.Description) }},
	"categories":  {listType, func(f *field, r *row, it *edged.Item) *fault { return f.list(r, &it.Categories) }},
	"price":       {numberType, func(f *field, r *row, it *edged.Item) *fault { return f.number(r, &it.Price) }},
	"currency":    {textType, func(f *field, r *row, it *edged.Item) *fault { return f.text(r, &it.Currency) }},
	"image":       {textType, func(f *field, r *row, it *edged.Item) *fault { return f.text(r, &it.Image) }},
	"url":         {textType, func(f *field, r *row, it *edged.Item) *fault { return f.text(r, &it.URL) }},
	"brand":       {textType, func(f *field, r *row, it *edged.Item) *fault { return f.text(r, &it.Brand) }},
	"tags":        {listType, func(f *field, r *row, it *edged.Item) *fault { return f.list(r, &it.Tags) }},
	"available":   {textType, func(f *field, r *row, it *edged.Item) *fault { return f.boolean(r, &it.Available) }},
	"published":   {timeType, func(f *field, r *row, it *edged.Item) *fault { return f.time(r, &it.Published) }},
	"expires":     {timeType, func(f *field, r *row, it *edged.Item) *fault { return f.time(r, &it.Expires) }},
	"updated":     {timeType, func(f *field, r *row, it *edged.Item) *fault { return f.time(r, &it.Updated) }},
	"vector":      {listType, func(f *field, r *row, it *edged.Item) *fault { return f.vector(r, &it.Vector) }},
}

// itemMap reads the items section.
func (p *mappingParser) itemMap(n *yaml.Node) *itemMap {
	m := &itemMap{}
	p.eachKey(n, "items", func(key string, k, v *yaml.Node) {
		what := "items." + key
		if s, ok := itemSetters[key]; ok {
			m.fields = append(m.fields, itemSource{p.field(what, v, s.kind), s.set})
			m.dated = m.dated || key == "updated"
			return
		}
		switch key {
		case "attributes":
			p.eachKey(v, what, func(name string, _, v *yaml.Node) {
				f := p.field(what+"."+name, v, textType)
				m.attributes = append(m.attributes, f)
			})
		case "keep":
			m.keep = p.condition(v, what)
		default:
			p.add(k, "%s: unknown field", what)
		}
	})
	if n.Kind == yaml.MappingNode {
		p.needs(n, "items", "id")
	}
	return m
}

// item makes a patch of a row.
func (m *itemMap) item(r *row, it *edged.Item) *fault {
	*it = edged.Item{}
	var filtered *fault
	if m.keep != nil {
		ok, err := m.keep.test(r)
		if err != nil {
			return badRow("items."+reasonKeep+": expression failed", "%v", err)
		}
		if !ok {
			filtered = &fault{reason: "items." + reasonKeep}
		}
	}
	kept := filtered == nil
	for i := range m.fields {
		f := &m.fields[i]
		err := f.set(f.field, r, it)
		if err == nil || err.bad && !kept && f.guarded(r, m.keep) {
			continue
		}
		if err.bad {
			return err
		}
		if filtered == nil {
			filtered = err
		}
	}
	if filtered != nil {
		return filtered
	}
	if err := m.attribute(r, it); err != nil {
		return err
	}
	return admitItem(it)
}

// attribute collects the attributes into a JSON object.
func (m *itemMap) attribute(r *row, it *edged.Item) *fault {
	values := map[string]result{}
	for _, f := range m.attributes {
		v, err := f.eval(r)
		if err != nil {
			return err
		}
		if v.String() != "" {
			values[strings.TrimPrefix(f.name, "items.attributes.")] = v
		}
	}
	if len(values) == 0 {
		return nil
	}
	o := jsonObject{[]byte{'{'}}
	for _, k := range slices.Sorted(maps.Keys(values)) {
		o.key(k)
		if v := values[k]; v.isNumber {
			o.dst = append(o.dst, v.String()...)
		} else {
			o.dst = appendString(o.dst, v.text)
		}
	}
	it.Attributes = json.RawMessage(append(o.dst, '}'))
	return nil
}

// admitItem checks the limits of an item.
func admitItem(it *edged.Item) *fault {
	if err := it.Validate(); err != nil {
		field, _, _ := strings.Cut(err.Error(), ":")
		return badRow("items."+field+": missing or beyond a limit", "%v", err)
	}
	return nil
}
