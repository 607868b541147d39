package sim

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/edged/edged"
)

// Events of the whole time simulated, oldest first. The error is ctx's.
func (s *Shop) Events(ctx context.Context) ([]edged.Event, error) {
	rng := s.rand(2)
	var all []edged.Event
	for i := range s.visitors {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for n := visits(s.visitors[i].keenness, rng); n > 0; n-- {
			for _, e := range s.visit(i, s.moment(rng), rng) {
				if e.Time < s.end {
					all = append(all, e)
				}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b edged.Event) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.User, b.User), cmp.Compare(a.Item, b.Item))
	})
	return all, nil
}

// Visit is one visit of a random visitor, beginning at the time given.
func (s *Shop) Visit(at time.Time, rng *rand.Rand) []edged.Event {
	weights := make([]float64, len(s.visitors))
	for i := range s.visitors {
		weights[i] = s.visitors[i].keenness
	}
	return s.visit(newWheel(weights).spin(rng), at.UnixMilli(), rng)
}

// Taste says in words what a visitor likes, for people who want to judge an answer.
func (s *Shop) Taste(user string) (string, bool) {
	i := slices.IndexFunc(s.visitors, func(v visitor) bool { return v.id == user })
	if i < 0 {
		return "", false
	}
	v := &s.visitors[i]
	words := occasions[largest(v.occasion)].name
	if later := occasions[largest(v.later)].name; v.turn < s.end && later != words {
		words += ", lately " + later
	}
	return words + "; " + styles[largest(v.style)].slug + " style", true
}

func largest(w []float64) int {
	best := 0
	for i, x := range w {
		if x > w[best] {
			best = i
		}
	}
	return best
}

// visits is a Poisson draw, at least one (Knuth's method; the means here are small).
func visits(mean float64, rng *rand.Rand) int {
	n, p, limit := 0, rng.Float64(), math.Exp(-min(mean, 200))
	for p > limit {
		n++
		p *= rng.Float64()
	}
	return max(n, 1)
}

// moment is a day of the window (later days are a little busier) at a waking hour.
func (s *Shop) moment(rng *rand.Rand) int64 {
	d := int64(math.Pow(rng.Float64(), .85) * float64(s.cfg.Days))
	hour := 14.5 + 4*rng.NormFloat64()
	for hour < 6 || hour > 23.5 {
		hour = 14.5 + 4*rng.NormFloat64()
	}
	midnight := (s.start + d*day) / day * day
	return max(s.start, midnight+int64(hour*3600e3)+rng.Int64N(60e3))
}

// visit is the funnel: look at some products, put some into the basket, buy some of those, like one now and then.
func (s *Shop) visit(who int, at int64, rng *rand.Rand) []edged.Event {
	v := &s.visitors[who]
	trip := trip{visitor: v, session: fmt.Sprintf("%s-%s", strings.TrimPrefix(v.id, "visitor-"), base36(at)), at: at}
	goal := occasions[newWheel(v.wants(at)).spin(rng)]
	var basket []int
	for n := 2 + rng.IntN(3) + int(rng.ExpFloat64()*2.4); n > 0; n-- {
		i, ok := s.look(v, goal, trip.at, rng)
		if !ok {
			continue
		}
		trip.does(edged.View, &s.products[i], 0)
		if rng.Float64() < .17 {
			trip.does(edged.Cart, &s.products[i], 1)
			basket = append(basket, i)
		} else if rng.Float64() < .04 {
			trip.does(edged.Like, &s.products[i], 0)
		}
		trip.at += 8e3 + rng.Int64N(90e3)
	}
	if rng.Float64() < .55 {
		for _, i := range basket {
			trip.does(edged.Purchase, &s.products[i], 1+rng.IntN(2))
		}
	}
	return trip.events
}

func base36(at int64) string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyz"
	var b []byte
	for n := at / 1000; n > 0; n /= 36 {
		b = append(b, digits[n%36])
	}
	slices.Reverse(b)
	return string(b)
}

func (v *visitor) wants(at int64) []float64 {
	if at >= v.turn {
		return v.later
	}
	return v.occasion
}

// look picks the next product: the talk of the country, a bestseller, or one of the cell where goal and style meet.
func (s *Shop) look(v *visitor, goal occasion, at int64, rng *rand.Rand) (int, bool) {
	switch x := rng.Float64(); {
	case x < .06:
		return s.craze(v.country, at, rng)
	case x < .13:
		i := s.ranking.spin(rng)
		return i, s.products[i].published <= at
	}
	k := kindIndex[goal.kinds[rng.IntN(len(goal.kinds))]]
	st := newWheel(s.season(v.style, at)).spin(rng)
	return s.pick(v, s.cells[k*len(styles)+st], at, rng)
}

var kindIndex = func() map[string]int {
	m := make(map[string]int, len(kinds))
	for i, k := range kinds {
		m[k.slug] = i
	}
	return m
}()

// season moves each style's weight up and down by a fifth over a month and a half, each at its own phase.
func (s *Shop) season(taste []float64, at int64) []float64 {
	w := make([]float64, len(taste))
	for i, x := range taste {
		phase := float64(at-s.start)/float64(45*day) + float64(i)/float64(len(taste))
		w[i] = x * (1 + .2*math.Sin(2*math.Pi*phase))
	}
	return w
}

// pick draws from a cell by appeal, budget and novelty.
func (s *Shop) pick(v *visitor, cell []int, at int64, rng *rand.Rand) (int, bool) {
	w, any := make([]float64, len(cell)), false
	for j, i := range cell {
		p := &s.products[i]
		if p.published > at {
			continue
		}
		any = true
		w[j] = p.appeal * [...]float64{1, .45, .15}[abs(p.band-v.budget)]
		if at-p.published < 10*day {
			w[j] *= 2
		}
	}
	if !any {
		return 0, false
	}
	return cell[newWheel(w).spin(rng)], true
}

func abs(x int) int { return max(x, -x) }

// trip collects the events of one visit.
type trip struct {
	visitor *visitor
	session string
	at      int64
	events  []edged.Event
}

func (t *trip) does(what edged.EventType, p *product, quantity int) {
	t.at += 1000
	t.events = append(t.events, edged.Event{
		User: t.visitor.id, Session: t.session, Item: p.id, Type: what, Time: t.at,
		Quantity: float64(quantity), Value: float64(quantity) * p.price, Channel: "web",
		Context: map[string]string{edged.Country: countries[t.visitor.country].code, edged.Device: t.visitor.device},
	})
}
