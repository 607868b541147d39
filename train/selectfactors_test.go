package train

import (
	"slices"
	"testing"

	"github.com/edged/edged/learn"
)

func TestLengthsFitMemory(t *testing.T) {
	for _, c := range []struct {
		rows, asked int
		want        []int
	}{
		{100_000, 0, []int{64, 128, 256}}, {1_000_000, 0, []int{64, 128}}, {2_200_000, 0, []int{64}}, {50_000_000, 0, []int{64}}, {2_200_000, 256, []int{256}},
	} {
		s := &selection{rows: c.rows, free: Config{Factors: c.asked}}
		if got := s.lengths(); !slices.Equal(got, c.want) {
			t.Errorf("%d rows, %d asked: got %v, want %v", c.rows, c.asked, got, c.want)
		}
	}
}

// TestLongerTriesTheUsual: the best of the shortest at another length, each once, and the usual regularisation.
func TestLongerTriesTheUsual(t *testing.T) {
	als := func(d int, a0, reg float64) factorTrial {
		return factorTrial{learn.ALS{Factors: d, A0: a0, Reg: reg}, 120}
	}
	s := &selection{}
	best := []tried[factorTrial]{{candidate: als(64, .3, .01)}, {candidate: als(64, .1, .01)}}
	if got := s.longer(best, 256); !slices.Equal(got, []factorTrial{als(256, .3, .01), als(256, .1, .01), als(256, .01, .003)}) {
		t.Errorf("got %v", got)
	}
	best[1].candidate = als(64, .01, .003)
	if got := s.longer(best, 128); !slices.Equal(got, []factorTrial{als(128, .3, .01), als(128, .01, .003)}) {
		t.Errorf("got %v", got)
	}
}
