package data

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/edged/edged"
)

// Names of reasons rows are not taken for.
const (
	reasonKeep      = "keep"
	reasonAnonymous = "no user"
	reasonNobody    = "no user and no session"
	reasonForgotten = "forgotten"
	reasonFuture    = "time: in the future"
)

// eventMap makes events of rows.
type eventMap struct {
	fields    []eventField
	keep      *program
	anonymous string // "", "session" or "drop"
}

// eventField is a field and where its value goes.
type eventField struct {
	*field
	set func(*field, *row, *edged.Event) *fault
}

// eventSetters says for every field of an event how it is read.
var eventSetters = map[string]struct {
	kind fieldType
	set  func(*field, *row, *edged.Event) *fault
}{
	"id":             {textType, func(f *field, r *row, e *edged.Event) *fault { return f.text(r, &e.ID) }},
	"user":           {textType, func(f *field, r *row, e *edged.Event) *fault { return f.text(r, &e.User) }},
	"session":        {textType, func(f *field, r *row, e *edged.Event) *fault { return f.text(r, &e.Session) }},
	"item":           {textType, func(f *field, r *row, e *edged.Event) *fault { return f.text(r, &e.Item) }},
	"type":           {textType, func(f *field, r *row, e *edged.Event) *fault { return f.text(r, (*string)(&e.Type)) }},
	"time":           {timeType, func(f *field, r *row, e *edged.Event) *fault { return f.time(r, &e.Time) }},
	"value":          {numberType, func(f *field, r *row, e *edged.Event) *fault { return f.number(r, &e.Value) }},
	"quantity":       {numberType, func(f *field, r *row, e *edged.Event) *fault { return f.number(r, &e.Quantity) }},
	"recommendation": {textType, func(f *field, r *row, e *edged.Event) *fault { return f.text(r, &e.Recommendation) }},
	"position":       {numberType, func(f *field, r *row, e *edged.Event) *fault { return f.count(r, &e.Position) }},
	"slot":           {textType, func(f *field, r *row, e *edged.Event) *fault { return f.text(r, &e.Slot) }},
	"channel":        {textType, func(f *field, r *row, e *edged.Event) *fault { return f.text(r, &e.Channel) }},
}

func contextSetter(key string) func(*field, *row, *edged.Event) *fault {
	return func(f *field, r *row, e *edged.Event) *fault {
		var v string
		err := f.text(r, &v)
		if err == nil && v != "" {
			if e.Context == nil {
				e.Context = map[string]string{}
			}
			e.Context[key] = v
		}
		return err
	}
}

// eventMap reads the events section.
func (p *mappingParser) eventMap(n *yaml.Node) *eventMap {
	m := &eventMap{}
	p.eachKey(n, "events", func(key string, k, v *yaml.Node) {
		what := "events." + key
		if s, ok := eventSetters[key]; ok {
			m.fields = append(m.fields, eventField{p.field(what, v, s.kind), s.set})
			return
		}
		switch key {
		case "context":
			p.eachKey(v, what, func(name string, _, v *yaml.Node) {
				m.fields = append(m.fields, eventField{p.field(what+"."+name, v, textType), contextSetter(name)})
			})
		case "keep":
			m.keep = p.condition(v, what)
		case "anonymous":
			m.anonymous = p.oneOf(v, what, "session", "drop")
		default:
			p.add(k, "%s: unknown field", what)
		}
	})
	if n.Kind == yaml.MappingNode {
		p.needs(n, "events", "item", "type", "time")
	}
	return m
}

// needs reports the keys a section lacks.
func (p *mappingParser) needs(n *yaml.Node, section string, keys ...string) {
	for _, want := range keys {
		found := false
		for i := 0; i+1 < len(n.Content); i += 2 {
			found = found || n.Content[i].Value == want
		}
		if !found {
			p.add(n, "%s: no %s", section, want)
		}
	}
}

// event makes an event of a row. A broken row is found broken even where a filter would have dropped it, so that a
// count of broken rows is one.
func (m *eventMap) event(r *row, e *edged.Event, now int64) *fault {
	context := e.Context
	clear(context)
	*e = edged.Event{Context: context}
	var filtered *fault
	if m.keep != nil {
		ok, err := m.keep.test(r)
		if err != nil {
			return badRow(reasonKeep+": expression failed", "%v", err)
		}
		if !ok {
			filtered = &fault{reason: reasonKeep}
		}
	}
	kept := filtered == nil
	for i := range m.fields {
		f := &m.fields[i]
		err := f.set(f.field, r, e)
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
	if filtered == nil {
		return m.admit(e, now)
	}
	if kept && filtered.reason != reasonKeep && e.Item == "" {
		e.Item = "filtered" // the rest of the row may still be broken
		if err := admitEvent(e, now); err != nil {
			return err
		}
	}
	return filtered
}

// admit applies what holds for every event.
func (m *eventMap) admit(e *edged.Event, now int64) *fault {
	if err := admitEvent(e, now); err != nil {
		return err
	}
	switch {
	case e.User != "" || m.anonymous == "":
		return nil
	case m.anonymous == "drop":
		return &fault{reason: reasonAnonymous}
	case e.Session == "":
		return &fault{reason: reasonNobody}
	}
	return nil
}

// admitEvent checks the limits of an event.
func admitEvent(e *edged.Event, now int64) *fault {
	if err := CheckEvent(e); err != nil {
		field, _, _ := strings.Cut(err.Error(), ":")
		if field, _, _ = strings.Cut(field, "."); !knownField(field) {
			field = "context"
		}
		return badRow(field+": missing or beyond a limit", "%v", err)
	}
	return admitTime(e, now)
}

// admitTime refuses what has not happened yet, but for clocks that are a little wrong.
func admitTime(e *edged.Event, now int64) *fault {
	if e.Time > now+dayMillis {
		return badRow(reasonFuture, "%s", dayOf(e.Time))
	}
	return nil
}

func knownField(name string) bool {
	_, ok := eventSetters[name]
	return ok
}
