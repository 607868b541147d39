package exchange

import (
	"context"
	"sync"
	"time"
)

// Pace lets bytes pass at a rate, in pieces: each waits until those before it would have passed. It is safe for concurrent use; a nil Pace has
// no limit.
type Pace struct {
	rate  int64 // bytes a second
	clock func() time.Time

	mu   sync.Mutex
	next time.Time // when the line is free again
}

// NewPace is the pace of so many bytes a second; 0: no limit.
func NewPace(rate int64, clock func() time.Time) *Pace {
	if rate <= 0 {
		return nil
	}
	return &Pace{rate: rate, clock: clock}
}

// Rate is the bytes a second; 0: no limit.
func (p *Pace) Rate() int64 {
	if p == nil {
		return 0
	}
	return p.rate
}

// Wait waits for the turn of n bytes.
func (p *Pace) Wait(ctx context.Context, n int64) error {
	if p == nil {
		return ctx.Err()
	}
	timer := time.NewTimer(p.reserve(n))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		p.Return(n)
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Return gives back what did not pass.
func (p *Pace) Return(n int64) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = p.next.Add(-p.takes(n))
}

// reserve takes a turn, and says how far off it is.
func (p *Pace) reserve(n int64) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock()
	if p.next.Before(now) {
		p.next = now
	}
	d := p.next.Sub(now)
	p.next = p.next.Add(p.takes(n))
	return d
}

func (p *Pace) takes(n int64) time.Duration {
	return time.Duration(n) * time.Second / time.Duration(p.rate)
}
