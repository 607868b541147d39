package train

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/edged/edged"
)

// shop is a Source in memory.
type shop struct {
	events []edged.Event
	items  []edged.Item
	err    error
}

func (s *shop) Events(ctx context.Context, _, _ int64, fn func(*edged.Event) error) error {
	for i := range s.events {
		e := s.events[i] // one that may be changed
		if err := fn(&e); err != nil {
			return err
		}
	}
	return s.err
}

func (s *shop) Items(context.Context) ([]edged.Item, error) { return s.items, s.err }
func (s *shop) Digest() string                              { return fmt.Sprintf("shop-%d", len(s.events)) }

var opening = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC).UnixMilli()

// newShop simulates users with a taste for one half of the items or the other, over 100 days, beside anonymous sessions,
// returns, and items nobody ever had.
func newShop(seed uint64) *shop {
	rng := rand.New(rand.NewPCG(seed, 0))
	s := new(shop)
	for n := range 6000 {
		who := rng.IntN(200)
		item := who%2*40 + int(rng.Float64()*rng.Float64()*40)
		e := edged.Event{User: fmt.Sprintf("u%03d", who), Item: fmt.Sprintf("i%02d", item), Type: edged.Purchase,
			Time: opening + int64(n)*dayMs/60, Context: map[string]string{edged.Country: []string{"GB", "FR", "DE"}[who%3]}}
		switch n % 10 {
		case 0:
			e.User, e.Session = "", fmt.Sprintf("s%d", n/50)
		case 1:
			e.Type = edged.Return
		case 2:
			e.Context = nil
		}
		s.events = append(s.events, e)
	}
	for i := range 90 {
		s.items = append(s.items, edged.Item{ID: fmt.Sprintf("i%02d", i), Title: fmt.Sprintf("Item %d", i), Price: float64(i) + 0.5})
	}
	return s
}
