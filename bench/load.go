package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"
)

// Limits of a run, so that a slip of the keyboard does not fill a disk or last a week.
const (
	MaxRate        = 1e6
	MaxDuration    = 24 * time.Hour
	MaxConnections = 10_000
	MaxPairs       = 1000
)

// LoadConfig says what to drive and how. The zero value of every field but URL has a meaning.
type LoadConfig struct {
	URL         string        // of the node, such as http://127.0.0.1:8080
	Rate        float64       // requests a second; 0: 100, or half of its own peak where Peak is set
	Duration    time.Duration // of what is measured; 0: 10 s
	Warmup      time.Duration // before that, driven and not measured; 0: a tenth of Duration; negative: none
	Timeout     time.Duration // a request that has waited longer, from its intended start, has failed; 0: 5 s
	Connections int           // and so requests under way at once; 0: 64
	Arrivals    string        // "poisson" (default): as independent visitors come; "constant": evenly spaced
	Seed        uint64        // of all that is drawn

	Mix       Mix      // zero: DefaultMix
	Users     int      // distinct visitors; 0: 10,000
	UserSkew  float64  // exponent of Zipf's law over visitors, above 1; 0: 1.05
	ItemSkew  float64  // and over items; 0: 1.1
	N         int      // items asked for; 0: 10
	Items     []string // ids besides those the node calls popular, most popular first
	Countries []string // sent with trending and events; nil: none
	Headers   map[string]string

	// Check, if set, looks at the body of every good answer; an error counts as class "wrong". It is called by many at once
	// and must not keep body.
	Check func(kind Kind, body []byte) error

	Peak         bool          // also saturate, in interleaved pairs of node and yardstick
	Pairs        int           // of them; 0: 5
	PairDuration time.Duration // of each half of a pair; 0: 2 s

	PID          int // of the node; 0: its processor time is not measured
	YardstickPID int // of the yardstick, likewise

	NoYardstick  bool   // do not measure the yardstick
	YardstickURL string // of one running already, in a process of its own; empty: one is started in this process

	Progress func(step string) // told what begins; may be nil
}

// EnsureDefaults fills in what is zero.
func (c *LoadConfig) EnsureDefaults() {
	c.URL = strings.TrimRight(c.URL, "/")
	if c.Rate == 0 && !c.Peak {
		c.Rate = 100
	}
	c.Duration = cmp.Or(c.Duration, 10*time.Second)
	c.Warmup = cmp.Or(c.Warmup, c.Duration/10)
	c.Warmup = max(c.Warmup, 0)
	c.Timeout = cmp.Or(c.Timeout, 5*time.Second)
	c.Connections = cmp.Or(c.Connections, 64)
	c.Arrivals = cmp.Or(c.Arrivals, "poisson")
	c.Mix = cmp.Or(c.Mix, DefaultMix)
	c.Users = cmp.Or(c.Users, 10_000)
	c.UserSkew = cmp.Or(c.UserSkew, 1.05)
	c.ItemSkew = cmp.Or(c.ItemSkew, 1.1)
	c.N = cmp.Or(c.N, 10)
	c.Pairs = cmp.Or(c.Pairs, 5)
	c.PairDuration = cmp.Or(c.PairDuration, 2*time.Second)
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
}

// Validate reports everything that is wrong at once.
func (c *LoadConfig) Validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	for _, s := range []struct{ name, url string }{{"url", c.URL}, {"yardstickUrl", c.YardstickURL}} {
		u, err := url.Parse(s.url)
		web := err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
		check(web || s.url == "" && s.name != "url", "%s: %q, want http://HOST:PORT or https://HOST:PORT", s.name, s.url)
	}
	check(c.Rate >= 0 && c.Rate <= MaxRate, "rate: %v, want above 0, at most %v requests a second", c.Rate, float64(MaxRate))
	check(c.Duration > 0 && c.Duration <= MaxDuration, "duration: %v, want above 0, at most %v", c.Duration, MaxDuration)
	check(c.Warmup <= MaxDuration, "warmup: %v, want at most %v", c.Warmup, MaxDuration)
	check(c.Timeout > 0 && c.Timeout <= time.Minute, "timeout: %v, want above 0, at most 1m", c.Timeout)
	check(c.Connections > 0 && c.Connections <= MaxConnections, "connections: %d, want 1 to %d", c.Connections, MaxConnections)
	check(c.Arrivals == "poisson" || c.Arrivals == "constant", "arrivals: %q, want poisson or constant", c.Arrivals)
	check(c.Users > 0 && c.Users <= 10_000_000, "users: %d, want 1 to 10,000,000", c.Users)
	check(c.UserSkew > 1 && c.UserSkew < 10, "userSkew: %v, want above 1, below 10", c.UserSkew)
	check(c.ItemSkew > 1 && c.ItemSkew < 10, "itemSkew: %v, want above 1, below 10", c.ItemSkew)
	check(c.N > 0 && c.N <= 500, "n: %d, want 1 to 500", c.N)
	check(c.Pairs > 0 && c.Pairs <= MaxPairs, "pairs: %d, want 1 to %d", c.Pairs, MaxPairs)
	check(c.PairDuration > 0 && c.PairDuration <= time.Minute, "pairDuration: %v, want above 0, at most 1m", c.PairDuration)
	if err := c.Mix.validate(); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// RunLoad drives the node and then the yardstick. It ends by itself, Timeout after the last request at the latest, or soon after ctx,
