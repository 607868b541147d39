package cluster

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// stuck is a wire whose streams come to nobody who reads, as to a process that stands still while its kernel answers.
type stuck struct {
	end
	on *atomic.Bool
}

func (s stuck) dial(ctx context.Context, addr string, timeout time.Duration) (net.Conn, error) {
	if !s.on.Load() {
		return s.end.dial(ctx, addr, timeout)
	}
	mine, _ := net.Pipe()
	return named{mine, addr}, nil
}

// TestFloodIntoNobody: streams that nobody reads are given up, and floods go on.
func TestFloodIntoNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSimulation(t, 0).swarm(3)
		defer w.close()
		if err := w.nodes[0].Close(); err != nil {
			t.Fatal(err)
		}
		var on atomic.Bool
		c, err := Start(Config{Name: "n000", Boot: 2, Bind: w.addresses[0], Seeds: w.addresses, Keys: [][]byte{testKey}, wire: stuck{end{w.simulation, w.addresses[0]}, &on}})
		if err != nil {
			t.Fatal(err)
		}
		w.nodes[0] = c
		w.agree(time.Minute, w.nodes)
		on.Store(true)
		for i := range 15 {
			w.write(0, fmt.Sprint("large-", i), strings.Repeat("x", MaxValue))
			<-time.After(time.Second)
		}
		<-time.After(time.Minute)
		on.Store(false)
		<-time.After(time.Hour)
		if n := len(c.sends); n > 0 {
			t.Errorf("an hour after, %d of %d streams still wait", n, cap(c.sends))
		}
	})
}

// TestFloodRate: what a steady stream of writes costs.
func TestFloodRate(t *testing.T) {
	for _, c := range []struct {
		name string
		gap  time.Duration
		keys int
		most float64 // streams
	}{{"one key, 100 a second", 10 * time.Millisecond, 1, 1}, {"50 a second", 20 * time.Millisecond, 1 << 20, 15}, {"1000 a second", time.Millisecond, 1 << 20, 35}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSimulation(t, 0).swarm(10)
				defer w.close()
				w.agree(time.Minute, w.nodes)
				<-time.After(5 * time.Second)
				streams := func() (n uint64) {
					for _, c := range w.nodes {
						n += c.Stats().Streams
					}
					return n
				}
				f, s := w.floods(), streams()
				const secs = 4
				for i := range int(secs * time.Second / c.gap) {
					w.write(0, fmt.Sprint("k", i%c.keys), strings.Repeat("x", 100))
					<-time.After(c.gap)
				}
				floods, many := float64(w.floods()-f)/10/secs, float64(streams()-s)/10/secs
				if many > c.most {
					t.Errorf("%.1f streams of a node each second, want at most %g", many, c.most)
				}
				t.Logf("10 nodes, per node and second: %.1f floods, %.1f streams", floods, many)
			})
		})
	}
}
