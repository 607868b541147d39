package demo

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// fakeNode answers as a node does, with products of the kinds of the recent ones. It stands in where a test is about
// the page or the client.
type fakeNode struct {
	shelf  *shelf
	mu     sync.Mutex
	events []json.RawMessage
}

func startFake(t *testing.T, s *shelf) (*fakeNode, *client) {
	t.Helper()
	f := &fakeNode{shelf: s}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return f, newClient(address{Name: "fake", URL: server.URL})
}

func (f *fakeNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Allow-Headers", "Content-Type, If-None-Match")
	switch {
	case r.Method == http.MethodOptions:
		w.WriteHeader(http.StatusNoContent)
	case r.URL.Path == "/v1/events":
		f.keep(w, r)
	case r.URL.Path == "/v1/recommend":
		var q struct{ Recent []string }
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		f.answer(w, q.Recent, "becauseYouViewed")
	case strings.HasSuffix(r.URL.Path, "/similar"):
		id := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/v1/items/"), "/similar")
		f.answer(w, []string{id}, "similarTo")
	case strings.HasPrefix(r.URL.Path, "/v1/"):
		f.answer(w, nil, "trendingIn")
	}
}

func (f *fakeNode) keep(w http.ResponseWriter, r *http.Request) {
	var events []json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&events); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	f.events = append(f.events, events...)
	f.mu.Unlock()
	w.WriteHeader(http.StatusAccepted)
	json.NewEncoder(w).Encode(map[string]int{"accepted": len(events)})
}

func (f *fakeNode) answer(w http.ResponseWriter, recent []string, code string) {
	level := "personal"
	if len(recent) == 0 {
		level = "regional"
	}
	var items []map[string]any
	for i := range f.shelf.products {
		p := &f.shelf.products[i]
		cause := ""
		for _, id := range recent {
			if kindOf(id) == kindOf(p.ID) && id != p.ID {
				cause = id
			}
		}
		if len(recent) > 0 && cause == "" || len(items) == 18 {
			continue
		}
		items = append(items, map[string]any{"id": p.ID, "score": 1.0, "source": level, "fields": p,
			"reason": map[string]any{"code": code, "items": []string{cause}, "shares": []float64{.62}, "rest": .38}})
	}
	writeJSON(w, map[string]any{"recommendationId": "r", "items": items, "level": level, "release": "1-3fa9c2d1", "tookUs": 31})
}

func kindOf(id string) string {
	kind, _, _ := strings.Cut(id, "-")
	return kind
}
