// Package demo runs the whole loop on one machine, as a user would: data in, train, publish, three nodes that gossip, a
// storefront page, events back, train again.
//
// The data is a simulated shop (package sim) or whatever is imported with a mapping. Nothing is special-cased for the
// demo: nodes are edge.Start, the storefront and the story of --once ask them over HTTP, and what comes back comes back by
// data.Import of the nodes' event logs. With Once every step has an expectation, and one that fails is Run's error.
//
// Run owns everything it starts and has ended it when it returns. Several may run at once in different directories.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/edged/edged/internal/vfs"
)

// Config of a demo. The zero value simulates a shop, stays up and leaves nothing behind.
type Config struct {
	Dir     string   // where data, releases, keys and the nodes' state go; empty: a temporary directory, removed at the end
	Events  []string // files to import in place of the simulated shop
	Mapping string   // how to read them; empty: fields by their own names
	Once    bool     // run the loop, tell the story, return
	Listen  string   // of the storefront; empty: 127.0.0.1:8088, or any free port where that is taken
	Out     io.Writer
	Seed    uint64 // of the simulated shop and of all live visits; 0: 1
	Logger  *slog.Logger

	Products, Visitors int // of the simulated shop; 0: 2400 and 1500, at most MaxProducts and MaxVisitors

	Clock func() time.Time
	Ready func(url string) // called when the storefront can be opened
}

// Limits of a simulated shop, whose events are made in memory: some 65 of each visitor.
const (
	MaxProducts = 100_000
	MaxVisitors = 50_000
)

// EnsureDefaults fills in what was left out.
func (c *Config) EnsureDefaults() {
	if c.Out == nil {
		c.Out = io.Discard
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Ready == nil {
		c.Ready = func(string) {}
	}
	if c.Seed == 0 {
		c.Seed = 1
	}
}

// Validate reports all faults at once.
func (c *Config) Validate() error {
	var errs []error
	if c.Mapping != "" && len(c.Events) == 0 {
		errs = append(errs, errors.New("mapping: given without events; name the files it is for"))
	}
	for _, n := range []struct {
		name     string
		is, most int
	}{{"products", c.Products, MaxProducts}, {"visitors", c.Visitors, MaxVisitors}} {
		if n.is < 0 || n.is > n.most {
			errs = append(errs, fmt.Errorf("%s %d: want 0 (the default) to %d", n.name, n.is, n.most))
		}
	}
	return errors.Join(errs...)
}

// Run runs the demo until ctx ends or, with Once, until the story is told.
func Run(ctx context.Context, cfg Config) (err error) {
	cfg.EnsureDefaults()
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	d := &demo{cfg: &cfg, fs: vfs.OS, out: newPrinter(cfg.Out, cfg.Clock), rng: rand.New(rand.NewPCG(cfg.Seed, 3))}
	defer func() { err = errors.Join(err, d.close()) }()
	if err = d.settle(); err == nil {
		err = d.run(ctx)
	}
	if err != nil {
		err = fmt.Errorf("demo: %w", err)
	}
	return err
}

// demo is one run. Its fields are filled step by step; it belongs to one goroutine, besides what live says.
type demo struct {
	cfg   *Config
	fs    vfs.FS
	out   *printer
	rng   *rand.Rand
	dir   string
	world *world
	nodes *nodes
	temp  bool

	trained int    // releases so far
	release string // id of the one published last
	owed    int64  // events the nodes accepted
}

func (d *demo) path(parts ...string) string {
	return filepath.Join(append([]string{d.dir}, parts...)...)
}

// settle finds a directory. One with a demo in it already is refused: its keys and data may matter to somebody.
func (d *demo) settle() (err error) {
	if d.cfg.Dir == "" {
		d.temp = true
		d.dir, err = os.MkdirTemp("", "edged-demo-")
		return err
	}
	d.dir = d.cfg.Dir
	for _, name := range []string{dataDir, keysDir} {
		if _, err := d.fs.Stat(d.path(name)); err == nil {
			return fmt.Errorf("%s: %s is there already; take an empty directory, or remove this one", d.dir, name)
		}
	}
	return d.fs.MkdirAll(d.dir)
}

// close ends what was started, in reverse order.
func (d *demo) close() error {
	var errs []error
	if d.nodes != nil {
		errs = append(errs, d.nodes.close())
	}
	if d.world != nil {
		errs = append(errs, d.world.dir.Close())
	}
	if d.temp {
		errs = append(errs, d.fs.RemoveAll(d.dir))
	}
	return errors.Join(errs...)
}

func (d *demo) run(ctx context.Context) error {
	if err := d.loop(ctx); err != nil {
		return err
	}
	if d.cfg.Once {
		return d.story(ctx)
	}
	return d.stayUp(ctx)
}

// loop is the way from data to answering nodes.
func (d *demo) loop(ctx context.Context) error {
	for _, step := range []func(context.Context) error{d.bringData, d.train, d.makeKeys, d.publish, d.startNodes} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}
