package bench

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// loopOf is an open loop in virtual time over a made-up server.
func loopOf(rate float64, connections int, duration time.Duration, do func(*job) outcome) *openLoop {
	return &openLoop{
		rate: rate, duration: duration, timeout: 5 * time.Second, connections: connections,
		rand: rand.New(rand.NewPCG(1, 2)), fill: func(j *job) { j.get(Plaintext) }, do: do,
		pace: func() pacer { return timerPacer{} },
	}
}

// near fails unless got, in µs, is between two durations.
func near(t *testing.T, what string, gotUs float64, least, most time.Duration) {
	t.Helper()
	if got := time.Duration(gotUs * 1000); got < least || got > most {
		t.Errorf("%s is %v, want %v to %v", what, got, least, most)
	}
}

// A server answers in 1 ms, but for one second in which it answers nobody. At 1,000 requests/s over 10 s a tenth of all callers
// would wait, evenly between 0 and 1 s. A loop that stops asking while it waits would have seen 8 of them.
func TestStallIsChargedToAllWhoWouldHaveCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		stall, over := start.Add(2*time.Second), start.Add(3*time.Second)
		loop := loopOf(1000, 8, 10*time.Second, func(*job) outcome {
			if now := time.Now(); now.After(stall) && now.Before(over) {
				time.Sleep(over.Sub(now))
			}
			time.Sleep(time.Millisecond)
			return outcome{status: 200}
		})
		tally := loop.run(t.Context())
		if tally.requests != 9999 || tally.errors() != 0 {
			t.Errorf("%d requests, %d failed, want 9999 and 0", tally.requests, tally.errors())
		}
		l := newLatencies(tally.latency)
		near(t, "p50", l.P50Us, time.Millisecond, 2*time.Millisecond)
		near(t, "p90", l.P90Us, 50*time.Millisecond, 250*time.Millisecond)
		near(t, "p99", l.P99Us, 850*time.Millisecond, 950*time.Millisecond)
		near(t, "max", l.MaxUs, time.Second, 1010*time.Millisecond)
		near(t, "p99 of service", newLatencies(tally.service).P99Us, time.Millisecond, 2*time.Millisecond)
		if a := tally.achieved(); a < 999 || a > 1000 {
			t.Errorf("achieved %v, want all but 1000", a)
		}
	})
}

func TestNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		loop := loopOf(100, 1, 20*time.Second, func(j *job) outcome {
			time.Sleep(time.Until(j.limit))
			return outcome{class: ClassTimeout}
		})
		tally := loop.run(t.Context())
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("took %v, want at most duration and two timeouts", took)
		}
		if tally.requests != 1999 || tally.classes[ClassTimeout] != 1999 {
			t.Errorf("%d requests, %v: every request of the schedule is to be accounted for", tally.requests, tally.classes)
		}
		near(t, "p50", newLatencies(tally.latency).P50Us, 5*time.Second, 10100*time.Millisecond)
		if tally.achieved() != 0 {
			t.Errorf("achieved %v of nothing", tally.achieved())
		}
	})
}

func TestSlowerThanAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		loop := loopOf(1000, 4, 2*time.Second, func(*job) outcome {
			time.Sleep(10 * time.Millisecond) // 400/s in all
			return outcome{status: 200}
		})
		tally := loop.run(t.Context())
		if a := tally.achieved(); math.Abs(a-400) > 5 {
			t.Errorf("achieved %v, want 400", a)
		}
		var report LoadReport
		report.fill(1000, tally)
		if !report.Behind {
			t.Error("the report does not say that the node is behind")
		}
	})
}

// What Poisson draws is seldom what was asked: 40 requests, give or take 6.
func TestWhoAnswersAllIsNotBehind(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			loop := loopOf(40, 4, time.Second, func(*job) outcome {
				time.Sleep(time.Millisecond)
				return outcome{status: 200}
			})
			loop.poisson, loop.rand = true, rand.New(rand.NewPCG(seed, 1))
			var report LoadReport
			report.fill(40, loop.run(t.Context()))
			if report.Behind || report.Offered != float64(report.Requests) {
				t.Errorf("seed %d: behind %v with %d requests, %v offered, %v achieved a second", seed, report.Behind, report.Requests, report.Offered, report.Achieved)
			}
		})
	}
}

func TestWarmupIsNotMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		loop := loopOf(100, 4, time.Second, func(*job) outcome {
			if time.Since(start) < 900*time.Millisecond {
				time.Sleep(50 * time.Millisecond)
			}
			return outcome{status: 200}
		})
		loop.warmup = time.Second
		tally := loop.run(t.Context())
		if tally.requests != 100 {
			t.Errorf("%d requests measured, want 100", tally.requests)
		}
		near(t, "max", newLatencies(tally.latency).MaxUs, 0, time.Millisecond)
	})
}

func TestCancelEndsTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		tally := loopOf(0.1, 1, time.Hour, nil).run(ctx)
		if took := time.Since(start); took != time.Second || tally.requests != 0 {
			t.Errorf("ended after %v with %d requests", took, tally.requests)
		}
	})
}

func TestPoissonGaps(t *testing.T) {
	loop := loopOf(1000, 1, 0, nil)
	loop.poisson = true
	const n = 100_000
	var sum, squares float64
	for range n {
		gap := loop.gap().Seconds()
		sum += gap
		squares += gap * gap
	}
	mean := sum / n
	deviation := math.Sqrt(squares/n - mean*mean)
	if math.Abs(mean-.001) > 2e-5 || math.Abs(deviation-.001) > 2e-5 {
		t.Errorf("mean %v, deviation %v: an exponential distribution has both at 1 ms", mean, deviation)
	}
}

func TestFailuresDoNotFlatter(t *testing.T) {
	now := time.Unix(1000, 0)
	tally := newTally(now, time.Second)
	j := &job{at: now}
	tally.add(j, outcome{status: 200}, now, now.Add(time.Second))
	for range 99 {
		tally.add(j, outcome{class: ClassRefused}, now, now.Add(time.Microsecond))
		tally.add(j, outcome{class: ClassStatus, status: 503}, now, now.Add(time.Microsecond))
	}
	near(t, "p50", newLatencies(tally.latency).P50Us, time.Second, 1001*time.Millisecond)
	if tally.requests != 199 || tally.errors() != 198 || tally.statuses[503] != 99 || tally.classes[ClassRefused] != 99 {
		t.Errorf("counted %d, %d, %v, %v", tally.requests, tally.errors(), tally.statuses, tally.classes)
	}
}
