package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/edged/edged/client"
)

// TestOverlayTable: an entry is a line, whatever an item says of itself.
func TestOverlayTable(t *testing.T) {
	price := 9.5
	list := []client.OverlayEntry{
		{ID: "a", Field: "price", Price: &price},
		{ID: "b\tc", Field: "item", Item: json.RawMessage("{\n  \"title\": \"Küchenuhr\",\n  \"brand\":\t\"b1\"\n}")},
		{ID: "d", Field: "item", Item: json.RawMessage(`{"title": "` + strings.Repeat("ü", 100) + `"}`)},
	}
	var out bytes.Buffer
	if err := writeOverlay(&out, &client.Overlay{Version: "v", Entries: 3, Limit: 10, List: list}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 5 || !strings.Contains(lines[2], " 9.5 ") || !strings.HasPrefix(lines[3], "b c ") || !strings.Contains(lines[3], `{"title":"Küchenuhr","brand":"b1"} `) ||
		!strings.Contains(lines[4], `{"title":"`+strings.Repeat("ü", 49)+"… ") {
		t.Errorf("%d lines:\n%s", len(lines), out.String())
	}
}
