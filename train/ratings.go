package train

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/eval"
	"github.com/edged/edged/learn"
)

// rating is one explicit rating.
type rating struct {
	user, item uint32
	value      float32
	at         int64
}

// readRatings reads the ratings that events of users carry as their value, whatever the type; of several of one pair the last.
// Users and items are numbered as they come.
func readRatings(ctx context.Context, sources []Source, limit int) (list []rating, users, items int, err error) {
	who, what := newInterner(), newInterner()
	for _, s := range sources {
		err := s.Events(ctx, 0, 0, func(e *edged.Event) error {
			if e.User == "" || e.Value == 0 {
				return nil
			}
			if len(list) == limit {
				return fmt.Errorf("more than %d ratings: raise maxEvents", limit)
			}
			list = append(list, rating{who.add(e.User), what.add(e.Item), float32(e.Value), e.Time})
			return nil
		})
		if err != nil {
			return nil, 0, 0, fmt.Errorf("read ratings: %w", err)
		}
	}
	place, row := who.sort(), what.sort()
	for i := range list {
		list[i].user, list[i].item = place[list[i].user], row[list[i].item]
	}
	slices.SortStableFunc(list, func(a, b rating) int { return cmp.Compare(a.at, b.at) })
	return list, len(place), len(row), nil
}

// heldRatings tells which ratings are asked: those from a moment on, or the last share of each user's.
func heldRatings(list []rating, users int, at int64, share float64) []bool {
	held, left := make([]bool, len(list)), make([]int, users)
	if at > 0 {
		for i := range list {
			held[i] = list[i].at >= at
		}
		return held
	}
	for i := range list {
		left[list[i].user]++
	}
	for u, n := range left {
		left[u] = heldBack(n, share)
	}
	for i := len(list) - 1; i >= 0; i-- {
		if u := list[i].user; left[u] > 0 {
			held[i] = true
			left[u]--
		}
	}
	return held
}

// ratingTrials are what is tried on a tenth of the ratings that train.
var ratingTrials = []learn.Ratings{
	{Reg: 0.1, Damping: 5}, {Factors: 16, Reg: 0.1, Damping: 5, Sweeps: 10}, {Factors: 16, Reg: 0.2, Damping: 5, Sweeps: 10}, {Factors: 16, Reg: 0.4, Damping: 5, Sweeps: 10},
}

// rate learns ratings from one part and foretells the other: how far off, for users and items that both have.
func (e *evaluation) rate(ctx context.Context, sources []Source) error {
	list, users, items, err := readRatings(ctx, sources, e.cfg.Config.MaxEvents)
	if err != nil {
		return err
	}
	at := int64(0)
	if e.cfg.Protocol == Temporal {
		at = e.cfg.SplitTime.UnixMilli()
	}
	var known, asked []rating
	for i, h := range heldRatings(list, users, at, e.cfg.Share) {
		if h {
			asked = append(asked, list[i])
		} else {
			known = append(known, list[i])
		}
	}
	if len(known) == 0 || len(asked) == 0 {
		return fmt.Errorf("%w: %d ratings to learn from and %d to ask; a rating is the value of an event with a user", ErrEmpty, len(known), len(asked))
	}
	best, err := e.chooseRatings(ctx, known, users, items)
	if err != nil {
		return err
	}
	errors, err := e.ratingErrors(ctx, best, known, asked, users, items)
	if err != nil {
		return err
	}
	e.report.Ratings = eval.RatingsOf(errors, e.boot())
	return nil
}

// chooseRatings tries on every tenth rating.
func (e *evaluation) chooseRatings(ctx context.Context, known []rating, users, items int) (best learn.Ratings, err error) {
	var a, b []rating
	for i, r := range known {
		if i%10 == 9 {
			b = append(b, r)
		} else {
			a = append(a, r)
		}
	}
	least := math.Inf(1)
	for _, p := range ratingTrials {
		errors, err := e.ratingErrors(ctx, p, a, b, users, items)
		if err != nil {
			return best, err
		}
		sum := 0.0
		for _, x := range errors {
			sum += x.Error * x.Error
		}
		if sum < least {
			best, least = p, sum
		}
	}
	return best, nil
}

// ratingErrors foretells the asked ratings of users and items that the known ones have.
func (e *evaluation) ratingErrors(ctx context.Context, p learn.Ratings, known, asked []rating, users, items int) (out []eval.RatingError, err error) {
	p.Seed = e.cfg.Config.Seed
	latest := make(map[[2]uint32]float32, len(known))
	for _, r := range known {
		latest[[2]uint32{r.user, r.item}] = r.value
	}
	matrix := learn.Collect(users, items, func(yield func(r, c uint32, v float32)) {
		for _, r := range known {
			yield(r.user, r.item, latest[[2]uint32{r.user, r.item}])
		}
	})
	m, err := p.Fit(ctx, matrix, e.cfg.Config.Threads)
	if err != nil {
		return nil, err
	}
	rated := make([]bool, items)
	for _, i := range matrix.Index {
		rated[i] = true
	}
	for _, r := range asked {
		if rated[r.item] && matrix.Count(int(r.user)) > 0 {
			out = append(out, eval.RatingError{User: int(r.user), Error: m.Predict(int(r.user), int(r.item)) - float64(r.value)})
		}
	}
	return out, nil
}
