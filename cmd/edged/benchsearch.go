package main

import (
	"context"
	"errors"

	"github.com/edged/edged/bench"
)

type benchSearchCmd struct {
	Items   string   `help:"npy file: one row an item." placeholder:"FILE"`
	Release string   `help:"Directory of a release, whose own index is measured against its exact search; instead of --items." placeholder:"DIR"`
	Queries string   `help:"npy file: one row a query; recall and time are measured on these. Of a release, default: those it keeps, or, where it searches exactly, vectors of its items." placeholder:"FILE"`
	Train   string   `help:"npy file of other queries, for layout and calibration; without it the first half of --queries, which are then not measured." placeholder:"FILE"`
	K       int      `help:"Hits wanted." default:"10" short:"k"`
	Recall  *float64 `help:"Share of the true best k to be found; 1: all. Default: 0.95, of a release what it was made for." placeholder:"SHARE"`
	Passes  int      `help:"Passes over the queries." default:"5"`
	Most    int      `help:"Queries measured at most." default:"2000"`
	Coarse  bool     `help:"8-bit rows without remainders: half the bytes, recall ends at about 0.98."`
	Bits    int      `help:"Bits of a dimension's code, 1 or 2; 0 with --cells 0 and --head 0: the cheapest layout of a few." default:"0"`
	Cells   int      `help:"Cells; 0: by the number of items." default:"0"`
	Head    int      `help:"Longest items kept apart and visited first; all of them: a scan in norm order." default:"0"`
	Seed    uint64   `help:"Seed of the layout." default:"1"`
	Threads int      `help:"Threads while building; 0: all. Searches run on one." default:"0"`
	Core    *int     `help:"Core to measure on. Default: any." placeholder:"N"`
	JSON    string   `help:"Write the report as JSON to this file, - for standard output." placeholder:"FILE" name:"json"`
}

func (benchSearchCmd) Help() string {
	return "Example:\n\n  edged bench search --items items.npy --queries queries.npy --k 10 --recall 0.95 --json search.json\n  edged bench search --release release"
}

func (c *benchSearchCmd) config() bench.SearchConfig {
	recall := 0.
	if c.Recall != nil {
		recall = *c.Recall
	}
	return bench.SearchConfig{
		Items: c.Items, Release: c.Release, Queries: c.Queries, Train: c.Train, K: c.K, Recall: recall, Passes: c.Passes, Most: c.Most, Coarse: c.Coarse,
		Bits: c.Bits, Cells: c.Cells, Head: c.Head, Seed: c.Seed, Threads: c.Threads, Core: c.Core,
	}
}

func (c *benchSearchCmd) check() error {
	cfg := c.config() // the flags have their defaults: a zero is somebody's own
	if cfg.Threads == 0 {
		cfg.Threads = 1
	}
	var err error
	if cfg.Recall == 0 {
		cfg.Recall = .95
		if c.Recall != nil {
			err = errors.New("recall: 0, want above 0, at most 1")
		}
	}
	return errors.Join(cfg.Validate(), err)
}

func (c *benchSearchCmd) Run(ctx context.Context, std streams) error {
	p := newProgress(std.err)
	cfg := c.config()
	cfg.Progress = p.begin
	report, err := bench.RunSearch(ctx, cfg)
	p.done()
	if err != nil {
		return err
	}
	return show(std, c.JSON, report)
}
