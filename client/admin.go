package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Admin calls a node's admin listener: Config.URL is its address, Config.Key its bearer key.
type Admin struct{ c *Client }

// NewAdmin returns an Admin; nothing is sent yet.
func NewAdmin(cfg Config) (*Admin, error) {
	c, err := New(cfg)
	if err != nil {
		return nil, err
	}
	return &Admin{c}, nil
}

// Change says what is to be different of an item from the release until the next one. What is nil stays as it is.
type Change struct {
	ID        string
	Available *bool
	Price     *float64
	Boost     *float64        // its scores are multiplied by
	Item      json.RawMessage // a new item: an object with the fields of a catalogue's item but for the id
	Take      []string        // fields of which nothing is to be different any more: available, price, boost, item
	Remove    bool            // of no field is anything to be different any more
	Time      time.Time       // when it was so: the newest stays, whatever arrives last; zero: now
	TTL       time.Duration   // how long it is to count; 0: as long as it is remembered, 30 days
}

// MarshalJSON writes the change as the node reads it.
func (c Change) MarshalJSON() ([]byte, error) {
	m := map[string]any{"id": c.ID}
	put := func(key string, set bool, v any) {
		if set {
			m[key] = v
		}
	}
	put("available", c.Available != nil, c.Available)
	put("price", c.Price != nil, c.Price)
	put("boost", c.Boost != nil, c.Boost)
	put("item", c.Item != nil, c.Item)
	put("remove", c.Remove, true)
	put("time", !c.Time.IsZero(), c.Time)
	put("ttl", c.TTL > 0, c.TTL.String())
	for _, field := range c.Take {
		put(field, true, nil)
	}
	return json.Marshal(m)
}

// Written counts what became of changes, in fields of items.
type Written struct {
	Written int `json:"written"`
	Older   int `json:"older"` // what the node holds is as new, or newer
}

// Change makes changes: on the node they are durable and count when it returns, on others in about a second. All of them are made, or none.
func (a *Admin) Change(ctx context.Context, changes ...Change) (*Written, error) {
	var w Written
	return &w, a.c.post(ctx, "/v1/admin/overlay", map[string]any{"entries": changes}, &w)
}

// ChangeJSON is Change for entries as the node reads them.
func (a *Admin) ChangeJSON(ctx context.Context, entries []json.RawMessage) (*Written, error) {
	var w Written
	return &w, a.c.post(ctx, "/v1/admin/overlay", map[string]any{"entries": entries}, &w)
}

// Overlay is what is different from the release.
type Overlay struct {
	Version string         `json:"version"` // equal on nodes that hold the same
	Entries int            `json:"entries"` // that count
	Limit   int            `json:"limit"`
	Held    int            `json:"held"` // removals and what is over included
	List    []OverlayEntry `json:"list"`
	Next    string         `json:"next"` // there is more: after this one
}

// OverlayEntry is one field of one item.
type OverlayEntry struct {
	ID        string          `json:"id"`
	Field     string          `json:"field"`
	Available *bool           `json:"available"`
	Price     *float64        `json:"price"`
	Boost     *float64        `json:"boost"`
	Item      json.RawMessage `json:"item"`
	Written   time.Time       `json:"written"`
	By        string          `json:"by"` // node
	Until     time.Time       `json:"until"`
	Effect    string          `json:"effect"` // on the release this node serves
}

// Value is what the entry says, as text.
func (e *OverlayEntry) Value() string {
	switch {
	case e.Available != nil:
		return strconv.FormatBool(*e.Available)
	case e.Price != nil:
		return strconv.FormatFloat(*e.Price, 'f', -1, 64)
	case e.Boost != nil:
		return strconv.FormatFloat(*e.Boost, 'g', -1, 32)
	}
	return string(e.Item)
}

// Overlay lists what is different from the release, of items after one in the order of ids, at most about n entries, 1,000 for 0.
func (a *Admin) Overlay(ctx context.Context, after string, n int) (*Overlay, error) {
	q := url.Values{}
	if after != "" {
		q.Set("after", after)
	}
	if n > 0 {
		q.Set("n", strconv.Itoa(n))
	}
	var o Overlay
	return &o, a.Get(ctx, "/v1/admin/overlay?"+q.Encode(), &o)
}

// OverlayFile reads the overlay as a file, for a release to be made with (edged train --overlay).
func (a *Admin) OverlayFile(ctx context.Context) ([]byte, error) {
	var file raw
	err := a.Get(ctx, "/v1/admin/overlay/file", &file)
	return file, err
}

// raw takes an answer as it is.
type raw []byte

// Release is one that lies on a node.
type Release struct {
	Release  string    `json:"release"` // id; empty: its manifest can't be read
	Version  uint64    `json:"version"`
	Manifest string    `json:"manifest"`
	Created  time.Time `json:"created"` // when it was trained
	Role     string    `json:"role"`    // current, previous or older
	Fault    string    `json:"fault"`

	Components []struct {
		Name   string `json:"name"`
		Size   int64  `json:"size"`
		Chunks int    `json:"chunks"`
		Packed int64  `json:"packed"` // bytes of the chunks as they travel
	} `json:"components"`
}

// Releases lists the releases a node holds, the one served first.
func (a *Admin) Releases(ctx context.Context) (list []Release, err error) {
	return list, a.Get(ctx, "/v1/admin/releases", &list)
}

// Chunks says who has which pieces of a release.
type Chunks struct {
	Release  string `json:"release"` // id, where the node asked has it
	Manifest string `json:"manifest"`
	Pieces   int    `json:"pieces"` // 0: the node asked doesn't know
	Rarest   int    `json:"rarest"` // on how many nodes the rarest piece is
	Nodes    []struct {
		Node    string `json:"node"`
		Self    bool   `json:"self"`
		Address string `json:"address"`
		Wanting bool   `json:"wanting"` // it is fetching the release
		Count   int    `json:"count"`
		Have    string `json:"have"` // pieces by number: 0-34,36
	} `json:"nodes"`
}

// Chunks lists who has which pieces of the releases that the node or another has.
func (a *Admin) Chunks(ctx context.Context) (list []Chunks, err error) {
	return list, a.Get(ctx, "/v1/admin/chunks", &list)
}

// Get reads what is at a path of the admin listener, JSON, into a value.
func (a *Admin) Get(ctx context.Context, path string, into any) error {
	if err := a.c.call(ctx, http.MethodGet, path, nil, into); err != nil {
		return fmt.Errorf("admin: %w", err)
	}
	return nil
}
