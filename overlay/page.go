package overlay

import (
	"encoding/json"
	"time"

	"github.com/edged/edged/data"
)

// Page is a part of what counts, for people.
type Page struct {
	Version string  `json:"version"` // equal on nodes that hold the same
	Entries int     `json:"entries"` // that count
	Limit   int     `json:"limit"`
	Held    int     `json:"held"` // removals and what is over included
	List    []Shown `json:"list"`
	Next    string  `json:"next,omitempty"` // there is more: after this id
}

// Shown is one entry.
type Shown struct {
	ID        string          `json:"id"`
	Field     string          `json:"field"`
	Available *bool           `json:"available,omitempty"`
	Price     *float64        `json:"price,omitempty"`
	Boost     *float32        `json:"boost,omitempty"`
	Item      json.RawMessage `json:"item,omitempty"`
	Written   time.Time       `json:"written"`
	By        string          `json:"by"` // node
	Until     time.Time       `json:"until"`
	Effect    string          `json:"effect"`
}

// Page lists what counts of items after one, at most n entries but for those of the last item.
func (s *Snapshot) Page(after string, n int, effect func(*Entry) string) Page {
	p := Page{Version: s.Version(), Limit: MaxEntries, Held: len(s.Entries), List: []Shown{}}
	for i := range s.Entries {
		e := &s.Entries[i]
		if !e.Counts(s.At) {
			continue
		}
		p.Entries++
		switch last := len(p.List) - 1; {
		case e.ID <= after:
		case len(p.List) < n || last >= 0 && p.Next == "" && p.List[last].ID == e.ID:
			p.List = append(p.List, e.shown(effect))
		case p.Next == "" && last >= 0:
			p.Next = p.List[last].ID
		}
	}
	return p
}

func (e *Entry) shown(effect func(*Entry) string) Shown {
	s := Shown{
		ID: e.ID, Field: e.Field.String(), By: e.Node, Written: time.UnixMilli(e.Written()).UTC(), Until: time.UnixMilli(e.Until).UTC(), Effect: effect(e),
	}
	switch e.Field {
	case Available:
		s.Available = &e.Available
	case Price:
		s.Price = &e.Price
	case Boost:
		s.Boost = &e.Boost
	case Content:
		bare := *e.Item
		bare.ID = ""
		s.Item = data.AppendItemJSON(nil, &bare)
	}
	return s
}
