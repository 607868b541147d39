package bench

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// paced counts requests of an open loop: those that were to start at from or later.
type paced struct {
	from      time.Time
	end       time.Time
	last      time.Time // when the last answer came
	offered   int64     // were to start
	latencies *hdrhistogram.Histogram
}

func newPaced(from time.Time, d time.Duration) *paced {
	return &paced{from: from, end: from.Add(d), last: from, latencies: newHistogram()}
}

// offer counts a request by when it was to start.
func (p *paced) offer(at time.Time) {
	if !at.Before(p.from) {
		p.offered++
	}
}

// take counts the answer to a request that was to start at a time. A nil p counts nothing.
func (p *paced) take(at, now time.Time) {
	if p == nil || at.Before(p.from) {
		return
	}
	p.last = now
	record(p.latencies, now.Sub(at))
}

// took is how long the requests took to come and be answered.
func (p *paced) took() time.Duration { return max(p.end.Sub(p.from), p.last.Sub(p.from)) }
