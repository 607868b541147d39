package bench

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// PeakReport is what saturation gave, node and yardstick in turns, so that whatever else the machine did hit both.
type PeakReport struct {
	Pairs     int     `json:"pairs"`
	Seconds   float64 `json:"seconds"` // of each half of a pair
	Target    Spread  `json:"target"`
	Yardstick Spread  `json:"yardstick"`
	Ratio     Spread  `json:"ratio"` // target / yardstick, pair by pair
	Errors    int64   `json:"errors"`

	// Processors are those of the servers, where they are processes of their own. One that was not busy all the time could have answered more: the client was the limit, or the disk that events go to.
	Processors *Processors `json:"processors,omitempty"`
}

// Processors is what saturated servers had of theirs.
type Processors struct {
	Target    Processor `json:"target"`
	Yardstick Processor `json:"yardstick"`
}

// Processor is one server's processor time.
type Processor struct {
	Us   Spread `json:"us"`   // microseconds a good answer
	Busy Spread `json:"busy"` // of one core, 1: all the time
}

// Spread is a few figures and their middle.
type Spread struct {
	Median float64   `json:"median"`
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
	All    []float64 `json:"all"`
}

func newSpread(all []float64) Spread {
	if len(all) == 0 {
		return Spread{All: []float64{}}
	}
	s := slices.Sorted(slices.Values(all))
	middle := (s[(len(s)-1)/2] + s[len(s)/2]) / 2
	return Spread{Median: middle, Min: s[0], Max: s[len(s)-1], All: all}
}

func (r *runner) peak(ctx context.Context) *PeakReport {
	p := &PeakReport{Pairs: r.cfg.Pairs, Seconds: r.cfg.PairDuration.Seconds()}
	var target, plain, ratio []float64
	var targetTime, plainTime watch
	traffics := r.peakTraffic()
	for i := range r.cfg.Pairs {
		if ctx.Err() != nil {
			break
		}
		r.cfg.Progress(fmt.Sprintf("peak: pair %d of %d", i+1, r.cfg.Pairs))
		stop := targetTime.start(r.cfg.PID)
		rate, errs := r.saturate(ctx, r.target, func(i int) func(*job) { return traffics[i].fill })
		stop(rate)
		target = append(target, rate)
		p.Errors += errs
		if r.plain == nil {
			continue
		}
		stop = plainTime.start(r.cfg.YardstickPID)
		rate, errs = r.saturate(ctx, r.plain, func(int) func(*job) { return r.fillPlain })
		stop(rate)
		plain = append(plain, rate)
		p.Errors += errs
		if rate > 0 {
			ratio = append(ratio, target[i]/rate)
		}
	}
	p.Target, p.Yardstick, p.Ratio = newSpread(target), newSpread(plain), newSpread(ratio)
	if r.cfg.PID != 0 {
		p.Processors = &Processors{targetTime.processor(), plainTime.processor()}
	}
	return p
}

// watch collects a process's processor time.
type watch struct{ us, busy []float64 }

// start begins a turn; what it returns ends it, told how many good answers a second there were.
func (w *watch) start(pid int) (stop func(rate float64)) {
	used, began := processTime(pid), time.Now()
	return func(rate float64) {
		share := (processTime(pid) - used).Seconds() / time.Since(began).Seconds()
		w.us, w.busy = append(w.us, share*1e6/max(rate, 1e-9)), append(w.busy, share)
	}
}

func (w *watch) processor() Processor { return Processor{newSpread(w.us), newSpread(w.busy)} }

// peakTraffic makes a source for each connection, the visitors shared out among them.
func (r *runner) peakTraffic() []*traffic {
	cfg := r.cfg
	cfg.Users = max(cfg.Users/cfg.Connections, 1)
	list := make([]*traffic, cfg.Connections)
	for i := range list {
		list[i] = newTraffic(&cfg, r.items, r.rand(uint64(100+i)), r.started)
	}
	return list
}

// saturate keeps every connection busy and returns good answers a second, and failures. Latencies of such a closed loop say
// little and are not taken.
func (r *runner) saturate(ctx context.Context, c *client, fill func(connection int) func(*job)) (float64, int64) {
	defer context.AfterFunc(ctx, c.close)()
	var ok, failed atomic.Int64
	start := time.Now()
	end := start.Add(r.cfg.PairDuration)
	var senders sync.WaitGroup
	for i := range r.cfg.Connections {
		senders.Go(func() {
			o, f := r.hammer(ctx, c, fill(i), end)
			ok.Add(o)
			failed.Add(f)
		})
	}
	senders.Wait()
	return float64(ok.Load()) / time.Since(start).Seconds(), failed.Load()
}

func (r *runner) hammer(ctx context.Context, c *client, fill func(*job), end time.Time) (ok, failed int64) {
	var j job
	for ctx.Err() == nil {
		now := time.Now()
		if now.After(end) {
			break
		}
		fill(&j)
		j.at, j.limit = now, now.Add(r.cfg.Timeout)
		out := c.do(&j)
		if out.class == "" {
			ok++
			continue
		}
		failed++
		if out.class == ClassRefused {
			break // nobody there: a busy loop of refusals measures nothing
		}
	}
	return ok, failed
}
