package train

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/vfs"
)

// withRobot is a shop, and somebody who has so many items that nobody else has.
func withRobot(items int) *shop {
	s := newShop(1)
	for k := range items {
		s.events = append(s.events, buy("robot", fmt.Sprintf("x%06d", k), k%100))
	}
	s.items = append(s.items, edged.Item{ID: "x000001", Title: "Item 1"})
	return s
}

// TestRobotIsNotLearnedFrom: the items of one with more than 5,000 have no vector, which would be the same for all of them, and what the others
// have is as it would be without. What such an item says of itself gives it one.
func TestRobotIsNotLearnedFrom(t *testing.T) {
	cfg := Config{Factors: 8, Sweeps: 2}
	disk, alone := vfs.NewMem(), vfs.NewMem()
	_, m := trainOn(t, disk, "rel", "", withRobot(6000), cfg)
	_, without := trainOn(t, alone, "rel", "", newShop(1), cfg)
	for row := range m.Len() {
		id := m.ID(edged.Row(row))
		got := m.AppendVector(nil, edged.Row(row))
		var want []float64
		if at, ok := without.Row(id); ok {
			want = without.AppendVector(nil, at)
		}
		if want == nil && id == "x000001" { // its title is all it has
			if slices.Max(got) == 0 && slices.Min(got) == 0 {
				t.Errorf("%s: no vector, though it is like others", id)
			}
			continue
		}
		for k, x := range got {
			if want == nil && x != 0 || want != nil && (x-want[k] > 0.02 || want[k]-x > 0.02) {
				t.Fatalf("%s: %v, want %v", id, got, want)
			}
		}
	}
}

// TestTrainingEndsWhenAsked: at any time, also while searches are laid out.
func TestTrainingEndsWhenAsked(t *testing.T) {
	for _, name := range []string{"als", "neighbours", "trends", "check"} {
		ctx, cancel := context.WithCancel(t.Context())
		disk := vfs.NewMem()
		last, asked := "", 0
		cfg := Config{Factors: 8, Sweeps: 2, Clock: func() time.Time {
			if last == "neighbours" {
				asked++
			}
			if name == "check" && asked == 4 { // as "content" began and ended, which says nothing, and as "check" begins
				cancel()
			}
			return time.Unix(0, 0)
		}}
		_, err := Run(ctx, []Source{withRobot(18_000)}, "rel", disk, cfg, func(s Step) {
			if last = s.Name; s.Name == name {
				cancel()
			}
		})
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := disk.Open("rel/" + CardFile); err == nil {
			t.Errorf("%s: a release was written", name)
		}
	}
}
