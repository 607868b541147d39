package rules

import (
	"encoding/json"
	"fmt"

	"github.com/edged/edged"
)

// shop is a catalogue in memory.
type shop []edged.Item

func (s shop) Len() int { return len(s) }

func (s shop) Row(id string) (edged.Row, bool) {
	for i := range s {
		if s[i].ID == id {
			return edged.Row(i), true
		}
	}
	return edged.NoRow, false
}

func (s shop) AttributeNames() ([]string, bool) { return []string{"margin", "own"}, true }

func (s shop) AppendField(dst []byte, row edged.Row, field string) ([]byte, bool, error) {
	var v any
	it := &s[row]
	switch field {
	case "title":
		v = it.Title
	case "brand":
		v = it.Brand
	case "price":
		v = it.Price
	case "categories":
		v = it.Categories
	case "tags":
		v = it.Tags
	case "attributes":
		v = it.Attributes
	}
	b, err := json.Marshal(v)
	return append(dst, b...), string(b) != "null" && string(b) != `""`, err
}

// stock has items whose categories, brands, tags and prices repeat with different periods.
func stock(n int) shop {
	s := make(shop, n)
	for i := range s {
		s[i] = edged.Item{ID: fmt.Sprint("i", i), Title: fmt.Sprint("item ", i), Price: float64(i % 50)}
		if i%7 != 0 {
			s[i].Brand = fmt.Sprint("b", i%5)
		}
		s[i].Categories = []string{fmt.Sprintf("home/c%d", i%4), fmt.Sprintf("gifts/g%d", i%3)}[:1+i%2]
		if i%3 == 0 {
			s[i].Tags = []string{"sale", fmt.Sprint("t", i%6)}
		}
		s[i].Attributes = json.RawMessage(fmt.Sprintf(`{"margin":%d,"own":%v}`, i%10, i%2 == 0))
	}
	return s
}
