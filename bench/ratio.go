package bench

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// RatioConfig says what to compare with the yardstick, one server's core and one client's. Zero values mean the defaults.
type RatioConfig struct {
	Name         string   // of what is measured, for the report
	URL          string   // of the node; with a path and a query where Requests is empty, which is then asked again and again
	Requests     string   // file of bodies, one a line, posted to /v1/recommend one after the other
	YardstickURL string   // of a yardstick in a process of its own
	Admin        string   // URL of the node's admin listener, which says what it allocated; empty: that is not measured
	PID          int      // of the node; 0: its processor time is not measured
	YardstickPID int      // of the yardstick, likewise
	Headers      []string // such as "Authorization: Bearer …"

	Connections  int           // default 64
	Pairs        int           // default 9
	PairDuration time.Duration // of each half; default 1 s
	Turns        int           // of each at half of its peak; default 151
	Duration     time.Duration // of each turn; default 100 ms
	Seed         uint64

	Progress func(step string)
}

// EnsureDefaults replaces zero values.
func (c *RatioConfig) EnsureDefaults() {
	c.Connections = cmp.Or(c.Connections, 64)
	c.Pairs = cmp.Or(c.Pairs, 9)
	c.PairDuration = cmp.Or(c.PairDuration, time.Second)
	c.Turns = cmp.Or(c.Turns, 151)
	c.Duration = cmp.Or(c.Duration, 100*time.Millisecond)
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
}

// Validate reports all faults at once.
func (c *RatioConfig) Validate() error {
	var errs []error
	for _, s := range []struct{ name, url string }{{"url", c.URL}, {"yardstickUrl", c.YardstickURL}} {
		if u, err := url.Parse(s.url); err != nil || u.Scheme != "http" || u.Port() == "" {
			errs = append(errs, fmt.Errorf("%s: %q, want http://HOST:PORT", s.name, s.url))
		}
	}
	if c.Connections < 1 || c.Connections > MaxConnections {
		errs = append(errs, fmt.Errorf("connections: %d, want 1 to %d", c.Connections, MaxConnections))
	}
	for _, n := range []struct {
		name string
		is   int
	}{{"pairs", c.Pairs}, {"turns", c.Turns}} {
		if n.is < 1 || n.is > MaxPairs {
			errs = append(errs, fmt.Errorf("%s: %d, want 1 to %d", n.name, n.is, MaxPairs))
		}
	}
	if c.PairDuration < 0 || c.PairDuration > time.Minute || c.Duration < 0 || c.Duration > time.Hour {
		errs = append(errs, errors.New("pairDuration, duration: want above 0, at most 1m for half of a pair and 1h for a turn at half of the peak"))
	}
	return errors.Join(errs...)
}

// RatioReport is what was found.
type RatioReport struct {
	Name        string      `json:"name"`
	Peak        *PeakReport `json:"peak"`
	Allocations float64     `json:"allocationsPerRequest"` // of the whole node while saturated; below 0: not measured
	CPU         CPUReport   `json:"cpu"`
	Half        HalfReport  `json:"half"`
}

// CPUReport is the processor time a request takes while saturated, in microseconds: what is left of the comparison on a machine that is not left alone.
type CPUReport struct {
	Target    Spread `json:"targetUs"`
	Yardstick Spread `json:"yardstickUs"`
	Ratio     Spread `json:"ratio"` // yardstick / target, pair by pair
}

// RunRatio measures. Any answer that is not good ends it.
func RunRatio(ctx context.Context, cfg RatioConfig) (RatioReport, error) {
	cfg.EnsureDefaults()
	report, err := RatioReport{Name: cfg.Name, Allocations: -1}, cfg.Validate()
	if err == nil {
		err = (&ratio{cfg: &cfg, report: &report}).run(ctx)
	}
	if err != nil {
		return RatioReport{}, fmt.Errorf("bench ratio: %w", err)
	}
	return report, nil
}

type ratio struct {
	cfg         *RatioConfig
	report      *RatioReport
	node, plain *wire
}

func (r *ratio) run(ctx context.Context) (err error) {
	if r.node, err = r.open(r.cfg.URL, r.cfg.Requests, ""); err != nil {
		return err
	}
	defer r.node.close()
	if r.plain, err = r.open(r.cfg.YardstickURL, "", YardstickPath); err != nil {
		return err
	}
	defer r.plain.close()
	if err := r.peaks(ctx); err != nil {
		return err
	}
	return r.halves(ctx)
}

// open writes out the requests and connects.
func (r *ratio) open(base, file, path string) (*wire, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	if path == "" {
		path = u.RequestURI()
	}
	requests, err := r.requests(u.Host, path, file)
	if err != nil {
		return nil, err
	}
	w, err := openWire(net.JoinHostPort(u.Hostname(), u.Port()), r.cfg.Connections, requests)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", base, err)
	}
	return w, nil
}

