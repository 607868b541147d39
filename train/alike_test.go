package train

import (
	"context"
	"fmt"
	"testing"

	"github.com/edged/edged"
	"github.com/edged/edged/learn"
)

// described is a shop's events, and which of its items are alike.
func described(t *testing.T, s *shop) *part {
	t.Helper()
	cfg := Config{}
	cfg.EnsureDefaults()
	log, err := readEvents(context.Background(), []Source{s}, &cfg, func(Step) {})
	if err != nil {
		t.Fatal(err)
	}
	items := make(map[string]edged.Item)
	for _, it := range s.items {
		items[it.ID] = it
		log.items.add(it.ID)
	}
	log.finish()
	p := log.part()
	if err := p.describe(context.Background(), aligned(p.ids, items), 2); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestContentReachesItemsWithoutAHistory: both tables lead from and to an item that nobody had by the words it shares.
func TestContentReachesItemsWithoutAHistory(t *testing.T) {
	s := newShop(6)
	for i := range s.events {
		s.events[i].Session = "s" + s.events[i].User
	}
	for i := range s.items {
		s.items[i].Price = 0
		s.items[i].Title = fmt.Sprintf("%s thing %d", []string{"red", "blue"}[i/40%2], i)
	}
	s.items[85].Title = "blue something" // 80 to 89 nobody had
	p := described(t, s)
	items := make(map[string]int)
	for i, id := range p.ids {
		items[id] = i
	}
	table, session := defaultTable(true), defaultSession(true)
	table.Row, session.Row = 90, 90
	for _, content := range []float64{0, 1} {
		table.Content, session.Prior = content, content
		cfg := Config{Table: &table, Session: &session}
		cfg.EnsureDefaults()
		l, err := study(context.Background(), &cfg, p, 5, newStopwatch(&cfg, nil))
		if err != nil {
			t.Fatal(err)
		}
		for name, learned := range map[string]*learn.Table{"item table": l.table, "session table": l.session} {
			from, to := 0, 0
			row, _ := learned.Row(items["i85"])
			from = len(row)
			for i := range learned.Rows() {
				row, _ := learned.Row(i)
				for _, j := range row {
					if int(j) == items["i85"] {
						if to++; i < items["i40"] || i >= items["i80"] {
							t.Errorf("%s, content %g: %s leads to what is blue", name, content, p.ids[i])
						}
					}
				}
			}
			if (from > 0) != (content > 0) || (to > 0) != (content > 0) {
				t.Errorf("%s, content %g: %d items from the one nobody had, %d to it", name, content, from, to)
			}
		}
	}
}
