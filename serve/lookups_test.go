package serve

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestTurnsAreWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(turns, 2)
		began := time.Now()
		if !free.take(0) || !free.take(time.Hour) || time.Since(began) != 0 {
			t.Fatal("a free turn was waited for")
		}
		if free.take(time.Second) || time.Since(began) != time.Second {
			t.Fatalf("a third one of two, after %v", time.Since(began))
		}
		got := make(chan bool)
		go func() { got <- free.take(time.Minute) }()
		synctest.Wait()
		free.end()
		if !<-got || time.Since(began) != time.Second {
			t.Error("a turn given back went to nobody")
		}
	})
}

// Where all turns are taken, filters and categories that nobody asked for lately are refused in time, boosts are left out or, where the time is not up, refused;
// what is known, and what asks for neither, is answered.
func TestNewFiltersWaitForTheirTurn(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Clock = time.Now })
	f.get("/v1/recommend?n=3&filter=price+%3E+1").want(t, 200)
	f.get("/v1/popular?n=3&category=home").want(t, 200)
	for range cap(f.server.turns) {
		f.server.turns <- struct{}{}
	}
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
	for range cap(f.server.turns) {
		f.server.turns.end()
	}
	f.get("/v1/recommend?n=3&filter=price+%3E+2&boost=2:price+%3E+3").want(t, 200)
	f.get("/v1/popular?category=home/mug").want(t, 200)
	if n := len(f.server.turns); n != 0 {
		t.Errorf("%d turns were not given back", n)
	}
}