func (r *ratio) requests(host, path, file string) (list [][]byte, err error) {
	headers := strings.Join(append([]string{"Host: " + host}, r.cfg.Headers...), "\r\n") + "\r\n"
	if file == "" {
		return [][]byte{[]byte("GET " + path + " HTTP/1.1\r\n" + headers + "\r\n")}, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Buffer(nil, 1<<20); lines.Scan(); {
		list = append(list, fmt.Appendf(nil, "POST /v1/recommend HTTP/1.1\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			headers, len(lines.Bytes()), lines.Bytes()))
	}
	return list, lines.Err()
}

// peaks saturates node and yardstick in turns, after a warm-up of both.
func (r *ratio) peaks(ctx context.Context) error {
	p := &PeakReport{Pairs: r.cfg.Pairs, Seconds: r.cfg.PairDuration.Seconds()}
	var node, plain, ratios, allocations, nodeUs, plainUs, cpus []float64
	for i := range r.cfg.Pairs + 1 {
		r.cfg.Progress(fmt.Sprintf("peak: pair %d of %d", i, r.cfg.Pairs))
		before, err := r.mallocs(ctx)
		if err != nil {
			return err
		}
		x, xUs, err := r.saturate(ctx, r.node, r.cfg.PID)
		if err != nil {
			return fmt.Errorf("%s: %w", r.cfg.URL, err)
		}
		after, err := r.mallocs(ctx)
		if err != nil {
			return err
		}
		y, yUs, err := r.saturate(ctx, r.plain, r.cfg.YardstickPID)
		if err = errors.Join(err, ctx.Err()); err != nil {
			return fmt.Errorf("%s: %w", r.cfg.YardstickURL, err)
		}
		if i == 0 {
			continue // warm
		}
		node, plain, ratios = append(node, x), append(plain, y), append(ratios, x/y)
		nodeUs, plainUs, cpus = append(nodeUs, xUs), append(plainUs, yUs), append(cpus, yUs/max(xUs, 1e-9))
		allocations = append(allocations, (after-before)/(x*r.cfg.PairDuration.Seconds()))
	}
	p.Target, p.Yardstick, p.Ratio = newSpread(node), newSpread(plain), newSpread(ratios)
	if r.cfg.PID != 0 && r.cfg.YardstickPID != 0 {
		r.report.CPU = CPUReport{newSpread(nodeUs), newSpread(plainUs), newSpread(cpus)}
	}
	if r.report.Peak = p; r.cfg.Admin != "" {
		r.report.Allocations = newSpread(allocations).Median
	}
	return nil
}

// saturate returns requests a second, and microseconds of processor time a request.
func (r *ratio) saturate(ctx context.Context, w *wire, pid int) (rate, us float64, err error) {
	var used watch
	stop := used.start(pid)
	if rate, err = w.saturate(ctx, r.cfg.PairDuration); err != nil {
		return 0, 0, err
	}
	stop(rate)
	return rate, used.us[0], nil
}

// mallocs reads how often the node has allocated since it started; 0 where nobody says.
func (r *ratio) mallocs(ctx context.Context) (float64, error) {
	if r.cfg.Admin == "" {
		return 0, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(r.cfg.Admin, "/")+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, "go_memstats_mallocs_total "); ok {
			return strconv.ParseFloat(strings.TrimSpace(v), 64)
		}
	}
	return 0, fmt.Errorf("%s/metrics has no go_memstats_mallocs_total", r.cfg.Admin)
}

// WriteTable prints the report for people.
func (r RatioReport) WriteTable(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(tw, "%s\trequests/s, median (least to most)\tp50 µs at half of it\tp99 µs, of its turns\tp99.9 µs\t\n", r.Name)
	for _, side := range []struct {
		name string
		peak Spread
		half HalfLatencies
	}{{"node", r.Peak.Target, r.Half.Target}, {"yardstick", r.Peak.Yardstick, r.Half.Yardstick}} {
		fmt.Fprintf(tw, "%s\t%s\t%.0f\t%s\t%.0f\t\n", side.name, side.peak.text("%.0f"), side.half.All.P50Us, side.half.P99Us.text("%.0f"), side.half.All.P999Us)
	}
	fmt.Fprintf(tw, "ratio\t%s\t\t%s\t\t\n", r.Peak.Ratio.text("%.3f"), r.Half.P99Ratio.text("%.2f"))
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w, r.Half.text())
	if len(r.CPU.Ratio.All) > 0 {
		fmt.Fprintf(w, "processor µs a request: node %s, yardstick %s, ratio %s\n", r.CPU.Target.text("%.2f"), r.CPU.Yardstick.text("%.2f"), r.CPU.Ratio.text("%.3f"))
	}
	if r.Allocations < 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "allocations a request, all of the node: %.3f\n", math.Max(r.Allocations, 0))
	return err
}
