package rank

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/testkit"
	"github.com/edged/edged/model"
)

// blended makes a random model of up to n items with tables, columns and blends for some of the goals.
func blended(t testing.TB, rng *rand.Rand, n int, goals ...model.Goal) *model.Model {
	t.Helper()
	return blendedWith(t, rng, n, func(*model.Build) {}, goals...)
}

// blendedWith is blended, changed at last.
func blendedWith(t testing.TB, rng *rand.Rand, n int, change func(*model.Build), goals ...model.Goal) *model.Model {
	t.Helper()
	no := false
	return random(t, rng, n, 1+rng.IntN(20), func(b *model.Build) {
		withTrends(b)
		b.Meta.Nu = []float64{0, .5, 1, 1.3}[rng.IntN(4)]
		b.Meta.Active = n - rng.IntN(n/4)
		b.Table, b.Session = sparse(rng, n, 30), sparse(rng, n, 12)
		for i := range n {
			b.PopularZ = append(b.PopularZ, float32(rng.NormFloat64()))
			b.RepeatQ = append(b.RepeatQ, float32(rng.ExpFloat64()))
			b.Items[i].Brand = []string{"a", "b", "b", "b"}[rng.IntN(4)]
			if rng.IntN(20) == 0 {
				b.Items[i].Available = &no
			}
		}
		for _, goal := range goals {
			b.Meta.Blends = append(b.Meta.Blends, someBlend(rng, goal))
		}
		change(b)
	})
}

// sparse makes a table of n rows with up to most entries each; every tenth row has none.
func sparse(rng *rand.Rand, n, most int) *model.Sparse {
	s := &model.Sparse{Start: []int{0}}
	for i := range n {
		to := rng.Perm(n)[:rng.IntN(min(most, n))]
		if i%10 == 3 {
			to = nil
		}
		slices.Sort(to)
		for _, j := range to {
			if j != i {
				s.Item, s.Weight = append(s.Item, uint32(j)), append(s.Weight, float32(rng.ExpFloat64()+1e-3))
			}
		}
		s.Start = append(s.Start, len(s.Item))
	}
	return s
}

func someBlend(rng *rand.Rand, goal model.Goal) model.Blend {
	days := func() float64 { return float64(rng.IntN(3) * 60) }
	b := model.Blend{Goal: goal, TableHalfLifeDays: days(), FactorHalfLifeDays: days(), RepeatHalfLifeDays: days(), SessionPower: rng.Float64() * 3}
	weight := func() float32 { return max(0, rng.Float32()*4-1) }
	for _, from := range []int{rng.IntN(2), 3, 10}[:1+rng.IntN(3)] {
		b.Stages = append(b.Stages, model.Stage{
			From: from, Table: weight(), Factors: weight(), Popular: weight(), Repeat: weight(), Session: weight(), Past: weight(),
		})
	}
	return b
}

var goals = []model.Goal{model.GoalNew, model.GoalAny, model.GoalNext}

// someVisits makes a history of up to h visits over two years, the newest of them in the session under way.
func someVisits(rng *rand.Rand, n, h int) []Recent {
	list := make([]Recent, rng.IntN(h+1))
	session := rng.IntN(len(list) + 1)
	for i := range list {
		list[i] = Recent{Row: edged.Row(rng.IntN(n + n/20)), Weight: float32(rng.IntN(5)) / 2, Session: i < session}
		list[i].Type = []edged.EventType{"", edged.View, edged.Purchase, edged.Like}[rng.IntN(4)]
		if rng.IntN(8) > 0 {
			list[i].Time = created.Add(time.Duration(20-i*rng.IntN(40)) * 24 * time.Hour).UnixMilli()
		}
	}
	return list
}

