package serve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/edged/edged"
	"github.com/edged/edged/access"
	"github.com/edged/edged/profile"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/trend"
	"github.com/edged/edged/words"
)

// Releases says which release answers. Current is one atomic load; nil means that none is held yet.
type Releases interface{ Current() *rank.Ranker }

// Trends gives lists of what is trending, nil where nothing is.
type Trends interface {
	Top(country, window string) *trend.List
	Add(e *edged.Event)
}

// Profiles gives what a visitor did lately, newest first.
type Profiles interface {
	Recent(dst []profile.Recent, key profile.Key) []profile.Recent
	RecentUser(dst []profile.Recent, name []byte) []profile.Recent // keeps nothing of the name, as the next
	RecentSession(dst []profile.Recent, name []byte) []profile.Recent
	Add(e *edged.Event)
	Forget(key profile.Key) bool
}

// EventSink makes events durable before it returns. fresh[i] is false for an event it had seen before. Events are the
// sink's to keep; it may fill in their ids.
type EventSink func(ctx context.Context, batch []edged.Event) (fresh []bool, err error)

// Config says what a Server works with. Releases is required; what is nil is not offered.
type Config struct {
	Releases Releases
	Events   EventSink // nil: /v1/events answers 503
	Trends   Trends
	Profiles Profiles
	Tokens   *profile.Sealer // profiles in tokens; then Profiles is not asked
	Rules    Rules           // what is obeyed beside the release; nil: nothing
	Keys     *access.Keys    // who may call; nil: anyone, for anyone
	Words    *words.Set      // of reasons; nil: English ones

	Fault func(error)  // told, once per request, of a part of the release that could not be read; nil: nobody is
	Ready func() error // a reason not to be ready besides having no release; nil: none

	Origins        []string // who may read answers in a browser; default "*"
	Windows        []string // windows of Trends, the default first; default 1h, 24h, 7d
	MaxConcurrency int      // requests worked on at once, default 4096; more get 503
	MaxConnections int      // open at once, default 8192, of 48 KiB each while requests arrive; more get 503
	MaxBody        int      // bytes of a request body, default edged.MaxBody
	BodyBudget     int64    // bytes of all bodies under way together, default 64 MiB; what would be more gets 503
	ReadTimeout    time.Duration
	WriteTimeout   time.Duration
	IdleTimeout    time.Duration

	Admin Admin

	Clock   func() time.Time
	Rand    *rand.Rand // used by New only
	Metrics *metrics.Set
	Logger  *slog.Logger // nil: silent
}

// Admin is what the admin handler controls and shows. Functions that are nil are not offered.
type Admin struct {
	Key      []byte       // bearer key; empty: none is asked for
	Status   func() any   // GET /v1/admin/release: a value to show as JSON
	Rollback func() error // POST /v1/admin/release {"action":"rollback"}
	Members  func() any   // GET /v1/admin/cluster
	Rules    func() any   // GET /v1/admin/rules
	Overlay  Overlay      // GET and POST /v1/admin/overlay
	Releases func() any   // GET /v1/admin/releases
	Chunks   func() any   // GET /v1/admin/chunks

	Difference Difference     // GET /v1/admin/releases/difference
	Metrics    []*metrics.Set // more sets for /metrics
}

// EnsureDefaults fills in what is not set.
func (c *Config) EnsureDefaults() {
	if len(c.Origins) == 0 {
		c.Origins = []string{"*"}
	}
	if len(c.Windows) == 0 {
		c.Windows = []string{"1h", "24h", "7d"}
	}
	c.MaxConcurrency = cmp.Or(c.MaxConcurrency, 4096)
	c.MaxConnections = cmp.Or(c.MaxConnections, 8192)
	c.MaxBody = cmp.Or(c.MaxBody, edged.MaxBody)
	c.BodyBudget = max(cmp.Or(c.BodyBudget, 64<<20), int64(c.MaxBody))
	c.ReadTimeout = cmp.Or(c.ReadTimeout, 10*time.Second)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, 10*time.Second)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, 60*time.Second)
	if c.Words == nil {
		c.Words = words.English()
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	if c.Fault == nil {
		c.Fault = func(error) {}
	}
	if c.Metrics == nil {
		c.Metrics = metrics.NewSet()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// Validate reports everything that can't work, all at once.
func (c *Config) Validate() error {
	var faults []error
	if c.Releases == nil {
		faults = append(faults, errors.New("releases: missing"))
	}
	faults = append(faults, CheckOrigins(c.Origins, c.Tokens != nil))
	if c.Tokens != nil && c.Profiles != nil {
		faults = append(faults, errors.New("profiles: in tokens or in memory, not both"))
	}
	if c.MaxConcurrency < 0 {
		faults = append(faults, fmt.Errorf("maxConcurrency: %d, want at least 1", c.MaxConcurrency))
	}
	if c.MaxConnections < 0 {
		faults = append(faults, fmt.Errorf("maxConnections: %d, want at least 1", c.MaxConnections))
	}
	if c.MaxBody < 0 {
		faults = append(faults, fmt.Errorf("maxBody: %d, want at least 1", c.MaxBody))
	}
	if c.BodyBudget < 0 {
		faults = append(faults, fmt.Errorf("bodyBudget: %d, want at least 1", c.BodyBudget))
	}
	if c.ReadTimeout < 0 || c.WriteTimeout < 0 || c.IdleTimeout < 0 {
		faults = append(faults, errors.New("timeouts: negative"))
	}
	return errors.Join(faults...)
}
