package train

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged"
)

// buy is a purchase on a day.
func buy(user, item string, day int) edged.Event {
	return edged.Event{User: user, Item: item, Type: edged.Purchase, Time: opening + int64(day)*dayMs}
}

func logOf(t *testing.T, cfg Config, events ...edged.Event) *eventLog {
	t.Helper()
	cfg.EnsureDefaults()
	l, err := readEvents(context.Background(), []Source{&shop{events: events}}, &cfg, func(Step) {})
	if err != nil {
		t.Fatal(err)
	}
	l.finish()
	return l
}

func TestSplitCounts(t *testing.T) {
	l := logOf(t, Config{UsersOnly: true},
		buy("b", "y", 0), buy("a", "x", 0), buy("a", "x", 1), buy("a", "z", 2),
		edged.Event{Session: "s", Item: "only-anonymous", Type: edged.Purchase, Time: opening},
		edged.Event{User: "a", Item: "returned", Type: edged.Return, Time: opening},
		buy("a", "x", 10),                    // seen in training
		buy("a", "y", 10), buy("a", "y", 11), // one new pair
		buy("b", "new", 10), // unknown item
		buy("c", "x", 10),   // unknown user
	)
	f, err := temporal(l.part(), opening+10*dayMs, 0)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Counts{TrainRows: 4, Rows: 9, TrainUsers: 2, Items: 3, Pairs: 3, TestUsers: 1, TestPairs: 1}); f.counts != want {
		t.Fatalf("got %+v, want %+v", f.counts, want)
	}
	if q := f.exam(examNew).questions[0]; !slices.Equal(f.train.ids, []string{"x", "y", "z"}) || q.user != 0 || !slices.Equal(q.relevant, []uint32{1}) {
		t.Fatalf("rows %v, question %+v", f.train.ids, q)
	}
	if q := f.exam(examAny).questions; len(q) != 1 || !slices.Equal(q[0].relevant, []uint32{0, 1}) {
		t.Fatalf("with repeats: %+v", q)
	}
	if q := f.exam(examCold).questions; len(q) != 1 || !slices.Equal(q[0].relevant, []uint32{0}) {
		t.Fatalf("cold: %+v", q)
	}
	history := f.train.histories().of(0)
	if len(history) != 3 || history[0].item != 2 || history[1].item != 0 || history[2].item != 0 {
		t.Fatalf("history of a: %v", history)
	}
}

func TestSplitOutsideTheData(t *testing.T) {
	l := logOf(t, Config{}, buy("a", "x", 0), buy("a", "y", 5))
	for _, day := range []int{-1, 0, 6} {
		if _, err := temporal(l.part(), opening+int64(day)*dayMs, 0); !errors.Is(err, ErrSplit) || !strings.Contains(err.Error(), "2026-03-01T08:00:00Z to 2026-03-06T08:00:00Z") {
			t.Errorf("day %d: got %v", day, err)
		}
	}
	if _, err := temporal(l.part(), opening+5*dayMs, 0); !errors.Is(err, ErrSplit) || !strings.Contains(err.Error(), "no known user") {
		t.Errorf("got %v", err)
	}
}

func TestParseSplit(t *testing.T) {
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Skip("needs the time zone database")
	}
	for _, c := range []struct {
		text string
		zone *time.Location
		want string
	}{
		{"2010-09-01", nil, "2010-09-01T00:00:00Z"},
		{"2010-09-01", london, "2010-08-31T23:00:00Z"},
		{"2010-09-01T12:30:00", london, "2010-09-01T11:30:00Z"},
		{"2010-09-01 12:30:00", nil, "2010-09-01T12:30:00Z"},
		{"2010-09-01T00:00:00+02:00", london, "2010-08-31T22:00:00Z"},
	} {
		got, err := ParseSplit(c.text, c.zone)
		if err != nil || got.UTC().Format(time.RFC3339) != c.want {
			t.Errorf("%s: got %s, %v, want %s", c.text, got, err, c.want)
		}
	}
	if _, err := ParseSplit("September", nil); err == nil || !strings.Contains(err.Error(), `"September"`) {
		t.Errorf("got %v", err)
	}
}