func someRequest(rng *rand.Rand, m *model.Model) *Request {
	q := &Request{Recent: someVisits(rng, m.Len(), []int{3, 12, 40}[rng.IntN(3)]), N: 1 + rng.IntN(60), ExcludeSeen: rng.IntN(2) == 0, Explain: rng.IntN(2) == 0}
	q.Goal = append(goals, "", "")[rng.IntN(5)]
	q.Offset = rng.IntN(2) * rng.IntN(80)
	q.Setting.Country = []string{"", "GB"}[rng.IntN(2)]
	for range rng.IntN(5) {
		q.Exclude = append(q.Exclude, edged.Row(rng.IntN(m.Len()+5)))
	}
	if rng.IntN(3) == 0 {
		var s model.FilterScratch
		q.Only = new(model.Selection)
		brand := model.In("brand", []string{"a", "b", "none"}[rng.IntN(3)])
		if err := m.Select(q.Only, &brand, &s); err != nil {
			panic(err)
		}
		if rng.IntN(2) == 0 {
			m.Prepare(q.Only)
		}
	}
	return q
}

// goalOf says plainly what Request.Goal and Ranker.Goal promise, and blendOf which blend answers.
func goalOf(m *model.Model, q *Request) model.Goal {
	session, before := false, false
	for _, r := range q.Recent {
		if r.Weight > 0 && int(r.Row) < m.Len() {
			session, before = session || r.Session, before || !r.Session
		}
	}
	switch {
	case q.Goal != "":
		return q.Goal
	case session && m.Blend(model.GoalNext) != nil && !(before && q.ExcludeSeen):
		return model.GoalNext
	case q.ExcludeSeen:
		return model.GoalNew
	}
	return model.GoalAny
}

func blendOf(m *model.Model, q *Request) *model.Blend {
	order := map[model.Goal][]model.Goal{
		model.GoalNew: {model.GoalNew}, model.GoalAny: {model.GoalAny, model.GoalNew}, model.GoalNext: {model.GoalNext, model.GoalAny, model.GoalNew},
	}[goalOf(m, q)]
	for i, goal := range order {
		if b := m.Blend(goal); b != nil && !(i == 1 && goal == model.GoalAny && q.ExcludeSeen) {
			return b
		}
	}
	return nil
}

// leaves says which rows a request leaves.
func leaves(m *model.Model, q *Request) func(edged.Row) bool {
	left := leavesOf(m, q)
	return func(row edged.Row) bool { return m.Available(row) && left(row) }
}

// leavesOf is leaves whatever is available.
func leavesOf(m *model.Model, q *Request) func(edged.Row) bool {
	barred := map[edged.Row]bool{}
	for _, row := range q.Exclude {
		barred[row] = true
	}
	for _, r := range q.Recent {
		if q.ExcludeSeen || r.Session && goalOf(m, q) == model.GoalNext {
			barred[r.Row] = true
		}
	}
	return func(row edged.Row) bool {
		return !barred[row] && (q.Only == nil || q.Only.Has(row))
	}
}

// The answer of a blend is what the plain computation gives, item by item, score by score, share by share.
func TestBlendIsThePlainSum(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 1))
	var a Answer
	var s Scratch
	unsure, asked, models := 0, 0, 30
	if testkit.Race {
		models = 6
	}
	for k := range models {
		m := blended(t, rng, []int{60, 300, 700}[k%3], goals[:1+k%3]...)
		r := ranker(m)
		for range 40 {
			q := someRequest(rng, m)
			b := blendOf(m, q)
			o := newOracle(m, b, q.Recent)
			may := leaves(m, q)
			listed := q.Only != nil && !isDense(q.Only)
			want, sure := o.ranking(may, listed)
			if asked++; !sure {
				unsure++
				continue
			}
			if len(o.rows) == 0 {
				want = nil
			}
			r.Recommend(&a, &s, q)
			checkBlended(t, m, q, o, &a, want, may)
			if t.Failed() {
				t.Fatalf("model %d: goal %q, blend %+v, stage %+v, %+v", k, q.Goal, b, o.stage, q)
			}
		}
	}
	if unsure > asked/20 {
		t.Errorf("%d of %d requests could not be judged", unsure, asked)
	}
}

func isDense(s *model.Selection) bool { return s.Bits() != nil }

