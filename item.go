package edged

import (
	"encoding/json"
	"fmt"
)

// Row is an item's position inside one release. It means nothing in another release.
type Row uint32

// NoRow marks an empty place in a table of rows.
const NoRow = ^Row(0)

// Limits of an item.
const (
	MaxTextLen    = 64 << 10 // bytes of a title, description, URL …
	MaxCategories = 64
	MaxTags       = 64
	MaxAttributes = 64 << 10 // bytes of the attributes' JSON
)

// Item is one entry of the catalogue. Empty fields are unknown.
type Item struct {
	ID          string
	Title       string
	Description string
	Categories  []string // paths, "home/kitchen/mugs"
	Price       float64
	Currency    string
	Image       string
	URL         string
	Brand       string
	Tags        []string
	Available   *bool           // nil: not said, which counts as available
	Published   int64           // Unix milliseconds
	Expires     int64           // Unix milliseconds
	Attributes  json.RawMessage // a JSON object
	Vector      []float32       // a ready-made embedding
	Updated     int64           // Unix milliseconds: when this was so
}

// Validate reports the first field that breaks a limit, by name.
func (it *Item) Validate() error {
	if it.ID == "" {
		return fmt.Errorf("id: missing")
	}
	if err := checkText("id", it.ID, MaxIDLen); err != nil {
		return err
	}
	for _, f := range [...]struct{ name, value string }{
		{"title", it.Title}, {"description", it.Description}, {"currency", it.Currency},
		{"image", it.Image}, {"url", it.URL}, {"brand", it.Brand},
	} {
		if err := checkText(f.name, f.value, MaxTextLen); err != nil {
			return err
		}
	}
	if err := checkList("categories", it.Categories, MaxCategories); err != nil {
		return err
	}
	if err := checkList("tags", it.Tags, MaxTags); err != nil {
		return err
	}
	if !finite(it.Price) {
		return fmt.Errorf("price: not a finite number")
	}
	if len(it.Attributes) > MaxAttributes {
		return fmt.Errorf("attributes: %d bytes, at most %d", len(it.Attributes), MaxAttributes)
	}
	if len(it.Attributes) > 0 && (it.Attributes[0] != '{' || !json.Valid(it.Attributes)) {
		return fmt.Errorf("attributes: not a JSON object")
	}
	for _, x := range it.Vector {
		if !finite(float64(x)) {
			return fmt.Errorf("vector: not a finite number")
		}
	}
	return nil
}

func checkList(name string, list []string, limit int) error {
	if len(list) > limit {
		return fmt.Errorf("%s: %d entries, at most %d", name, len(list), limit)
	}
	for _, s := range list {
		if err := checkText(name, s, MaxIDLen); err != nil {
			return err
		}
	}
	return nil
}
