package bench

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// LoadReport is what a run found. Latencies are microseconds from the intended start; see tally for what counts.
type LoadReport struct {
	URL      string  `json:"url"`
	Rate     float64 `json:"rate"`     // asked for, requests a second
	Offered  float64 `json:"offered"`  // requests a second that were to start: where arrivals are drawn, not quite rate
	Achieved float64 `json:"achieved"` // good answers a second
	Behind   bool    `json:"behind"`   // the node could not keep up: achieved is below 95 % of offered
	Requests int64   `json:"requests"`
	Errors   int64   `json:"errors"`
	Latencies
	Service Latencies `json:"service"` // from when the request was really sent

	Seconds       float64               `json:"seconds"`
	WarmupSeconds float64               `json:"warmupSeconds"`
	Connections   int                   `json:"connections"`
	Arrivals      string                `json:"arrivals"`
	Seed          uint64                `json:"seed"`
	ErrorsByClass map[string]int64      `json:"errorsByClass"`
	Statuses      map[string]int64      `json:"statuses"`
	Mixture       map[string]float64    `json:"mixture"` // shares asked for
	ByKind        map[string]KindReport `json:"byKind"`

	Yardstick *YardstickReport `json:"yardstick,omitempty"`
	Peak      *PeakReport      `json:"peak,omitempty"`
}

// Latencies are percentiles in microseconds.
type Latencies struct {
	P50Us  float64 `json:"p50Us"`
	P90Us  float64 `json:"p90Us"`
	P99Us  float64 `json:"p99Us"`
	P999Us float64 `json:"p999Us"`
	MaxUs  float64 `json:"maxUs"`
}

// KindReport is the part of one kind of request.
type KindReport struct {
	Requests int64 `json:"requests"`
	Errors   int64 `json:"errors"`
	Latencies
}

// YardstickReport is the same loop over plain text.
type YardstickReport struct {
	Path     string  `json:"path"`
	Rate     float64 `json:"rate"`
	Achieved float64 `json:"achieved"`
	Requests int64   `json:"requests"`
	Errors   int64   `json:"errors"`
	Latencies
}

func newReport(cfg *LoadConfig) LoadReport {
	return LoadReport{
		URL: cfg.URL, Seconds: cfg.Duration.Seconds(), WarmupSeconds: cfg.Warmup.Seconds(), Connections: cfg.Connections,
		Arrivals: cfg.Arrivals, Seed: cfg.Seed, Mixture: cfg.Mix.shares(),
	}
}

// keptUp is the share of the requests offered below which the report says that the node was behind.
const keptUp = 0.95

func (r *LoadReport) fill(rate float64, t *tally) {
	r.Rate, r.Offered, r.Achieved = rate, t.offered(), t.achieved()
	r.Behind = r.Achieved < keptUp*r.Offered
	r.Requests, r.Errors, r.ErrorsByClass = t.requests, t.errors(), t.classes
	r.Latencies, r.Service = newLatencies(t.latency), newLatencies(t.service)
	r.Statuses = map[string]int64{}
	for status, n := range t.statuses {
		r.Statuses[strconv.Itoa(status)] = n
	}
	r.ByKind = map[string]KindReport{}
	for k, kt := range t.byKind {
		if kt.requests > 0 {
			r.ByKind[Kind(k).String()] = KindReport{kt.requests, kt.errors, newLatencies(kt.latency)}
		}
	}
}

func newLatencies(h *hdrhistogram.Histogram) Latencies {
	us := func(ns int64) float64 { return math.Round(float64(ns)/float64(time.Microsecond)*10) / 10 }
	at := func(percent float64) float64 { return us(h.ValueAtQuantile(percent)) }
	return Latencies{at(50), at(90), at(99), at(99.9), us(h.Max())}
}

func newYardstickReport(path string, rate float64, t *tally) *YardstickReport {
	return &YardstickReport{path, rate, t.achieved(), t.requests, t.errors(), newLatencies(t.latency)}
}

// WriteTable prints the report for people.
func (r LoadReport) WriteTable(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(tw, "\trate/s\tachieved/s\trequests\terrors\tp50 µs\tp90 µs\tp99 µs\tp99.9 µs\tmax µs\t\n")
	row := func(name string, rate, achieved string, requests, errors int64, l Latencies) {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%d\t%d\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t\n",
			name, rate, achieved, requests, errors, l.P50Us, l.P90Us, l.P99Us, l.P999Us, l.MaxUs)
	}
	whole := func(x float64) string { return strconv.FormatFloat(x, 'f', 0, 64) }
	row("node", whole(r.Rate), whole(r.Achieved), r.Requests, r.Errors, r.Latencies)
	for _, name := range kindNames {
		if k, ok := r.ByKind[name]; ok {
			row(name, "", "", k.Requests, k.Errors, k.Latencies)
		}
	}
	if y := r.Yardstick; y != nil {
		row("yardstick", whole(y.Rate), whole(y.Achieved), y.Requests, y.Errors, y.Latencies)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	return r.writeNotes(w)
}

func (r *LoadReport) writeNotes(w io.Writer) error {
	var text []byte
	if r.Behind {
		text = fmt.Appendf(text, "the node did not keep up: %.0f of %.0f requests/s\n", r.Achieved, r.Offered)
	}
	for _, class := range []string{ClassStatus, ClassTimeout, ClassRefused, ClassClosed, ClassWrong, ClassOther} {
		if n := r.ErrorsByClass[class]; n > 0 {
			text = fmt.Appendf(text, "errors: %s %d\n", class, n)
		}
	}
	if p := r.Peak; p != nil {
		text = fmt.Appendf(text, "peak, median (least to most) of %d times %.1f s: node %s/s", p.Pairs, p.Seconds, p.Target.text("%.0f"))
		if len(p.Ratio.All) > 0 {
			text = fmt.Appendf(text, ", yardstick %s/s, ratio %s", p.Yardstick.text("%.0f"), p.Ratio.text("%.3f"))
		}
		text = fmt.Appendf(text, ", errors %d\n", p.Errors)
		text = p.Processors.append(text)
	}
	_, err := w.Write(text)
	return err
}

// append says what the servers had of their processors.
func (p *Processors) append(text []byte) []byte {
	if p == nil {
		return text
	}
	text = append(text, "processors at the peak, µs a request and share of a core:"...)
	for i, side := range []struct {
		name string
		Processor
	}{{"node", p.Target}, {"yardstick", p.Yardstick}} {
		if i > 0 {
			text = append(text, ';')
		}
		if text = fmt.Appendf(text, " %s ", side.name); len(side.Us.All) == 0 || side.Us.Max == 0 {
			text = append(text, "unknown"...)
			continue
		}
		text = fmt.Appendf(text, "%s, %s", side.Us.text("%.1f"), side.Busy.text("%.2f"))
	}
	return append(text, '\n')
}

func (s Spread) text(format string) string {
	return fmt.Sprintf(format+" ("+format+" to "+format+")", s.Median, s.Min, s.Max)
}
