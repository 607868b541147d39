package node

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/edged/edged/exchange"
	"github.com/edged/edged/release"
)

// TestFetchRate: a node without peers fetches a release from its origin at the rate that is asked for, and no slower.
func TestFetchRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate = 1000
		s := newShop(t)
		s.publish(1)
		var bytes, largest int64
		m := s.manifest()
		for _, p := range append(m.Pieces(), release.Piece{Size: releaseRefNow(s).Size}) {
			bytes, largest = bytes+p.Size, max(largest, p.Size)
		}
		cfg := s.config(newMachine())
		cfg.Fetch = exchange.NewPace(rate, time.Now)
		n, err := Open(t.Context(), cfg)
		s.must(err)
		start := time.Now()
		s.check(n)
		serves(t, n, 1)
		least, most := time.Duration(bytes-largest)*time.Second/rate, time.Duration(bytes)*time.Second/rate
		if took := time.Since(start); took < least || took > most {
			t.Errorf("%d bytes in %v, want %v to %v", bytes, took, least, most)
		}
		s.must(n.Close())
	})
}

// releaseRefNow is what the rollout names.
func releaseRefNow(s *shop) release.Ref {
	s.t.Helper()
	r, err := release.OpenRollout(s.newest("keys"), s.get("rollout.json"))
	s.must(err)
	return r.Release
}
