package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// HalfReport is latencies at half of each one's own peak, in turns. What stops a core for a few milliseconds now and then makes the p99 of those turns
// that it hits: turns are so short that it spares many, and their median says what the server does. All has the stops in it.
type HalfReport struct {
	Rate          float64       `json:"rate"`
	YardstickRate float64       `json:"yardstickRate"`
	Seconds       float64       `json:"seconds"` // of each turn
	Target        HalfLatencies `json:"target"`
	Yardstick     HalfLatencies `json:"yardstick"`
	P99Ratio      Spread        `json:"p99Ratio"` // target / yardstick, turn by turn
	Interval      Interval      `json:"interval"` // of the median of P99Ratio
}

// HalfLatencies are those of one side.
type HalfLatencies struct {
	Turns    []Latencies `json:"turns"`
	P99Us    Spread      `json:"p99Us"`    // of the turns
	All      Latencies   `json:"all"`      // of all turns' requests together
	Offered  int64       `json:"offered"`  // requests that were to start within the turns
	Requests int64       `json:"requests"` // of those, how many the latencies hold
	Achieved float64     `json:"achieved"` // answers a second, until each turn's last answer where that came after its end
}

// Interval holds a median with a confidence of at least Confidence.
type Interval struct {
	Low        float64 `json:"low"`
	High       float64 `json:"high"`
	Confidence float64 `json:"confidence"`
}

// medianInterval is the narrowest interval between figures that are equally far from both ends which holds the median of what they were drawn
// from with the confidence wanted, or the widest there is: [x(k), x(n+1−k)] does with 1 − 2 P(B < k), B binomial(n, ½), whatever the distribution
// (the sign test turned round: Conover, Practical Nonparametric Statistics, section 3.2).
func medianInterval(all []float64, want float64) Interval {
	if len(all) == 0 {
		return Interval{}
	}
	sorted, n := slices.Sorted(slices.Values(all)), float64(len(all))
	k, is := 0, math.Exp2(-n) // P(B = k)
	outside := is             // P(B ≤ k)
	for {
		next := is * (n - float64(k)) / float64(k+1)
		if 1-2*(outside+next) < want {
			return Interval{sorted[k], sorted[len(sorted)-1-k], 1 - 2*outside}
		}
		k, is, outside = k+1, next, outside+next
	}
}

// confident is how sure the report's interval is to be.
const confident = .95

// halves paces both at half of their own peaks, in turns that each begins as often as the other.
func (r *ratio) halves(ctx context.Context) error {
	h := &r.report.Half
	h.Rate, h.YardstickRate, h.Seconds = r.report.Peak.Target.Median/2, r.report.Peak.Yardstick.Median/2, r.cfg.Duration.Seconds()
	if err := longEnough(r.cfg.Duration, min(h.Rate, h.YardstickRate)); err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(r.cfg.Seed, 3))
	node, plain := newHalf(r.node, h.Rate), newHalf(r.plain, h.YardstickRate)
	var ratios []float64
	for i := range r.cfg.Turns {
		r.cfg.Progress(fmt.Sprintf("half of the peak: turn %d of %d", i+1, r.cfg.Turns))
		first, second := plain, node
		if i%2 == 1 {
			first, second = node, plain
		}
		if err := errors.Join(first.turn(ctx, r.cfg.Duration, rng), second.turn(ctx, r.cfg.Duration, rng), ctx.Err()); err != nil {
			return err
		}
		ratios = append(ratios, node.turns[i].P99Us/plain.turns[i].P99Us)
	}
	h.Target, h.Yardstick = node.latencies(), plain.latencies()
	h.P99Ratio, h.Interval = newSpread(ratios), medianInterval(ratios, confident)
	return nil
}

// leastRequests is how many requests a turn is to hold: with fewer, one of them may be without any, and its p99 no figure.
const leastRequests = 20

func longEnough(turn time.Duration, rate float64) error {
	if rate*turn.Seconds() >= leastRequests {
		return nil
	}
	return fmt.Errorf("turns of %v at half of the peak, %.0f requests/s, hold about %.2g requests each, want %d at least: set a longer duration",
		turn, rate, rate*turn.Seconds(), leastRequests)
}

// half is one side at half of its peak.
type half struct {
	w       *wire
	rate    float64
	turns   []Latencies
	all     *hdrhistogram.Histogram
	offered int64
	took    time.Duration
}

func newHalf(w *wire, rate float64) *half { return &half{w: w, rate: rate, all: newHistogram()} }

func (h *half) turn(ctx context.Context, d time.Duration, rng *rand.Rand) error {
	p, err := h.w.pace(ctx, h.rate, max(d/10, 20*time.Millisecond), d, rng)
	if err != nil {
		return err
	}
	h.all.Merge(p.latencies)
	h.turns = append(h.turns, newLatencies(p.latencies))
	h.offered += p.offered
	h.took += p.took()
	return nil
}

func (h *half) latencies() HalfLatencies {
	var p99 []float64
	for _, l := range h.turns {
		p99 = append(p99, l.P99Us)
	}
	answered := h.all.TotalCount()
	return HalfLatencies{h.turns, newSpread(p99), newLatencies(h.all), h.offered, answered, float64(answered) / h.took.Seconds()}
}

// text says how sure the ratio is, and what comes of all requests together.
func (h *HalfReport) text() string {
	return fmt.Sprintf("p99 at half of the peak, node ÷ yardstick: %.2f [%.2f, %.2f] in %d turns of %g s (median, %.0f %% interval); of all requests %.0f ÷ %.0f µs = %.2f\n"+
		"asked for there: node %s, yardstick %s",
		h.P99Ratio.Median, h.Interval.Low, h.Interval.High, len(h.P99Ratio.All), h.Seconds, 100*h.Interval.Confidence,
		h.Target.All.P99Us, h.Yardstick.All.P99Us, h.Target.All.P99Us/h.Yardstick.All.P99Us, h.Target.load(h.Rate), h.Yardstick.load(h.YardstickRate))
}

// load says what was asked of one side, and what came of it.
func (l *HalfLatencies) load(rate float64) string {
	return fmt.Sprintf("%.0f requests/s, %.0f answered (%d of %d requests)", rate, l.Achieved, l.Requests, l.Offered)
}