func checkBlended(t *testing.T, m *model.Model, q *Request, o *oracle, a *Answer, want []judged, may func(edged.Row) bool) {
	t.Helper()
	scores := map[edged.Row]float64{}
	for _, w := range want {
		scores[w.row] = w.score
	}
	possible := 0
	for row := range edged.Row(m.Len()) {
		if may(row) {
			possible++
		}
	}
	if n := max(0, min(q.N, possible-q.Offset)); len(a.Items) != n {
		t.Errorf("%d items, want %d", len(a.Items), n)
		return
	}
	want = want[min(q.Offset, len(want)):]
	want = want[:min(len(want), len(a.Items))]
	came := map[edged.Row]bool{}
	for i := range a.Items {
		item := &a.Items[i]
		if came[item.Row] || !may(item.Row) {
			t.Errorf("item %d: row %d twice, or not to come", i, item.Row)
		}
		came[item.Row] = true
		if personal := item.Level <= Session; personal != (i < len(want)) {
			t.Errorf("item %d: %+v, want %d of the blend", i, item, len(want))
			return
		} else if personal {
			checkItem(t, i, item, want[i].score, scores[item.Row], o.slack(want[i].row)+o.slack(item.Row))
			checkLevel(t, o, item)
			if q.Explain {
				checkShares(t, o, item)
			} else if item.Reason.Code != "" {
				t.Errorf("item %d: a reason nobody asked for", i)
			}
		}
	}
}

// checkItem: the i-th score is the oracle's i-th, and the row's own. Rows of nearly equal scores may change places.
func checkItem(t *testing.T, i int, item *Item, ith, own, slack float64) {
	t.Helper()
	tolerance := 1e-5*(1+math.Abs(ith)) + slack
	if math.Abs(float64(item.Score)-ith) > tolerance || math.Abs(float64(item.Score)-own) > tolerance {
		t.Errorf("item %d: row %d scores %g, want %g; the place's score is %g", i, item.Row, item.Score, own, ith)
	}
}

func checkLevel(t *testing.T, o *oracle, item *Item) {
	t.Helper()
	want := Session
	for _, x := range o.past {
		if x >= 0 {
			want = Personal
		}
	}
	if item.Level != want {
		t.Errorf("level %s, want %s", item.Level, want)
	}
}

func checkShares(t *testing.T, o *oracle, item *Item) {
	t.Helper()
	want, reason := o.judge(item.Row), &item.Reason
	if own := want.shares[item.Row]; own > 0 {
		want.repeat += own
		delete(want.shares, item.Row)
	}
	tolerance := 1e-5*(1+math.Abs(want.score)) + o.slack(item.Row)
	sum := float64(reason.Rest) + float64(reason.Terms.Popular) + float64(reason.Terms.Repeat) + float64(reason.Terms.Past) + float64(reason.Terms.Boost)
	rest := 0.0
	for _, share := range want.shares {
		rest += share
	}
	for i, row := range reason.Rows {
		share := float64(reason.Shares[i])
		sum += share
		rest -= want.shares[row]
		if math.Abs(share-want.shares[row]) > tolerance || share <= 0 || i > 0 && share > float64(reason.Shares[i-1]) {
			t.Errorf("row %d: share %g of %d, want %g", item.Row, share, row, want.shares[row])
		}
		delete(want.shares, row)
	}
	for row, share := range want.shares {
		if n := len(reason.Shares); n < maxReasons && share > tolerance || n == maxReasons && share > float64(reason.Shares[n-1])+tolerance {
			t.Errorf("row %d: the share %g of %d is not named", item.Row, share, row)
		}
	}
	if math.Abs(sum-float64(item.Score)) > 1e-4 {
		t.Errorf("row %d: all shares are %g, the score %g", item.Row, sum, item.Score)
	}
	for _, p := range [][2]float64{
		{float64(reason.Rest), rest}, {float64(reason.Terms.Popular), want.popular}, {float64(reason.Terms.Repeat), want.repeat}, {float64(reason.Terms.Past), want.past}, {float64(reason.Terms.Boost), want.boost},
	} {
		if math.Abs(p[0]-p[1]) > tolerance {
			t.Errorf("row %d: rest or term %g, want %g", item.Row, p[0], p[1])
		}
	}
	if reason.Code == "" {
		t.Errorf("row %d: no code", item.Row)
	}
}

