package train

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
)

// defaultPopularHalfLife is that of what is popular just now, in days.
const defaultPopularHalfLife = 14

// Limits of a configuration.
const (
	minFactors = 8
	maxFactors = 512
	maxTypes   = 64  // event types with a weight
	maxKNN     = 200 // neighbours a release holds for each item
)

// Config says how to train. Zero values take the default named beside them; see EnsureDefaults.
type Config struct {
	Factors int     `json:"factors"` // length of a vector, a multiple of 8 from 8 to 512; default 64
	A0      float64 `json:"a0"`      // weight of everything not observed; default 0.1
	Reg     float64 `json:"reg"`     // λ; default 0.01
	Nu      float64 `json:"nu"`      // ν, how λ grows with a row's observations; default 1
	Sweeps  int     `json:"sweeps"`  // of both sides; default 10
	Seed    uint64  `json:"seed"`    // of the item vectors' start, of samples and of validation; default 1
	Threads int     `json:"-"`       // default: as many as Go may run at once; never changes the result

	EventWeights map[edged.EventType]float64 `json:"eventWeights"` // default: view, click, cart, purchase, like = 1; absent or 0: ignored
	UsersOnly    bool                        `json:"usersOnly"`    // leave out sessions without a user

	PairHalfLifeDays float64        `json:"pairHalfLifeDays,omitempty"` // ALS: a pair weighs 0.5^(age/half-life) more; 0: 1
	Table            *TableConfig   `json:"table,omitempty"`            // nil: no item table
	Session          *SessionConfig `json:"session,omitempty"`          // nil: no session table
	Blends           []model.Blend  `json:"blends,omitempty"`           // how what was learned is weighed; none: factors alone rank

	TrendHalfLifeDays float64  `json:"trendHalfLifeDays"` // default 14
	TrendLength       int      `json:"trendLength"`       // items in a country's list, at most 500; default 500
	PlaceHalfLifeDays float64  `json:"placeHalfLifeDays"` // of a country's own events in its list; default 60
	PlaceShrink       float64  `json:"placeShrink"`       // how many events of a country weigh as much as the whole world; default 200
	PlaceVisitors     int      `json:"placeVisitors"`     // an item counts in a country's list from so many distinct visitors there on; default 5; 1: always
	TrendBy           []string `json:"trendBy,omitempty"` // what lists go by beside the country: device, referrer, localHour; none: nothing else
	Neighbours        int      `json:"neighbours"`        // for each item, at most 200; default 50
	Shrink            float64  `json:"shrink"`            // added to a cosine's denominator; default 10

	// Auto chooses what is 0 or nil above by trials on a validation part: factors, a0, reg, sweeps, half-lives, tables, blends.
	Auto      bool          `json:"-"`
	Trials    int           `json:"-"` // models to fit at most; default 300
	TimeLimit time.Duration `json:"-"` // ends the trials early, and the card says so; 0: none

	// Previous is the directory of a release to go on from; "": none. One that lies where the new one goes, and was made anew of
	// the same data or cannot be read, is no start: then everything is made anew.
	Previous string `json:"-"`

	// Overlay is the file of an overlay as a node gave it; "": none. What it says of items, and is not for a time only, stands in the catalogue, which
	// names the entries it was made with.
	Overlay  string `json:"-"`
	previous *previous

	MaxEvents int              `json:"-"` // more events than this is an error, not an exhausted machine; default 200 million
	Clock     func() time.Time `json:"-"` // for the card's timings; default time.Now
}

func defaultWeights() map[edged.EventType]float64 {
	return map[edged.EventType]float64{edged.View: 1, edged.Click: 1, edged.Cart: 1, edged.Purchase: 1, edged.Like: 1}
}

