package data

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/edged/edged"
)

// fieldSet remembers which keys of an object were seen.
type fieldSet map[string]struct{}

// add fails when key was there before.
func (f fieldSet) add(key string) error {
	if _, twice := f[key]; twice {
		return fmt.Errorf("field %q: given twice", clip(key))
	}
	f[key] = struct{}{}
	return nil
}

// ParseEvent reads one event from a JSON object. It is strict: unknown and repeated keys, wrong types, invalid UTF-8
// and broken limits are errors that name the field. null counts as absent. The event keeps no reference to b.
func ParseEvent(b []byte) (edged.Event, error) {
	var e edged.Event
	s := &scanner{b: b}
	seen := fieldSet{}
	err := s.object(func(key string) error {
		if err := seen.add(key); err != nil {
			return err
		}
		if err := s.eventField(&e, key); err != nil {
			return fmt.Errorf("%s: %w", clip(key), err)
		}
		return nil
	})
	if err == nil {
		err = s.end()
	}
	if err == nil {
		err = e.Validate()
	}
	if err != nil {
		return edged.Event{}, fmt.Errorf("event: %w", err)
	}
	return e, nil
}

// eventField reads the value of one key into e.
func (s *scanner) eventField(e *edged.Event, key string) (err error) {
	if key == "item" && bytes.HasPrefix(s.b[s.peekAt():], []byte(`""`)) {
		return errors.New("empty")
	}
	if text := eventText(e, key); text != nil {
		return s.text(text)
	}
	switch key {
	case "type":
		return s.text((*string)(&e.Type))
	case "time":
		return s.time(&e.Time)
	case "value":
		return s.float(&e.Value)
	case "quantity":
		return s.float(&e.Quantity)
	case "position":
		return s.count(&e.Position)
	case "context":
		return s.context(e)
	}
	return fmt.Errorf("unknown field")
}

// eventText returns where the text field of that name lives, nil where there is none.
func eventText(e *edged.Event, key string) *string {
	switch key {
	case "id":
		return &e.ID
	case "user":
		return &e.User
	case "session":
		return &e.Session
	case "item":
		return &e.Item
	case "recommendation":
		return &e.Recommendation
	case "slot":
		return &e.Slot
	case "channel":
		return &e.Channel
	}
	return nil
}

func (s *scanner) text(dst *string) (err error) {
	if s.null() {
		return nil
	}
	*dst, err = s.str()
	return err
}

func (s *scanner) float(dst *float64) (err error) {
	if s.null() {
		return nil
	}
	*dst, _, err = s.number()
	return err
}

func (s *scanner) count(dst *int) error {
	var f float64
	if err := s.float(&f); err != nil {
		return err
	}
	if f != math.Trunc(f) || f < 0 || f > math.MaxInt32 {
		return fmt.Errorf("want a whole number from 0 to %d", math.MaxInt32)
	}
	*dst = int(f)
	return nil
}

// time reads RFC 3339 text, or Unix seconds or milliseconds as number or text.
func (s *scanner) time(dst *int64) (err error) {
	if s.null() {
		return nil
	}
	var text string
	if s.peek() == '"' {
		text, err = s.str()
	} else {
		_, text, err = s.number()
	}
	if err != nil {
		return err
	}
	*dst, err = edged.ParseTime(text)
	return err
}

func (s *scanner) context(e *edged.Event) error {
	if s.null() {
		return nil
	}
	seen := fieldSet{}
	return s.object(func(key string) error {
		if err := seen.add(key); err != nil {
			return err
		}
		if len(seen) > edged.MaxContext {
			return fmt.Errorf("more than %d entries", edged.MaxContext)
		}
		var v string
		if err := s.text(&v); err != nil {
			return fmt.Errorf("%s: %w", clip(key), err)
		}
		if v != "" {
			if e.Context == nil {
				e.Context = map[string]string{}
			}
			e.Context[key] = v
		}
		return nil
	})
}

// jsonObject appends fields to an object, leaving out empty ones.
type jsonObject struct{ dst []byte }

func (o *jsonObject) key(name string) {
	if o.dst[len(o.dst)-1] != '{' {
		o.dst = append(o.dst, ',')
	}
	o.dst = append(appendString(o.dst, name), ':')
}

func (o *jsonObject) text(name, v string) {
	if v != "" {
		o.key(name)
		o.dst = appendString(o.dst, v)
	}
}

func (o *jsonObject) float(name string, v float64) {
	if v != 0 {
		o.key(name)
		o.dst = strconv.AppendFloat(o.dst, v, 'g', -1, 64)
	}
}

func (o *jsonObject) time(name string, ms int64) {
	if ms != 0 {
		o.key(name)
		o.dst = append(o.dst, '"')
		o.dst = time.UnixMilli(ms).UTC().AppendFormat(o.dst, "2006-01-02T15:04:05.999Z07:00")
		o.dst = append(o.dst, '"')
	}
}

// AppendEventJSON appends e as a JSON object, which ParseEvent reads back to the same event.
func AppendEventJSON(dst []byte, e *edged.Event) []byte {
	o := jsonObject{append(dst, '{')}
	o.text("id", e.ID)
	o.text("user", e.User)
	o.text("session", e.Session)
	o.text("item", e.Item)
	o.text("type", string(e.Type))
	o.time("time", e.Time)
	o.float("value", e.Value)
	o.float("quantity", e.Quantity)
	o.text("recommendation", e.Recommendation)
	o.float("position", float64(e.Position))
	o.text("slot", e.Slot)
	o.text("channel", e.Channel)
	if len(e.Context) > 0 {
		o.key("context")
		c := jsonObject{append(o.dst, '{')}
		for _, k := range slices.Sorted(maps.Keys(e.Context)) {
			c.text(k, e.Context[k])
		}
		o.dst = append(c.dst, '}')
	}
	return append(o.dst, '}')
}
