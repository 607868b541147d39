package bench

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// maxLatency is where the histograms end; what is longer counts as this long.
const maxLatency = 2 * time.Minute

// tally counts answers. It is safe for concurrent use while a loop runs, and read after.
//
// In the latencies are the requests that were answered well and those that timed out, at the time they had waited: a
// timeout is the worst latency, not none. A refusal or an error page may come fast and would flatter, so such are counted and left out.
type tally struct {
	from     time.Time // earlier requests warm up
	duration time.Duration

	mu       sync.Mutex
	last     time.Time // when the last answer came
	ok       int64
	requests int64
	classes  map[string]int64
	statuses map[int]int64
	latency  *hdrhistogram.Histogram // from the intended start, in ns
	service  *hdrhistogram.Histogram // from when it was sent
	byKind   [kinds]kindTally
}

type kindTally struct {
	requests, errors int64
	latency          *hdrhistogram.Histogram // nil: none yet
}

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1000, int64(maxLatency), 3) }

func newTally(from time.Time, duration time.Duration) *tally {
	return &tally{
		from: from, duration: duration, last: from, classes: map[string]int64{}, statuses: map[int]int64{},
		latency: newHistogram(), service: newHistogram(),
	}
}

func (t *tally) add(j *job, out outcome, sent, done time.Time) {
	if j.at.Before(t.from) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	k := &t.byKind[j.kind]
	if k.latency == nil {
		k.latency = newHistogram()
	}
	t.requests++
	k.requests++
	if done.After(t.last) {
		t.last = done
	}
	if out.status != 0 {
		t.statuses[out.status]++
	}
	if out.class == "" {
		t.ok++
	} else {
		t.classes[out.class]++
		k.errors++
	}
	if out.class == "" || out.class == ClassTimeout {
		record(t.latency, done.Sub(j.at))
		record(t.service, done.Sub(sent))
		record(k.latency, done.Sub(j.at))
	}
}

// record keeps a value inside the histogram's range, where it can't fail.
func record(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(int64(min(max(d, 0), maxLatency)))
}

func (t *tally) errors() int64 { return t.requests - t.ok }

// offered is requests a second that were to start.
func (t *tally) offered() float64 { return float64(t.requests) / t.duration.Seconds() }

// achieved is good answers a second, over the time asked for or, if longer, until the last answer.
func (t *tally) achieved() float64 {
	return float64(t.ok) / max(t.duration, t.last.Sub(t.from)).Seconds()
}