// EnsureDefaults fills what is zero.
func (c *Config) EnsureDefaults() {
	c.Factors = cmp.Or(c.Factors, 64)
	c.A0 = cmp.Or(c.A0, 0.1)
	c.Reg = cmp.Or(c.Reg, 0.01)
	c.Nu = cmp.Or(c.Nu, 1)
	c.Sweeps = cmp.Or(c.Sweeps, 10)
	c.Seed = cmp.Or(c.Seed, 1)
	c.Threads = cmp.Or(c.Threads, runtime.GOMAXPROCS(0))
	c.TrendHalfLifeDays = cmp.Or(c.TrendHalfLifeDays, 14)
	c.TrendLength = cmp.Or(c.TrendLength, 500)
	c.PlaceHalfLifeDays = cmp.Or(c.PlaceHalfLifeDays, 60)
	c.PlaceShrink = cmp.Or(c.PlaceShrink, 200)
	c.PlaceVisitors = cmp.Or(c.PlaceVisitors, 5)
	c.Trials = cmp.Or(c.Trials, 300)
	c.Neighbours = cmp.Or(c.Neighbours, 50)
	c.Shrink = cmp.Or(c.Shrink, 10)
	c.MaxEvents = cmp.Or(c.MaxEvents, 200_000_000)
	if c.EventWeights == nil {
		c.EventWeights = defaultWeights()
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
}

// Validate reports every fault at once. It expects the defaults to be filled.
func (c *Config) Validate() error {
	return errors.Join(append([]error{
		check(c.Factors%8 == 0 && c.Factors >= minFactors && c.Factors <= maxFactors, "factors: %d, want a multiple of 8 from %d to %d", c.Factors, minFactors, maxFactors),
		checkRange("a0", c.A0, 1e-9, 100),
		checkRange("reg", c.Reg, 1e-9, 1e6),
		checkRange("nu", c.Nu, 1e-9, 2),
		checkRange("sweeps", float64(c.Sweeps), 1, 1000),
		checkRange("threads", float64(c.Threads), 1, 4096),
		checkRange("trendHalfLifeDays", c.TrendHalfLifeDays, 1.0/24, 36500),
		checkRange("trendLength", float64(c.TrendLength), 1, edged.MaxN),
		checkRange("pairHalfLifeDays", c.PairHalfLifeDays, 0, 36500),
		checkRange("placeHalfLifeDays", c.PlaceHalfLifeDays, 1.0/24, 36500),
		checkRange("placeShrink", c.PlaceShrink, 1e-9, 1e9),
		checkRange("placeVisitors", float64(c.PlaceVisitors), 1, 1e6),
		c.checkTrendBy(),
		checkRange("trials", float64(c.Trials), 1, 1e6),
		check(c.TimeLimit >= 0, "timeLimit: %v, want 0 or more", c.TimeLimit),
		c.Table.check(), c.Session.check(), c.checkBlends(),
		checkRange("neighbours", float64(c.Neighbours), 1, maxKNN),
		checkRange("shrink", c.Shrink, 1e-9, 1e9),
		checkRange("maxEvents", float64(c.MaxEvents), 1, math.MaxUint32),
		check(len(c.EventWeights) <= maxTypes, "eventWeights: %d types, at most %d", len(c.EventWeights), maxTypes),
		check(len(c.types()) > 0, "eventWeights: no type with a weight above 0"),
	}, c.weightFaults()...)...)
}

func (c *Config) weightFaults() (faults []error) {
	for _, t := range slices.Sorted(maps.Keys(c.EventWeights)) {
		faults = append(faults, checkRange(fmt.Sprintf("eventWeights.%s", t), c.EventWeights[t], 0, 1e6))
	}
	return faults
}

// checkBlends reports what cannot be served: a weight for a part that is not learned, a stage without any weight.
func (c *Config) checkBlends() error {
	faults := []error{model.CheckBlends(c.Blends)}
	for _, b := range c.Blends {
		for _, s := range b.Stages {
			faults = append(faults,
				check(s != model.Stage{From: s.From}, "blends.%s: the stage from %d items on has no weight above 0", b.Goal, s.From),
				check(s.Table == 0 || c.Table != nil, "blends.%s: a weight for the table, but no table", b.Goal),
				check(s.Session == 0 || c.Session != nil, "blends.%s: a weight for the session table, but no session", b.Goal))
		}
	}
	return errors.Join(faults...)
}

// types are the event types that count, in order of name.
func (c *Config) types() (types []edged.EventType) {
	for _, t := range slices.Sorted(maps.Keys(c.EventWeights)) {
		if c.EventWeights[t] > 0 {
			types = append(types, t)
		}
	}
	return types
}

func check(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}

func checkRange(name string, x, low, high float64) error {
	return check(x >= low && x <= high, "%s: %v, want %v to %v", name, x, low, high)
}
