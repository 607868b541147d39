package bench

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// openLoop starts requests at times that do not depend on the answers.
//
// One goroutine draws the schedule and the requests; as many as there are connections send them. When all of those are
// busy the schedule waits, but the intended starts don't move, so the wait is part of every latency. A request that has
// waited for timeout before it could be sent has failed without being sent: its visitor has gone. That bounds the
// backlog, and the whole run to warmup + duration + 2·timeout.
type openLoop struct {
	rate        float64
	poisson     bool
	warmup      time.Duration
	duration    time.Duration
	timeout     time.Duration
	connections int
	rand        *rand.Rand
	fill        func(*job)         // makes the next request
	do          func(*job) outcome // sends it; called by many at once
	pace        func() pacer       // of the goroutine that draws
}

// pacer waits for a moment. It is used and closed by one goroutine.
type pacer interface {
	until(ctx context.Context, t time.Time)
	close()
}

func (l *openLoop) run(ctx context.Context) *tally {
	start := time.Now()
	t := newTally(start.Add(l.warmup), l.duration)
	jobs, free := make(chan *job), make(chan *job, l.connections)
	var senders sync.WaitGroup
	for range l.connections {
		free <- new(job)
		senders.Go(func() { l.send(jobs, free, t) })
	}
	l.schedule(ctx, start, jobs, free, t)
	close(jobs)
	senders.Wait()
	return t
}

func (l *openLoop) send(jobs <-chan *job, free chan<- *job, t *tally) {
	for j := range jobs {
		sent := time.Now()
		out := l.do(j)
		t.add(j, out, sent, time.Now())
		free <- j
	}
}

func (l *openLoop) schedule(ctx context.Context, start time.Time, jobs chan<- *job, free chan *job, t *tally) {
	p := l.pace()
	defer p.close()
	end := l.warmup + l.duration
	for due := l.gap(); due < end; due += l.gap() {
		var j *job
		select {
		case j = <-free:
		case <-ctx.Done():
			return
		}
		l.fill(j)
		j.at = start.Add(due)
		j.limit = j.at.Add(l.timeout)
		p.until(ctx, j.at)
		if ctx.Err() != nil {
			return
		}
		if now := time.Now(); !now.Before(j.limit) {
			t.add(j, outcome{class: ClassTimeout}, now, now)
			free <- j
			continue
		}
		jobs <- j // at once: as many wait for jobs as have given one back
	}
}

// gap is the time to the next request: exponential, so that requests come as from many who don't know each other, or
// constant.
func (l *openLoop) gap() time.Duration {
	gap := float64(time.Second) / l.rate
	if l.poisson {
		gap *= l.rand.ExpFloat64()
	}
	return time.Duration(gap)
}

// timerPacer waits on the runtime's timers, which may be a millisecond late where the machine is idle.
type timerPacer struct{}

func (timerPacer) close() {}

func (timerPacer) until(ctx context.Context, t time.Time) {
	wait := time.Until(t)
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
