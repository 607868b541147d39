package serve

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/edged/edged/internal/testkit"
	"github.com/edged/edged/rank"
)

func TestTurnsAreWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free, peer, began := newTurns(2), netip.Addr{}, time.Now()
		if !free.try() || !free.wait(peer, time.Hour) || time.Since(began) != 0 {
			t.Fatal("a free turn was waited for")
		}
		if free.try() || free.wait(peer, time.Second) || time.Since(began) != time.Second {
			t.Fatalf("a third one of two, after %v", time.Since(began))
		}
		got := make(chan bool)
		go func() { got <- free.wait(peer, time.Minute) }()
		synctest.Wait()
		free.end()
		if !<-got || time.Since(began) != time.Second {
			t.Error("a turn given back went to nobody")
		}
		free.end()
		free.end()
		if free.free != 2 || len(free.lines) > 0 {
			t.Errorf("%d turns are free, %d lines", free.free, len(free.lines))
		}
	})
}

// However many of one caller wait, those of another wait for one of them each.
func TestTurnsGoByCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many = 300
		one, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
		turns := newTurns(1)
		turns.try()
		came := make(chan netip.Addr, many+2)
		for i := range many + 2 {
			peer := one
			if i >= many {
				peer = other
			}
			go func() {
				if turns.wait(peer, time.Hour) {
					came <- peer
				}
			}()
			synctest.Wait()
		}
		for i, want := range []netip.Addr{one, other, one, other, one, one} {
			turns.end()
			if got := <-came; got != want {
				t.Errorf("turn %d went to %v, want %v", i, got, want)
			}
		}
		for range many - 4 {
			turns.end()
			<-came
		}
		if turns.end(); turns.free != 1 || len(turns.lines) > 0 {
			t.Errorf("%d turns are free, %d lines", turns.free, len(turns.lines))
		}
	})
}

// holdTurns takes all turns, and returns how to give them back.
func (f *fixture) holdTurns() (giveBack func()) {
	n := 0
	for f.server.turns.try() {
		n++
	}
	return func() {
		for range n {
			f.server.turns.end()
		}
	}
}

// Whoever waits for a turn holds nothing of what is as large as the catalogue.
func TestWaitingTakesNoScratch(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Clock = time.Now })
	giveBack := f.holdTurns()
	var made atomic.Int64
	f.server.scratches = sync.Pool{New: func() any { made.Add(1); return new(rank.Scratch) }}
	const many = 10
	h := f.server.Handler()
	var all sync.WaitGroup
	for i := range many {
		all.Go(func() {
			var ctx fasthttp.RequestCtx
			prepareGet(&ctx, fmt.Sprintf("/v1/recommend?n=3&filter=price+%%3E+%d", i))
			h(&ctx)
			if ctx.Response.StatusCode() != 200 && ctx.Response.StatusCode() != 503 {
				t.Errorf("%d %s", ctx.Response.StatusCode(), ctx.Response.Body())
			}
		})
		f.eventually("it waits", func() bool {
			f.server.turns.mu.Lock()
			defer f.server.turns.mu.Unlock()
			return len(f.server.turns.lines) == 1 && len(f.server.turns.lines[0].waiting) == i+1
		})
	}
	if n := made.Load(); n > many/2 && !testkit.Race { // a pool forgets by chance under the race detector
		t.Errorf("%d scratches for %d that wait", n, many)
	}
	giveBack()
	all.Wait()
}

// What is too much is refused before the catalogue is asked for any part of it.
func TestTooManyConditionsAskNothing(t *testing.T) {
	f := newFixture(t)
	body := `{"n":3,"filter":"price > 7777","boost":[`
	for i := range 5 {
		body += fmt.Sprintf(`{"by":2,"where":"%s"},`, strings.Repeat(fmt.Sprintf("price > %d or ", i), 15)+"price > 1")
	}
	checkRefusal(t, f.post("/v1/recommend", "application/json", strings.TrimSuffix(body, ",")+"]}"), 400, "boost[4].where: more conditions than may be asked in one request")
	if f.releases.Load().Knows([]byte("price > 7777")) {
		t.Error("the filter was looked up")
	}
}

// Where all turns are taken, filters and categories that nobody asked for lately are refused in time, boosts are left out or, where the time is not up, refused;
// what is known, and what asks for neither, is answered.
func TestNewFiltersWaitForTheirTurn(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Clock = time.Now })
	f.get("/v1/recommend?n=3&filter=price+%3E+1").want(t, 200)
	f.get("/v1/popular?n=3&category=home").want(t, 200)
	free := f.server.turns.free
	giveBack := f.holdTurns()
	for target, field := range map[string]string{
		"n=3&timeoutMs=5&filter=price+%3E+2": "filter", "n=3&filter=price+%3E+2&boost=2:price+%3E+3": "filter", "n=3&boost=2:price+%3E+3": "boost",
		"n=3&filter=price+%3E+1&boost=2:price+%3E+3&timeoutMs=60000": "boost",
	} {
		r := f.get("/v1/recommend?" + target)
		checkRefusal(t, r, 503, field+": more new ones at once than are looked up in time")
		if r.header.Get("Retry-After") != "1" {
			t.Errorf("%s: %v", target, r.header)
		}
	}
	checkRefusal(t, f.get("/v1/popular?category=home/mug"), 503, "category: more new ones at once")
	for _, target := range []string{"n=3", "n=3&filter=price+%3E+1", "n=3&timeoutMs=5&boost=2:price+%3E+3"} {
		f.get("/v1/recommend?"+target).want(t, 200)
	}
	f.get("/v1/popular?n=4&category=home").want(t, 200)
	f.get("/v1/trending?n=4&category=home").want(t, 200)
	giveBack()
	f.get("/v1/recommend?n=3&filter=price+%3E+2&boost=2:price+%3E+3").want(t, 200)
	f.get("/v1/popular?category=home/mug").want(t, 200)
	if n := f.server.turns.free; n != free {
		t.Errorf("%d turns are free, %d were", n, free)
	}
}
