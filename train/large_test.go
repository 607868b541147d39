package train

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/model"
)

// crowd is a Source that makes events up as they are read: users with a taste, items with a long tail, sessions of five.
type crowd struct{ events, users, items int }

func (c crowd) Events(_ context.Context, _, _ int64, fn func(*edged.Event) error) error {
	rng := rand.New(rand.NewPCG(1, 50))
	e := edged.Event{Type: edged.Purchase, Context: map[string]string{edged.Country: "GB"}}
	for n := range c.events {
		if n%5 == 0 {
			e.User, e.Session = "u"+strconv.Itoa(rng.IntN(c.users)), "s"+strconv.Itoa(n)
		}
		topic := len(e.User) * 31 % 50
		at := rng.Float64()
		item := (int(at*at*at*float64(c.items)) + topic*c.items/50) % c.items
		e.Item, e.Time = "i"+strconv.Itoa(item), opening+int64(n)*200*dayMs/int64(c.events)
		if err := fn(&e); err != nil {
			return err
		}
	}
	return nil
}
func (crowd) Items(context.Context) ([]edged.Item, error) { return nil, nil }
func (c crowd) Digest() string                            { return fmt.Sprint(c) }

// peakBytes is what docs/sizing.md says a training needs at most.
func peakBytes(events, users, sessions, items, factors int) int {
	reading := 33*events + 130*users + 40*sessions + 130e6
	learning := 50*events + 100*users + 5*factors*(users+items) + 2500*items + 350e6
	return max(reading, learning)
}

// crowdOf is n events of a shape: "", of users who come once or twice, or of few items.
func crowdOf(n int, shape string) crowd {
	switch shape {
	case "users":
		return crowd{n, 2 * n / 5, min(200_000, n/250)}
	case "items":
		return crowd{n, n / 25, 50}
	}
	return crowd{n, n / 25, min(200_000, n/250)}
}

// TestLargeTraining trains on EDGED_LARGE events, such as 50000000, of the shape EDGED_LARGE_SHAPE, with EDGED_LARGE_AUTO trials at most or else a table
// and ALS by their defaults, and holds the process's peak to the formula.
func TestLargeTraining(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("EDGED_LARGE"))
	if err != nil {
		t.Skip("set EDGED_LARGE to a number of events")
	}
	SpareMemory()
	c := crowdOf(n, os.Getenv("EDGED_LARGE_SHAPE"))
	trials, _ := strconv.Atoi(os.Getenv("EDGED_LARGE_AUTO"))
	cfg := Config{Auto: trials > 0, Trials: trials, Sweeps: 5}
	if table := defaultTable(true); !cfg.Auto {
		cfg.Table = &table
		cfg.Blends = []model.Blend{{Goal: model.GoalNew, Stages: []model.Stage{{Table: 1, Factors: 1, Popular: 0.2}}}}
	}
	card, err := Run(context.Background(), []Source{c}, filepath.Join(t.TempDir(), "rel"), vfs.OS, cfg, func(s Step) {
		if s.Done == s.Total {
			t.Logf("%s: %d %s, %s, %s, peak %.2f GB", s.Name, s.Done, s.Unit, s.Took, s.Note, float64(peak(t))/1e9)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(card)
	most := peakBytes(n, c.users, n/5, c.items, card.Config.Factors)
	if cfg.Auto {
		most = max(most, 31*n+2e9)
	}
	t.Logf("peak %.2f GB, the formula allows %.2f GB", float64(peak(t))/1e9, float64(most)/1e9)
	if got := peak(t); got > most {
		t.Errorf("%d bytes", got)
	}
}

// peak is the largest resident size of the process so far.
func peak(t *testing.T) int {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("needs Linux's /proc")
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Skip("no VmHWM")
	return 0
}
