package bench

import (
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// wireTo is a wire of some connections to a shop.
func wireTo(t *testing.T, s *shop, connections int) *wire {
	t.Helper()
	w, err := openWire(strings.TrimPrefix(s.open(t), "http://"), connections, [][]byte{[]byte("GET /v1/popular HTTP/1.1\r\nHost: x\r\n\r\n")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	return w
}

// A server that answers nobody from the middle of a turn until after its end: half of the turn's callers waited, from 150 to 300 ms, on
// few connections as on many.
func TestPaceCountsWhatTheEndFindsWaiting(t *testing.T) {
	for _, connections := range []int{4, 256} {
		s := newShop("a")
		over := make(chan struct{})
		var once sync.Once
		var start atomic.Pointer[time.Time] // when all are connected
		s.meddle = func(*fasthttp.RequestCtx) bool {
			if time.Since(*start.Load()) > 150*time.Millisecond {
				once.Do(func() { time.AfterFunc(300*time.Millisecond, func() { close(over) }) })
				<-over
			}
			return false
		}
		w := wireTo(t, s, connections)
		now := time.Now()
		start.Store(&now)
		p, err := w.pace(t.Context(), 1000, 0, 300*time.Millisecond, rand.New(rand.NewPCG(1, 2)))
		if err != nil {
			t.Fatal(err)
		}
		if want := drawn(rand.New(rand.NewPCG(1, 2)), 1000, 0, 300*time.Millisecond); p.offered != want || p.latencies.TotalCount() != want {
			t.Errorf("%d connections: %d offered, %d in the latencies, want %d of both", connections, p.offered, p.latencies.TotalCount(), want)
		}
		l := newLatencies(p.latencies)
		near(t, "p60", float64(p.latencies.ValueAtQuantile(60))/1000, 140*time.Millisecond, 3*time.Second)
		near(t, "p99", l.P99Us, 280*time.Millisecond, 3*time.Second)
		if took := p.took(); took < 440*time.Millisecond || took > 4*time.Second {
			t.Errorf("%d connections: took %v, want until the last answer", connections, took)
		}
	}
}

// What warms up is told by when it was to start: an answer to it that comes later is none of the turn's.
func TestPaceWarmsUpByWhenRequestsAreDue(t *testing.T) {
	s := newShop("a")
	over := make(chan struct{})
	var once sync.Once
	s.meddle = func(*fasthttp.RequestCtx) bool {
		once.Do(func() { time.AfterFunc(60*time.Millisecond, func() { close(over) }) })
		<-over
		return false
	}
	w := wireTo(t, s, 256)
	p, err := w.pace(t.Context(), 1000, 50*time.Millisecond, 100*time.Millisecond, rand.New(rand.NewPCG(1, 2)))
	if err != nil {
		t.Fatal(err)
	}
	if want := drawn(rand.New(rand.NewPCG(1, 2)), 1000, 50*time.Millisecond, 100*time.Millisecond); p.offered != want || p.latencies.TotalCount() != want {
		t.Errorf("%d offered, %d in the latencies, want %d of both", p.offered, p.latencies.TotalCount(), want)
	}
}

// drawn is how many requests are to start in a window after a warm-up.
func drawn(rng *rand.Rand, rate float64, warmup, d time.Duration) (n int64) {
	for due := time.Duration(0); due < warmup+d; due += time.Duration(rng.ExpFloat64() / rate * float64(time.Second)) {
		if due >= warmup {
			n++
		}
	}
	return n
}