func TestPagesOfABlendContinueOneList(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 2))
	for range 20 {
		m := blended(t, rng, 400, goals...)
		r, q := ranker(m), someRequest(rng, m)
		q.Offset, q.N = 0, 400
		whole := recommend(r, q)
		var paged []Item
		for q.N = 7; q.Offset < 420; q.Offset += q.N {
			paged = append(paged, recommend(r, q).Items...)
		}
		if len(paged) != len(whole.Items) {
			t.Fatalf("pages give %d items, the whole list %d", len(paged), len(whole.Items))
		}
		for i := range paged {
			if paged[i].Row != whole.Items[i].Row || paged[i].Score != whole.Items[i].Score || paged[i].Source != whole.Items[i].Source {
				t.Fatalf("item %d: %+v, want %+v", i, paged[i], whole.Items[i])
			}
		}
	}
}

func TestABlendAllocatesNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 3))
	m := blended(t, rng, 700, goals...)
	r, a, s := ranker(m), new(Answer), new(Scratch)
	q := make([]*Request, 20)
	for i := range q {
		q[i] = someRequest(rng, m)
	}
	testkit.Allocs(t, 0, func() {
		for _, q := range q {
			r.Recommend(a, s, q)
		}
	})
}

// Whenever time runs out, N items come, and those of the blend are told by what was there in time.
func TestABlendKeepsItsDeadline(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 4))
	m := blended(t, rng, 500, goals...)
	for range 40 {
		q := someRequest(rng, m)
		q.Deadline, q.Now, q.Explain = created.Add(time.Minute), created, true
		want := recommend(New(m, Release{}).WithClock(at(created)), q)
		if want.Truncated {
			t.Fatal("truncated in time")
		}
		for looks := 0; ; looks++ {
			seen := 0
			clock := func() time.Time {
				if seen++; seen > looks {
					return created.Add(time.Hour)
				}
				return created
			}
			a := recommend(New(m, Release{}).WithClock(clock), q)
			if len(a.Items) != len(want.Items) {
				t.Fatalf("%d looks at the clock: %d items, want %d", looks, len(a.Items), len(want.Items))
			}
			if seen <= looks { // it never was late
				break
			}
			if !a.Truncated {
				t.Fatalf("%d looks at the clock: not said to be truncated", looks)
			}
			for i := range a.Items {
				if a.Items[i].Level <= Session {
					checkSum(t, &a.Items[i])
				}
			}
		}
	}
}

func checkSum(t *testing.T, item *Item) {
	t.Helper()
	reason := &item.Reason
	sum := reason.Rest + reason.Terms.sum()
	for _, share := range reason.Shares {
		sum += share
	}
	if math.Abs(float64(sum-item.Score)) > 1e-4 {
		t.Fatalf("%+v", item)
	}
}

// Where YᵀY is diagonal, σ_A is the deviation of the scores.
func TestDeviationOfTheFactors(t *testing.T) {
	const n = 8 // rows of a Hadamard matrix, each of its columns orthogonal to the others, with a mean or without
	m := random(t, rand.New(rand.NewPCG(21, 5)), n, 5, func(b *model.Build) {
		for i := range n {
			for k, length := range []float64{3, 2, 1, .5, 4} {
				sign := 1 - 2*float64(bits.OnesCount(uint(i&k))&1)
				b.Vectors[i*5+k] = float32(sign * length)
			}
		}
		b.Meta.Blends = []model.Blend{{Goal: model.GoalNew, Stages: []model.Stage{{Factors: 1}}}}
	})
	s := new(Scratch)
	New(m, Release{}).FoldIn(nil, s, weights(1, 2, 4))
	var sum, squares float64
	for row := range edged.Row(n) {
		x := score64(m, s.fold.x, row)
		sum, squares = sum+x, squares+x*x
	}
	want := math.Sqrt(squares/n - sum*sum/n/n)
	if got := s.fold.deviation(m); math.Abs(got-want) > .01*want || want == 0 {
		t.Errorf("σ %g, want %g", got, want)
	}
}

