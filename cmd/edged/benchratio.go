package main

import (
	"context"
	"time"

	"github.com/edged/edged/bench"
)

type benchReleaseCmd struct {
	Items   string  `help:"npy file: one row an item." placeholder:"FILE" required:""`
	Queries string  `help:"npy file: one row a visitor; what is asked is drawn from these." placeholder:"FILE" required:""`
	Train   string  `help:"npy file of other visitors, for layout and calibration of the search." placeholder:"FILE" required:""`
	Out     string  `help:"Directory for the release, and what to ask it." placeholder:"DIR" required:"" type:"path"`
	Recall  float64 `help:"Share of the true best the search is calibrated for." default:"0.95"`
	Blend   bool    `help:"A table of neighbours, popularity of late and 256 factors beside the vectors; else vectors alone."`
	Seed    uint64  `help:"Seed of what is drawn." default:"1"`
	Threads int     `help:"Threads; 0: all." default:"0"`
	JSON    string  `help:"Write the report as JSON to this file, - for standard output." placeholder:"FILE" name:"json"`
}

func (benchReleaseCmd) Help() string {
	return "Example:\n\n  edged bench release --items items.npy --queries queries.npy --train train.npy --out release"
}

func (c *benchReleaseCmd) config() bench.ReleaseConfig {
	return bench.ReleaseConfig{Items: c.Items, Queries: c.Queries, Train: c.Train, Out: c.Out, Recall: c.Recall, Blend: c.Blend, Seed: c.Seed, Threads: c.Threads}
}

func (c *benchReleaseCmd) check() error { // the flags have their defaults: a zero is somebody's own
	cfg := c.config()
	return cfg.Validate()
}

func (c *benchReleaseCmd) Run(ctx context.Context, std streams) error {
	p := newProgress(std.err)
	cfg := c.config()
	cfg.Progress = p.begin
	report, err := bench.RunRelease(ctx, cfg)
	p.done()
	if err != nil {
		return err
	}
	return show(std, c.JSON, report)
}

type benchRatioCmd struct {
	Name         string        `help:"Of what is measured." default:"node" placeholder:"TEXT"`
	URL          string        `help:"Of the node; with a path and a query where there are no --requests." placeholder:"URL" required:"" name:"url"`
	Requests     string        `help:"File of bodies, one a line, posted to /v1/recommend in turns." placeholder:"FILE"`
	YardstickURL string        `help:"Of a yardstick in a process of its own." placeholder:"URL" required:"" name:"yardstick-url"`
	Admin        string        `help:"URL of the node's admin listener, to count allocations." placeholder:"URL"`
	PID          int           `help:"Process of the node, to count its processor time." default:"0" name:"pid"`
	YardstickPID int           `help:"Process of the yardstick, likewise." default:"0" name:"yardstick-pid"`
	Headers      []string      `help:"Headers of every request, such as an API key's." placeholder:"NAME:VALUE" sep:"none" name:"header"`
	Connections  int           `help:"Connections, one request under way on each." default:"64"`
	Pairs        int           `help:"Interleaved pairs of node and yardstick." default:"9"`
	PairDuration time.Duration `help:"Length of each half of a pair." default:"1s"`
	Turns        int           `help:"Interleaved turns of node and yardstick, each at half of its own peak." default:"151"`
	Duration     time.Duration `help:"Length of each turn at half of the peak." default:"100ms"`
	Seed         uint64        `help:"Seed of the arrivals." default:"1"`
	JSON         string        `help:"Write the report as JSON to this file, - for standard output." placeholder:"FILE" name:"json"`
}

func (benchRatioCmd) Help() string {
	return "Requests are written out beforehand and driven by one thread that never sleeps: a core for it, another for the servers. Example:\n\n" +
		"  taskset -c 1 edged bench ratio --url 'http://127.0.0.1:8080/v1/trending?n=10' --yardstick-url http://127.0.0.1:8099"
}

func (c *benchRatioCmd) config() bench.RatioConfig {
	return bench.RatioConfig{
		Name: c.Name, URL: c.URL, Requests: c.Requests, YardstickURL: c.YardstickURL, Admin: c.Admin, PID: c.PID, YardstickPID: c.YardstickPID, Headers: c.Headers, Connections: c.Connections,
		Pairs: c.Pairs, PairDuration: c.PairDuration, Turns: c.Turns, Duration: c.Duration, Seed: c.Seed,
	}
}

func (c *benchRatioCmd) check() error {
	if err := checkHeaders(c.Headers); err != nil {
		return err
	}
	cfg := c.config()
	cfg.EnsureDefaults()
	return cfg.Validate()
}

func (c *benchRatioCmd) Run(ctx context.Context, std streams) error {
	p := newProgress(std.err)
	cfg := c.config()
	cfg.Progress = p.begin
	report, err := bench.RunRatio(ctx, cfg)
	p.done()
	if err != nil {
		return err
	}
	return show(std, c.JSON, report)
}
