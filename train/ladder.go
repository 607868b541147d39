package train

import (
	"context"
	"slices"
)

// ladder is the values a setting may take, ascending (the half-life 0, none, comes last). Trials look at a window of it, and where the
// best lies at the window's edge they go on beyond.
type ladder[T float32 | float64] struct {
	below, window, above []T
	start                T // of the window; tried first
}

// fixed is a ladder of one step.
func fixed[T float32 | float64](x T) ladder[T] { return ladder[T]{window: []T{x}, start: x} }

// values are those of the window, the start first.
func (l ladder[T]) values() []T {
	rest := slices.DeleteFunc(slices.Clone(l.window), func(x T) bool { return x == l.start })
	return append([]T{l.start}, rest...)
}

// beyond are the ways that lead on from x away from the window's middle, each step by step; none where x lies inside of the window.
func (l ladder[T]) beyond(x T) (ways [][]T) {
	down := append(slices.Clone(l.below), l.window[0])
	slices.Reverse(down)
	for _, way := range [][]T{append([]T{l.window[len(l.window)-1]}, l.above...), down} {
		if at := slices.Index(way, x); at >= 0 && at+1 < len(way) {
			ways = append(ways, way[at+1:])
		}
	}
	return ways
}

// seek tries the values of the window, and goes on beyond its edge as long as that is better. The first is tried in any case, the others
// until stop says so.
func (l ladder[T]) seek(stop func() bool, try func(x T) (score float64, err error)) error {
	best, most := l.start, 0.0
	better := func(x T) (bool, error) {
		score, err := try(x)
		if err != nil || x != l.start && !(score > most) {
			return false, err
		}
		best, most = x, score
		return true, nil
	}
	for at, x := range l.values() {
		if at > 0 && stop() {
			return nil
		}
		if _, err := better(x); err != nil {
			return err
		}
	}
	from := best
	for _, way := range l.beyond(from) {
		for _, x := range way {
			if stop() {
				return nil
			}
			if ok, err := better(x); err != nil {
				return err
			} else if !ok {
				break
			}
		}
		if best != from {
			break
		}
	}
	return nil
}

func never() bool { return false }

// axis is a setting of a candidate, and the ladder of its values.
type axis[C any] struct {
	ladder[float64]
	get func(c C) float64
	set func(c *C, x float64)
}

// number and whole are axes of a field.
func number[C any](l ladder[float64], at func(c *C) *float64) axis[C] {
	return axis[C]{l, func(c C) float64 { return *at(&c) }, func(c *C, x float64) { *at(c) = x }}
}

func whole[C any](l ladder[float64], at func(c *C) *int) axis[C] {
	return axis[C]{l, func(c C) float64 { return float64(*at(&c)) }, func(c *C, x float64) { *at(c) = int(x) }}
}

// with is a candidate with another value on an axis.
func (a axis[C]) with(c C, x float64) C {
	a.set(&c, x)
	return c
}

// started is a candidate with the start of every axis.
func started[C any](c C, axes []axis[C]) C {
	for _, a := range axes {
		a.set(&c, a.start)
	}
	return c
}

// crossed are the candidates of a grid: all values of all windows with each other, the last axis changing first.
func crossed[C any](c C, axes []axis[C]) []C {
	list := []C{c}
	for _, a := range axes {
		var more []C
		for _, c := range list {
			for _, x := range a.values() {
				more = append(more, a.with(c, x))
			}
		}
		list = more
	}
	return list
}

// starred are the start of every axis, and that with one value changed at a time.
func starred[C any](c C, axes []axis[C]) []C {
	first := started(c, axes)
	list := []C{first}
	for _, a := range axes {
		for _, x := range a.values()[1:] {
			list = append(list, a.with(first, x))
		}
	}
	return list
}

// together is the first candidate with every change that was for the better, the best on each axis. The list goes best first.
func together[C comparable](first C, list []tried[C], axes []axis[C]) C {
	all := first
	for _, a := range axes {
		for _, t := range list {
			if t.candidate == first {
				break
			}
			if x := a.get(t.candidate); x != a.get(first) {
				a.set(&all, x)
				break
			}
		}
	}
	return all
}

// outgrow goes on from the best of a grid: where it lies at the edge of an axis, step after step beyond, as long as that is better.
func outgrow[C any](ctx context.Context, s *selection, family string, best tried[C], axes []axis[C], name func(C) string,
	try func(ctx context.Context, c C, share float64) (float64, error)) (tried[C], error) {
	for _, a := range axes {
		from := a.get(best.candidate)
		for _, way := range a.beyond(from) {
			for _, x := range way {
				c := a.with(best.candidate, x)
				if s.over() || s.made(family, name(c)) {
					break
				}
				score, err := s.attempt(family, name(c), 1, func() (float64, error) { return try(ctx, c, 1) })
				if err != nil {
					return best, err
				}
				if !(score > best.score) {
					break
				}
				best.candidate, best.score = c, score
			}
			if a.get(best.candidate) != from {
				break
			}
		}
	}
	return best, nil
}