// With the blend of a goal missing the next humbler one answers, without any the factors alone.
func TestTheBlendOfAGoal(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 6))
	for name, tc := range map[string]struct {
		blends []model.Goal
		q      Request
		want   model.Goal
	}{
		"any for next":            {goals[:2], Request{Goal: model.GoalNext}, model.GoalAny},
		"new for next, seen out":  {goals[:2], Request{Goal: model.GoalNext, ExcludeSeen: true}, model.GoalNew},
		"new for any":             {goals[:1], Request{Goal: model.GoalAny}, model.GoalNew},
		"next itself":             {goals, Request{Goal: model.GoalNext, ExcludeSeen: true}, model.GoalNext},
		"no session: no next":     {goals, Request{Recent: weights(1)}, model.GoalAny},
		"no session, seen out":    {goals, Request{Recent: weights(1), ExcludeSeen: true}, model.GoalNew},
		"nothing humbler than":    {goals[1:], Request{Goal: model.GoalNew}, ""},
		"no blends: the factors":  {nil, Request{}, ""},
		"a session":               {goals, Request{Recent: []Recent{{Row: 1, Weight: 1, Session: true}}, ExcludeSeen: true}, model.GoalNext},
		"a session and the past":  {goals, Request{Recent: []Recent{{Row: 1, Weight: 1, Session: true}, {Row: 2, Weight: 1}}}, model.GoalNext},
		"the past, seen out":      {goals, Request{Recent: []Recent{{Row: 1, Weight: 1, Session: true}, {Row: 2, Weight: 1}}, ExcludeSeen: true}, model.GoalNew},
		"a session of no weight":  {goals, Request{Recent: []Recent{{Row: 1, Session: true}}}, model.GoalAny},
		"a session, without next": {goals[:2], Request{Recent: []Recent{{Row: 1, Weight: 1, Session: true}}}, model.GoalAny},
	} {
		r := ranker(blended(t, rng, 60, tc.blends...))
		got := model.Goal("")
		if p := r.planFor(r.Goal(&tc.q), tc.q.ExcludeSeen); p != nil {
			got = p.Goal
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// Decayed to nothing, or of no length: the answer has no NaN and is full.
func TestABlendOfNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 7))
	m := blended(t, rng, 60, model.GoalAny)
	plain := random(t, rng, 60, 4, func(b *model.Build) {
		clear(b.Vectors)
		b.Meta.A0, b.Meta.Nu = 0, 4
		all := model.Stage{Factors: 1, Popular: 1, Repeat: 1, Past: 1}
		b.PopularZ, b.RepeatQ = make([]float32, 60), make([]float32, 60)
		b.Meta.Blends = []model.Blend{{Goal: model.GoalAny, FactorHalfLifeDays: 1e-3, RepeatHalfLifeDays: 1e-3, TableHalfLifeDays: 1e-3, Stages: []model.Stage{all}}}
	})
	for _, m := range []*model.Model{m, plain} {
		q := &Request{N: 60, Explain: true, Recent: []Recent{{Row: 1, Weight: 1e-30, Time: 1}, {Row: 2, Weight: 1, Time: -5}, {Row: 3, Weight: 9, Time: math.MinInt64}}}
		for _, times := range []int64{1, created.UnixMilli(), math.MaxInt64} {
			q.Recent[2].Time = times
			a := recommend(ranker(m), q)
			if len(a.Items) < 50 {
				t.Errorf("%d items", len(a.Items))
			}
			for _, item := range a.Items {
				if item.Score-item.Score != 0 || item.Reason.Rest-item.Reason.Rest != 0 {
					t.Errorf("%+v", item)
				}
			}
		}
	}
}
