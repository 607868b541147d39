package data

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/edged/edged"
)

// maxVector bounds a ready-made embedding.
const maxVector = 4096

// ParseItem reads one item from a JSON object, as strictly as ParseEvent.
func ParseItem(b []byte) (edged.Item, error) {
	it, err := readItem(b)
	if err == nil {
		err = it.Validate()
	}
	if err != nil {
		return edged.Item{}, fmt.Errorf("item: %w", err)
	}
	return it, nil
}

// ParseBareItem is ParseItem for an object that need not have an id.
func ParseBareItem(b []byte) (edged.Item, error) {
	it, err := readItem(b)
	if err != nil {
		return edged.Item{}, err
	}
	named := it
	if named.ID == "" {
		named.ID = "bare"
	}
	return it, named.Validate()
}

func readItem(b []byte) (edged.Item, error) {
	var it edged.Item
	s := &scanner{b: b}
	seen := fieldSet{}
	err := s.object(func(key string) error {
		if err := seen.add(key); err != nil {
			return err
		}
		if err := s.itemField(&it, key); err != nil {
			return fmt.Errorf("%s: %w", clip(key), err)
		}
		return nil
	})
	if err == nil {
		err = s.end()
	}
	return it, err
}

// itemField reads the value of one key into it.
func (s *scanner) itemField(it *edged.Item, key string) error {
	if text := itemText(it, key); text != nil {
		return s.text(text)
	}
	switch key {
	case "categories":
		return s.texts(&it.Categories, edged.MaxCategories)
	case "tags":
		return s.texts(&it.Tags, edged.MaxTags)
	case "price":
		return s.float(&it.Price)
	case "available":
		return s.flag(&it.Available)
	case "published":
		return s.time(&it.Published)
	case "expires":
		return s.time(&it.Expires)
	case "updated":
		return s.time(&it.Updated)
	case "attributes":
		return s.attributes(&it.Attributes)
	case "vector":
		return s.vector(&it.Vector)
	}
	return fmt.Errorf("unknown field")
}

// itemText returns where the text field of that name lives, nil where there is none.
func itemText(it *edged.Item, key string) *string {
	switch key {
	case "id":
		return &it.ID
	case "title":
		return &it.Title
	case "description":
		return &it.Description
	case "currency":
		return &it.Currency
	case "image":
		return &it.Image
	case "url":
		return &it.URL
	case "brand":
		return &it.Brand
	}
	return nil
}

// texts reads an array of strings, or one string.
func (s *scanner) texts(dst *[]string, limit int) error {
	if s.null() {
		return nil
	}
	if s.peek() == '"' {
		one, err := s.str()
		*dst = []string{one}
		return err
	}
	return s.array(func(i int) error {
		if i == limit {
			return fmt.Errorf("more than %d entries", limit)
		}
		v, err := s.str()
		*dst = append(*dst, v)
		return err
	})
}

func (s *scanner) flag(dst **bool) error {
	if s.null() {
		return nil
	}
	v, err := s.boolean()
	*dst = &v
	return err
}

func (s *scanner) attributes(dst *json.RawMessage) error {
	if s.null() {
		return nil
	}
	if s.peek() != '{' {
		return s.fail("want an object, found %s", s.found())
	}
	raw, err := s.raw()
	*dst = append(json.RawMessage(nil), raw...)
	return err
}

func (s *scanner) vector(dst *[]float32) error {
	if s.null() {
		return nil
	}
	return s.array(func(i int) error {
		if i == maxVector {
			return fmt.Errorf("more than %d numbers", maxVector)
		}
		f, _, err := s.number()
		*dst = append(*dst, float32(f))
		return err
	})
}

func (o *jsonObject) texts(name string, list []string) {
	if len(list) == 0 {
		return
	}
	o.key(name)
	o.dst = append(o.dst, '[')
	for i, v := range list {
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		o.dst = appendString(o.dst, v)
	}
	o.dst = append(o.dst, ']')
}

func (o *jsonObject) vector(name string, v []float32) {
	if len(v) == 0 {
		return
	}
	o.key(name)
	o.dst = append(o.dst, '[')
	for i, x := range v {
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		o.dst = strconv.AppendFloat(o.dst, float64(x), 'g', -1, 32)
	}
	o.dst = append(o.dst, ']')
}

// AppendItemJSON appends it as a JSON object, which ParseItem reads back to the same item.
func AppendItemJSON(dst []byte, it *edged.Item) []byte {
	o := jsonObject{append(dst, '{')}
	o.text("id", it.ID)
	o.text("title", it.Title)
	o.text("description", it.Description)
	o.texts("categories", it.Categories)
	o.float("price", it.Price)
	o.text("currency", it.Currency)
	o.text("image", it.Image)
	o.text("url", it.URL)
	o.text("brand", it.Brand)
	o.texts("tags", it.Tags)
	if it.Available != nil {
		o.key("available")
		o.dst = strconv.AppendBool(o.dst, *it.Available)
	}
	o.time("published", it.Published)
	o.time("expires", it.Expires)
	if len(it.Attributes) > 0 {
		o.key("attributes")
		o.dst = append(o.dst, it.Attributes...)
	}
	o.vector("vector", it.Vector)
	o.time("updated", it.Updated)
	return append(o.dst, '}')
}