// whose error it then returns. Requests that fail are part of the report, not an error.
func RunLoad(ctx context.Context, cfg LoadConfig) (LoadReport, error) {
	cfg.EnsureDefaults()
	if err := cfg.Validate(); err != nil {
		return LoadReport{}, fmt.Errorf("bench load: %w", err)
	}
	r := &runner{cfg: cfg, started: time.Now()}
	defer r.close()
	if err := r.prepare(ctx); err != nil {
		return LoadReport{}, fmt.Errorf("bench load: %w", err)
	}
	report := newReport(&cfg)
	if cfg.Peak {
		report.Peak = r.peak(ctx)
	}
	r.drive(ctx, &report)
	if err := ctx.Err(); err != nil {
		return LoadReport{}, fmt.Errorf("bench load: stopped: %w", err)
	}
	return report, nil
}

// runner holds what one run uses throughout.
type runner struct {
	cfg       LoadConfig
	started   time.Time
	target    *client
	plain     *client // nil without a yardstick
	plainPath string
	items     *catalogue
	own       *Yardstick
}

func (r *runner) close() {
	for _, c := range []*client{r.target, r.plain} {
		if c != nil {
			c.close()
		}
	}
	if r.own != nil {
		r.own.Close()
	}
}

func (r *runner) prepare(ctx context.Context) (err error) {
	if r.target, err = newClient(&r.cfg, r.cfg.URL); err != nil {
		return err
	}
	ids, err := r.target.popular(ctx)
	if err != nil && len(r.cfg.Items) == 0 {
		return fmt.Errorf("learn item ids from %s: %w", r.cfg.URL, err)
	}
	if r.items, err = newCatalogue(ids, r.cfg.Items); err != nil {
		return err
	}
	if r.cfg.NoYardstick {
		return nil
	}
	return r.openYardstick()
}

func (r *runner) openYardstick() (err error) {
	base := r.cfg.YardstickURL
	if base == "" {
		if r.own, err = StartYardstick(""); err != nil {
			return err
		}
		base = r.own.URL()
	}
	u, err := url.Parse(base)
	if err != nil {
		return err
	}
	r.plainPath = u.Path
	if u.Path == "" || u.Path == "/" {
		r.plainPath = YardstickPath
	}
	u.Path = ""
	plain := r.cfg
	plain.Headers, plain.Check = nil, nil
	r.plain, err = newClient(&plain, u.String())
	return err
}

// drive runs the open loop over the node, then over the yardstick.
func (r *runner) drive(ctx context.Context, report *LoadReport) {
	rate, plainRate := r.cfg.Rate, r.cfg.Rate
	if rate == 0 {
		rate, plainRate = report.Peak.Target.Median/2, report.Peak.Yardstick.Median/2
	}
	traffic := newTraffic(&r.cfg, r.items, r.rand(1), r.started)
	report.fill(rate, r.open(ctx, "node", rate, traffic.fill, r.target))
	if r.plain == nil {
		return
	}
	t := r.open(ctx, "yardstick", plainRate, r.fillPlain, r.plain)
	report.Yardstick = newYardstickReport(r.plainPath, plainRate, t)
}

func (r *runner) rand(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(r.cfg.Seed, stream)) }

func (r *runner) fillPlain(j *job) {
	j.get(Plaintext)
	j.uri = append(j.uri, r.plainPath...)
}

func (r *runner) open(ctx context.Context, what string, rate float64, fill func(*job), c *client) *tally {
	if rate <= 0 || ctx.Err() != nil {
		return newTally(time.Now(), r.cfg.Duration)
	}
	r.cfg.Progress(fmt.Sprintf("%s: %.0f requests/s for %v", what, rate, r.cfg.Warmup+r.cfg.Duration))
	defer context.AfterFunc(ctx, c.close)()
	loop := openLoop{
		rate: rate, poisson: r.cfg.Arrivals == "poisson", warmup: r.cfg.Warmup, duration: r.cfg.Duration,
		timeout: r.cfg.Timeout, connections: r.cfg.Connections, rand: r.rand(2),
		fill: fill, do: c.do, pace: newPacer,
	}
	return loop.run(ctx)
}
