package train

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

func TestBeyond(t *testing.T) {
	l := ladder[float64]{below: []float64{1, 2}, window: []float64{4, 8, 0}, above: []float64{16, 32}, start: 8}
	for x, want := range map[float64]string{4: "[[2 1]]", 8: "[]", 0: "[[16 32]]", 16: "[[32]]", 32: "[]", 2: "[[1]]", 1: "[]", 5: "[]"} {
		if got := fmt.Sprint(l.beyond(x)); got != want {
			t.Errorf("beyond %v: got %v, want %v", x, got, want)
		}
	}
	if got := fmt.Sprint(ladder[float64]{below: []float64{1}, window: []float64{2}, above: []float64{3}}.beyond(2)); got != "[[3] [1]]" {
		t.Errorf("a window of one: got %v", got)
	}
}

// hill is a score that is highest at x.
func hill(x float64) func(v float64) float64 {
	return func(v float64) float64 { return -math.Abs(v - x) }
}

var wide = ladder[float64]{below: []float64{1, 2, 3}, window: []float64{4, 5, 6}, above: []float64{7, 8, 9, 10}, start: 5}

// TestSeekGoesOnWhileItIsBetter: beyond the edge where the best lies, one step too far, and nowhere else.
func TestSeekGoesOnWhileItIsBetter(t *testing.T) {
	for _, c := range []struct {
		best float64
		want []float64
	}{
		{8, []float64{5, 4, 6, 7, 8, 9}}, {6, []float64{5, 4, 6, 7}}, {5, []float64{5, 4, 6}}, {2.2, []float64{5, 4, 6, 3, 2, 1}}, {20, []float64{5, 4, 6, 7, 8, 9, 10}},
	} {
		var got []float64
		score := hill(c.best)
		err := wide.seek(never, func(x float64) (float64, error) { got = append(got, x); return score(x), nil })
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("best at %v: tried %v, want %v (%v)", c.best, got, c.want, err)
		}
	}
	tries := 0
	if err := wide.seek(func() bool { return tries == 4 }, func(x float64) (float64, error) { tries++; return x, nil }); err != nil || tries != 4 {
		t.Errorf("%d tries with a budget of 4: %v", tries, err)
	}
}

// point is a candidate with two settings.
type point struct{ x, y float64 }

func (p point) String() string { return fmt.Sprint(p.x, " ", p.y) }

var pointAxes = []axis[point]{
	number(wide, func(p *point) *float64 { return &p.x }),
	number(wide, func(p *point) *float64 { return &p.y }),
}

// TestOutgrow: from the best of a grid on along the axes at whose edge it lies, no trial twice, within the budget; every trial says what it
// took by itself.
func TestOutgrow(t *testing.T) {
	for _, c := range []struct {
		budget int
		best   point
		tried  int // beside the grid's nine
		want   point
	}{
		{100, point{8, 5}, 3, point{8, 5}}, {100, point{5, 5}, 0, point{5, 5}}, {100, point{8, 2}, 7, point{8, 2}}, {11, point{8, 2}, 2, point{8, 4}},
	} {
		now := time.Unix(0, 0)
		cfg := &Config{Clock: func() time.Time { return now }}
		s := &selection{cfg: cfg, watch: newStopwatch(cfg, nil), budget: c.budget}
		try := func(_ context.Context, p point, _ float64) (float64, error) {
			now = now.Add(time.Second)
			return -math.Abs(p.x-c.best.x) - math.Abs(p.y-c.best.y), nil
		}
		list, err := halve(t.Context(), s, "points", crossed(point{}, pointAxes), []rung{{1, 2}}, point.String, try)
		if err != nil || len(s.trials) != 9 || s.trials[0].Name != "5 5" {
			t.Fatalf("the grid: %+v, %v", s.trials, err)
		}
		for range 2 { // the second time little is left to try
			if list[0], err = outgrow(t.Context(), s, "points", list[0], pointAxes, point.String, try); err != nil {
				t.Fatal(err)
			}
		}
		if list[0].candidate != c.want || len(s.trials) != 9+c.tried {
			t.Errorf("best at %v, budget %d: got %v after %d trials, want %v after %d", c.best, c.budget, list[0].candidate, len(s.trials), c.want, 9+c.tried)
		}
		for _, x := range s.trials {
			if x.Seconds != 1 {
				t.Errorf("%s: %v s, took 1", x.Name, x.Seconds)
			}
		}
	}
}

// TestStarred is the default and one thing changed at a time; together is every change for the better.
func TestStarred(t *testing.T) {
	got := starred(point{}, pointAxes)
	if want := []point{{5, 5}, {4, 5}, {6, 5}, {5, 4}, {5, 6}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	list := []tried[point]{{candidate: point{6, 5}}, {candidate: point{4, 5}}, {candidate: point{5, 5}}, {candidate: point{5, 4}}}
	if got, want := together(got[0], list, pointAxes), (point{6, 5}); got != want {
		t.Errorf("together: got %v, want %v", got, want)
	}
}

// TestFailedTrial: settings that the data do not bear are noted and end nothing; the end of the run does.
func TestFailedTrial(t *testing.T) {
	cfg := &Config{Clock: time.Now}
	s := &selection{cfg: cfg, budget: 100, watch: newStopwatch(cfg, nil)}
	list, err := halve(context.Background(), s, "hill", []int{1, 2, 3}, []rung{{1, 3}}, func(c int) string { return fmt.Sprint(c) },
		func(_ context.Context, c int, _ float64) (float64, error) {
			if c == 1 {
				return 7, fmt.Errorf("no equations for %d", c)
			}
			return float64(c), nil
		})
	if err != nil || list[0].candidate != 3 || list[2].candidate != 1 || s.trials[0].Fault != "no equations for 1" || s.trials[0].Score != 0 {
		t.Errorf("got %v of %+v, error %v", list, s.trials, err)
	}
	if _, err := s.attempt("hill", "4", 1, func() (float64, error) { return 0, context.Canceled }); err == nil {
		t.Error("a cancelled trial counts as one that failed")
	}
}
