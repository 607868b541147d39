package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/edged/edged/bench"
)

type benchCmd struct {
	Load      benchLoadCmd      `cmd:"" help:"Drive a server at a rate, open loop, and measure latency from each request's intended start."`
	Search    benchSearchCmd    `cmd:"" help:"Build an index of embeddings in npy files, or open that of a release, and measure recall, time and size."`
	Release   benchReleaseCmd   `cmd:"" help:"Make a release of embeddings in npy files, and requests to measure a node on it."`
	Ratio     benchRatioCmd     `cmd:"" help:"Compare a node's peak, and its latency at half of that, with the yardstick's."`
	Yardstick benchYardstickCmd `cmd:"" help:"Serve the plain-text yardstick in a process of its own."`
}

type benchLoadCmd struct {
	URL          string        `help:"Server to drive." placeholder:"URL" required:"" name:"url"`
	Rate         float64       `help:"Requests a second; 0: 100, or half of the server's own peak with --peak." default:"0"`
	Duration     time.Duration `help:"How long to measure." default:"10s"`
	Warmup       time.Duration `help:"Driven before that and not measured; 0: a tenth of the duration." default:"0s"`
	Timeout      time.Duration `help:"A request that waited longer has failed." default:"5s"`
	Connections  int           `help:"Connections, and so requests under way at once." default:"64"`
	Arrivals     string        `help:"poisson, as independent visitors come, or constant." enum:"poisson,constant" default:"poisson"`
	Seed         uint64        `help:"Seed of everything drawn." default:"1"`
	Users        int           `help:"Distinct visitors." default:"10000"`
	N            int           `help:"Items asked for." default:"10" short:"n"`
	Items        []string      `help:"Item ids besides those the server calls popular." placeholder:"ID,…"`
	Countries    []string      `help:"Countries sent with trending queries and events." placeholder:"CODE,…"`
	Headers      []string      `help:"Headers of every request, such as an API key's." placeholder:"NAME:VALUE" sep:"none" name:"header"`
	Peak         bool          `help:"Also saturate: interleaved pairs of server and yardstick."`
	Pairs        int           `help:"Number of those pairs." default:"5"`
	PairDuration time.Duration `help:"Length of each half of a pair." default:"2s"`
	PID          int           `help:"Process of the server, to measure its processor time at the peak." default:"0" name:"pid"`
	YardstickPID int           `help:"Process of the yardstick, likewise." default:"0" name:"yardstick-pid"`
	NoYardstick  bool          `help:"Do not measure the yardstick."`
	YardstickURL string        `help:"A yardstick that runs already; otherwise one is started in this process." placeholder:"URL" name:"yardstick-url"`
	JSON         string        `help:"Write the report as JSON to this file, - for standard output." placeholder:"FILE" name:"json"`
}

func (benchLoadCmd) Help() string {
	return "Example:\n\n  edged bench load --url http://127.0.0.1:8080 --rate 500 --duration 30s --json load.json"
}

func (c *benchLoadCmd) config() bench.LoadConfig {
	return bench.LoadConfig{
		URL: c.URL, Rate: c.Rate, Duration: c.Duration, Warmup: c.Warmup, Timeout: c.Timeout, Connections: c.Connections,
		Arrivals: c.Arrivals, Seed: c.Seed, Users: c.Users, N: c.N, Items: c.Items, Countries: c.Countries, Headers: headersOf(c.Headers),
		Peak: c.Peak, Pairs: c.Pairs, PairDuration: c.PairDuration, NoYardstick: c.NoYardstick, YardstickURL: c.YardstickURL,
		PID: c.PID, YardstickPID: c.YardstickPID,
	}
}

// headersOf splits lines of the form "Name: value".
func headersOf(lines []string) map[string]string {
	headers := map[string]string{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		headers[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	return headers
}

// checkHeaders refuses what would be no header line.
func checkHeaders(lines []string) error {
	for _, line := range lines {
		name, _, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) == "" || strings.ContainsAny(line, "\r\n") {
			return fmt.Errorf("header: %.40q, want Name: value", line)
		}
	}
	return nil
}

func (c *benchLoadCmd) check() error {
	if err := checkHeaders(c.Headers); err != nil {
		return err
	}
	cfg := c.config()
	cfg.EnsureDefaults()
	return cfg.Validate()
}

func (c *benchLoadCmd) Run(ctx context.Context, std streams) error {
	p := newProgress(std.err)
	cfg := c.config()
	cfg.Progress = p.begin
	report, err := bench.RunLoad(ctx, cfg)
	p.done()
	if err != nil {
		return err
	}
	return show(std, c.JSON, report)
}

type benchYardstickCmd struct {
	Listen string `help:"Address." default:"127.0.0.1:8099"`
}

func (benchYardstickCmd) Help() string {
	return "Example, server and client on a core each:\n\n  taskset -c 0 edged bench yardstick --listen 127.0.0.1:8099\n  taskset -c 1 edged bench load --url http://127.0.0.1:8080 --peak --yardstick-url http://127.0.0.1:8099"
}

func (c *benchYardstickCmd) Run(ctx context.Context, std streams) error {
	y, err := bench.StartYardstick(c.Listen)
	if err != nil {
		return err
	}
	newProgress(std.err).line("yardstick at %s", y.URL())
	<-ctx.Done()
	return y.Close()
}
