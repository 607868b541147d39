// Package sim makes up a shop: products with pictures, visitors with tastes, and the events they leave. Nothing in it
// is real, and whatever shows it must say so.
//
// The structure is there to be found. A visitor comes for an occasion (a tea table, the garden …), which ties kinds of
// product together, and has a style (botanical, nautical …), which runs through all kinds. Most views come from the few
// cells (kind, style) where both meet; inside a cell the product's own appeal, which is strongly skewed, and the
// visitor's budget decide. Countries prefer styles; styles go in and out of season; some visitors change
// their occasion half-way; an eighth of the products arrive during the time simulated; every few days something becomes the
// talk of one country. A visit is a funnel: views, some put into the basket, some of those bought.
//
// One seed and one end of time give the same shop and the same events, byte for byte. A Shop is immutable after New and
// safe for concurrent use; the *rand.Rand given to Visit is the caller's.
package sim

import (
	"math/rand/v2"
	"time"

	"github.com/edged/edged"
)

// Config of a simulated shop. Zero values take the defaults named.
type Config struct {
	Seed     uint64
	Products int       // 2400
	Visitors int       // 1500
	Days     int       // 60
	End      time.Time // when the last day ends; required for events that are to look recent, default 2026-01-31
}

func (c *Config) ensureDefaults() {
	for _, f := range []struct {
		v   *int
		def int
	}{{&c.Products, 2400}, {&c.Visitors, 1500}, {&c.Days, 60}} {
		if *f.v <= 0 {
			*f.v = f.def
		}
	}
	if c.End.IsZero() {
		c.End = time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	}
}

// Name of the shop. The word is part of it on purpose.
const Name = "Larkspur & Finch (simulated)"

// Shop is a made-up shop: its catalogue, its visitors, and what is talked about when.
type Shop struct {
	cfg      Config
	start    int64 // Unix milliseconds
	end      int64
	products []product
	byID     map[string]int
	cells    [][]int // kind × style → products
	ranking  *wheel  // all products by appeal
	visitors []visitor
	crazes   []craze
}

// New makes up the shop.
func New(cfg Config) *Shop {
	cfg.ensureDefaults()
	s := &Shop{cfg: cfg, end: cfg.End.UnixMilli()}
	s.start = s.end - int64(cfg.Days)*day
	rng := s.rand(1)
	s.stock(rng)
	s.invite(rng)
	s.plan(rng)
	return s
}

const day = int64(24 * time.Hour / time.Millisecond)

// rand is a stream of its own for each purpose, so that a change in one does not move the others.
func (s *Shop) rand(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(s.cfg.Seed, stream)) }

// Items is the catalogue, by ascending id.
func (s *Shop) Items() []edged.Item {
	items := make([]edged.Item, len(s.products))
	for i := range s.products {
		items[i] = s.item(&s.products[i])
	}
	return items
}
