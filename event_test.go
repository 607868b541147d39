package edged

import (
	"math"
	"strings"
	"testing"
)

func TestParseTime(t *testing.T) {
	for _, c := range []struct {
		in   string
		want int64
	}{
		{"1291195560", 1291195560000},
		{"1291195560000", 1291195560000},
		{"1291195560.25", 1291195560250},
		{"2010-12-01T09:26:00Z", 1291195560000},
		{"2010-12-01T09:26:00.5+01:00", 1291191960500},
	} {
		if got, err := ParseTime(c.in); err != nil || got != c.want {
			t.Errorf("ParseTime(%q) = %d, %v; want %d", c.in, got, err, c.want)
		}
	}
	for _, in := range []string{"", "yesterday", "-1", "0", "1e300", "NaN", "Inf", "2010-12-01", "1969-12-31T00:00:00Z"} {
		if got, err := ParseTime(in); err == nil {
			t.Errorf("ParseTime(%q) = %d, want an error", in, got)
		}
	}
}

func TestEventValidate(t *testing.T) {
	good := Event{Item: "a", Type: View, Time: 1}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", MaxIDLen+1)
	for want, change := range map[string]func(*Event){
		"item: missing":               func(e *Event) { e.Item = "" },
		"type: missing":               func(e *Event) { e.Type = "" },
		"time: missing":               func(e *Event) { e.Time = 0 },
		"user: 513 bytes":             func(e *Event) { e.User = long },
		"item: not UTF-8":             func(e *Event) { e.Item = "\xff" },
		"value: not a finite":         func(e *Event) { e.Value = math.Inf(1) },
		"quantity: not a finite":      func(e *Event) { e.Quantity = math.NaN() },
		"position: negative":          func(e *Event) { e.Position = -1 },
		"context.country: not UTF-8":  func(e *Event) { e.Context = map[string]string{Country: "\xff"} },
		"context key: 513 bytes":      func(e *Event) { e.Context = map[string]string{long: ""} },
		"recommendation: 513 bytes":   func(e *Event) { e.Recommendation = long },
		"session: 513 bytes, at most": func(e *Event) { e.Session = long },
	} {
		e := good
		change(&e)
		if err := e.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestItemValidate(t *testing.T) {
	good := Item{ID: "a", Attributes: []byte(`{"colour":"red"}`), Vector: []float32{1, 2}}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Item){
		"id: missing":           func(i *Item) { i.ID = "" },
		"title: 65537 bytes":    func(i *Item) { i.Title = strings.Repeat("x", MaxTextLen+1) },
		"categories: 65":        func(i *Item) { i.Categories = make([]string, 65) },
		"tags: not UTF-8":       func(i *Item) { i.Tags = []string{"\xff"} },
		"price: not a finite":   func(i *Item) { i.Price = math.NaN() },
		"attributes: not a":     func(i *Item) { i.Attributes = []byte(`[1]`) },
		"attributes: not a JSO": func(i *Item) { i.Attributes = []byte(`{"a":`) },
		"vector: not a finite":  func(i *Item) { i.Vector = []float32{float32(math.Inf(-1))} },
	} {
		it := good
		change(&it)
		if err := it.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
