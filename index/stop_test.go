package index

import (
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/edged/edged/quant"
)

// TestMakeStops at whatever moment it is told to.
func TestMakeStops(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 3))
	rows, err := quant.Encode(vectors(rng, 2100, 8, 0, false), 8)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Recall: .95, Queries: vectors(rng, 420, 8, 0, false), Threads: 2}
	var asked, most atomic.Int64
	enough := errors.New("enough")
	most.Store(1 << 40)
	o.Stop = func() error {
		if asked.Add(1) > most.Load() {
			return enough
		}
		return nil
	}
	if _, err := Make(rows, o); err != nil {
		t.Fatal(err)
	}
	all := asked.Load()
	if all < 1000 {
		t.Errorf("asked %d times whether to go on", all)
	}
	for _, at := range []int64{0, 1, all / 10, all / 2, all - 1} {
		asked.Store(0)
		most.Store(at)
		if _, err := Make(rows, o); !errors.Is(err, enough) {
			t.Errorf("after %d of %d questions: %v", at, all, err)
		}
		if more := asked.Load() - at; more > 20_000 {
			t.Errorf("stopped after %d questions, it asked %d more", at, more)
		}
	}
}
