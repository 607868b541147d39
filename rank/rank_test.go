package rank

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/testkit"
	"github.com/edged/edged/model"
	"github.com/edged/edged/trend"
)

var created = time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)

// random makes a model of random vectors: ids i000 …, popularity falling with the row, trends for GB and everywhere.
func random(t testing.TB, rng *rand.Rand, n, dim int, change func(*model.Build)) *model.Model {
	t.Helper()
	b := &model.Build{Meta: model.Meta{Dim: dim, Users: 10, Created: created, A0: .1, Reg: .01, Nu: 1}}
	for i := range n {
		b.IDs = append(b.IDs, fmt.Sprintf("i%0*d", len(fmt.Sprint(max(n-1, 999))), i))
		b.Popularity = append(b.Popularity, float32(n-i))
		b.Items = append(b.Items, edged.Item{ID: b.IDs[i]})
		length := math.Exp(.5 * rng.NormFloat64())
		for range dim {
			b.Vectors = append(b.Vectors, float32(rng.NormFloat64()*length))
		}
	}
	if change != nil {
		change(b)
	}
	return write(t, b)
}

func write(t testing.TB, b *model.Build) *model.Model {
	t.Helper()
	var mb, cb bytes.Buffer
	if err := b.WriteModel(&mb); err != nil {
		t.Fatal(err)
	}
	if err := b.WriteCatalogue(&cb); err != nil {
		t.Fatal(err)
	}
	m, err := model.Parse(mb.Bytes(), cb.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func withTrends(b *model.Build) {
	b.Trends = []model.Trend{
		{Rows: []edged.Row{20, 21, 22, 5}, Scores: []float32{9, 8, 7, 6}},
		{Setting: edged.Setting{Country: "GB"}, Rows: []edged.Row{30, 31, 20}, Scores: []float32{3, 2, 1}},
	}
}

func at(now time.Time) func() time.Time { return func() time.Time { return now } }

func ranker(m *model.Model) *Ranker { return New(m, Release{ID: "1-test"}).WithClock(at(created)) }

func weights(rows ...edged.Row) []Recent {
	var list []Recent
	for _, row := range rows {
		list = append(list, Recent{Row: row, Weight: 1, Type: edged.View})
	}
	return list
}

func rowsOf(a *Answer) []edged.Row {
	var rows []edged.Row
	for _, item := range a.Items {
		rows = append(rows, item.Row)
	}
	return rows
}

func live(ids ...string) *trend.List {
	list := &trend.List{}
	for i, id := range ids {
		list.Entries = append(list.Entries, trend.Entry{ID: id, Score: float64(100 - i)})
	}
	return list
}

func recommend(r *Ranker, q *Request) *Answer {
	a := new(Answer)
	r.Recommend(a, new(Scratch), q)
	return a
}

// Every row scored in float64 by the dense fold-in, sorted: the personal part must be this.
func TestPersonalPartIsTheBruteForceRanking(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 1))
	m := random(t, rng, 200, 16, nil)
	r := ranker(m)
	for round := range 30 {
		recent := someHistory(rng, m.Len(), 1+rng.IntN(30))
		recent[0].Weight = 1
		x := eliminate(dense(m, recent))
		a := recommend(r, &Request{Recent: recent, ExcludeSeen: true, N: 20})
		last := math.Inf(1)
		for i, item := range a.Items {
			if item.Source != SourcePersonal {
				break
			}
			score := score64(m, x, item.Row)
			if math.Abs(score-float64(item.Score)) > 1e-4 {
				t.Fatalf("round %d item %d: score %g, want %g", round, i, item.Score, score)
			}
			last = min(last, score)
		}
		for row := range edged.Row(m.Len()) {
			seen := slices.ContainsFunc(recent, func(r Recent) bool { return r.Row == row })
			if got := slices.Contains(rowsOf(a), row); !got && !seen && score64(m, x, row) > max(last, 0)+1e-4 {
				t.Fatalf("round %d: row %d with score %g is missing", round, row, score64(m, x, row))
			}
		}
	}
}

func score64[T float32 | float64](m *model.Model, x []T, row edged.Row) (score float64) {
	for k, y := range m.AppendVector(nil, row) {
		score += y * float64(x[k])
	}
	return score
}

// Whatever is asked: N items whenever N exist, none twice, none that may not come, sources in the ladder's order.
func TestAnswersAreFullAndClean(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 2))
	no := false
	m := random(t, rng, 50, 6, func(b *model.Build) {
		withTrends(b)
		b.Items[7].Available, b.Items[30].Available = &no, &no
		b.Items[8].Expires = created.UnixMilli()
	})
	r := ranker(m)
	var a Answer
	var s Scratch
	for range 500 {
		q := &Request{Recent: someHistory(rng, 60, rng.IntN(8)), ExcludeSeen: rng.IntN(2) == 0, N: rng.IntN(60), Explain: rng.IntN(2) == 0}
		q.Setting.Country = []string{"", "GB", "FR"}[rng.IntN(3)]
		if rng.IntN(2) == 0 {
			q.Live, q.LiveGlobal = live("i040", "gone", "i007", "i041", "i040"), live("i042", "i041")
		}
		for range rng.IntN(5) {
			q.Exclude = append(q.Exclude, edged.Row(rng.IntN(60)))
		}
		r.Recommend(&a, &s, q)
		checkAnswer(t, m, q, &a)
	}
}

func checkAnswer(t *testing.T, m *model.Model, q *Request, a *Answer) {
	t.Helper()
	barred := map[edged.Row]bool{7: true, 8: true, 30: true}
	for _, row := range q.Exclude {
		barred[row] = true
	}
	for _, r := range q.Recent {
		barred[r.Row] = barred[r.Row] || q.ExcludeSeen
	}
	possible := 0
	for row := range edged.Row(m.Len()) {
		if !barred[row] {
			possible++
		}
	}
	if want := min(q.N, possible); len(a.Items) != want {
		t.Fatalf("%d items, want %d", len(a.Items), want)
	}
	var level Level
	for i, item := range a.Items {
		if barred[item.Row] {
			t.Fatalf("item %d: row %d may not come", i, item.Row)
		}
		barred[item.Row] = true // not again
		if item.Level < level || item.Source == SourcePersonal && (item.Level != Personal || item.Score <= 0) {
			t.Fatalf("item %d: %+v after level %s", i, item, level)
		}
		level = item.Level
	}
	if len(a.Items) > 0 && a.Level != a.Items[0].Level || len(a.Items) == 0 && a.Level != Static {
		t.Fatalf("level %s", a.Level)
	}
}

// What is withheld is skipped inside the search: it takes no place from personal items further down.
func TestWithheldItemsMakeRoomForPersonalOnes(t *testing.T) {
	no := false
	withhold := func(b *model.Build) {
		for i := range b.Items {
			if i%4 != 0 {
				b.Items[i].Available = &no
			}
		}
	}
	m := random(t, rand.New(rand.NewPCG(12, 14)), 400, 6, withhold)
	for _, item := range recommend(ranker(m), &Request{Recent: weights(1, 2), N: 20}).Items {
		if item.Source != SourcePersonal || item.Row%4 != 0 {
			t.Errorf("%+v", item)
		}
	}
}

func TestLadder(t *testing.T) {
	m := random(t, rand.New(rand.NewPCG(12, 3)), 50, 6, withTrends)
	r := ranker(m)
	a := recommend(r, &Request{N: 9, Setting: edged.Setting{Country: "GB"}, Live: live("i040", "unknown", "i031"), LiveGlobal: live("i041", "i040"), Explain: true})
	want := []Item{
		{Row: 40, Score: 100, Source: SourceLive, Level: Regional}, {Row: 31, Score: 98, Source: SourceLive, Level: Regional},
		{Row: 30, Score: 3, Source: SourceTrend, Level: Regional}, {Row: 20, Score: 1, Source: SourceTrend, Level: Regional},
		{Row: 41, Score: 100, Source: SourceLive, Level: Global}, {Row: 21, Score: 8, Source: SourceTrend, Level: Global},
		{Row: 22, Score: 7, Source: SourceTrend, Level: Global}, {Row: 5, Score: 6, Source: SourceTrend, Level: Global},
		{Row: 0, Score: 50, Source: SourcePopular, Level: Global},
	}
	codes := []string{TrendingIn, TrendingIn, TrendingIn, TrendingIn, Trending, Trending, Trending, Trending, Popular}
	for i, item := range a.Items {
		if item.Row != want[i].Row || item.Score != want[i].Score || item.Source != want[i].Source || item.Level != want[i].Level ||
			item.Reason.Code != codes[i] {
			t.Errorf("item %d: %+v, want %+v because %s", i, item, want[i], codes[i])
		}
	}
	if a.Level != Regional || len(a.Items) != len(want) {
		t.Errorf("level %s, %d items", a.Level, len(a.Items))
	}
	for country, level := range map[string]Level{"": Global, "FR": Global, "GB": Regional} {
		if a := recommend(r, &Request{N: 3, Setting: edged.Setting{Country: country}}); a.Level != level {
			t.Errorf("%q without anything live: level %s, want %s", country, a.Level, level)
		}
	}
	if a := recommend(r, &Request{N: 3, Recent: weights(1, 2)}); a.Level != Personal {
		t.Errorf("with a history: level %s", a.Level)
	}
}

// TestLadderBySetting: the narrowest list of the setting comes before those of the country, and says whose it is.
func TestLadderBySetting(t *testing.T) {
	list := func(row edged.Row, at edged.Setting) model.Trend {
		return model.Trend{Setting: at, Rows: []edged.Row{row}, Scores: []float32{1}}
	}
	m := random(t, rand.New(rand.NewPCG(12, 3)), 50, 6, func(b *model.Build) {
		b.Trends = []model.Trend{
			list(1, edged.Setting{}), list(2, edged.Setting{Country: "GB"}), list(3, edged.Setting{Device: "phone"}), list(4, edged.Setting{Country: "GB", Device: "phone"}),
			list(5, edged.Setting{Daypart: edged.Night}), list(6, edged.Setting{Device: "phone", Daypart: edged.Night}),
		}
	})
	r := ranker(m)
	for _, c := range []struct {
		at   edged.Setting
		want []edged.Row
	}{
		{edged.Setting{}, []edged.Row{1}},
		{edged.Setting{Device: "tablet", Referrer: "x"}, []edged.Row{1}},
		{edged.Setting{Country: "GB"}, []edged.Row{2, 1}},
		{edged.Setting{Country: "FR", Device: "phone"}, []edged.Row{3, 1}},
		{edged.Setting{Country: "GB", Device: "phone", Referrer: "news.example"}, []edged.Row{4, 2, 1}},
		{edged.Setting{Country: "GB", Device: "phone", Daypart: edged.Night}, []edged.Row{4, 2, 1}}, // of two parts, the earlier ones
		{edged.Setting{Device: "phone", Daypart: edged.Night}, []edged.Row{6, 1}},
		{edged.Setting{Country: "GB", Device: "tablet", Daypart: edged.Night}, []edged.Row{5, 2, 1}},
	} {
		q := &Request{N: len(c.want), Setting: c.at, Explain: true}
		a := recommend(r, q)
		var got []edged.Row
		for _, item := range a.Items {
			got = append(got, item.Row)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.at, got, c.want)
		}
		if narrow := c.want[0] > 2; narrow != (a.Level == Segment) || narrow != (a.Items[0].Reason.Code == TrendingAmong) {
			t.Errorf("%s: level %s, %s", c.at, a.Level, a.Items[0].Reason.Code)
		}
		s := new(Scratch)
		if n := testing.AllocsPerRun(10, func() { r.Recommend(a, s, q) }); n > 0 {
			t.Errorf("%s: %v allocations", c.at, n)
		}
	}
}

func TestPagesContinueOneList(t *testing.T) {
	m := random(t, rand.New(rand.NewPCG(12, 4)), 300, 6, withTrends)
	r := ranker(m)
	whole := recommend(r, &Request{Recent: weights(1, 2, 3), ExcludeSeen: true, Setting: edged.Setting{Country: "GB"}, N: 300})
	var paged []edged.Row
	for offset := 0; offset < 320; offset += 7 {
		a := recommend(r, &Request{Recent: weights(1, 2, 3), ExcludeSeen: true, Setting: edged.Setting{Country: "GB"}, N: 7, Offset: offset})
		paged = append(paged, rowsOf(a)...)
	}
	if len(whole.Items) != 297 || !slices.Equal(rowsOf(whole), paged) {
		t.Errorf("pages give %d items, the whole list %d", len(paged), len(whole.Items))
	}
	for _, q := range []Request{{N: 5, Offset: MaxDepth}, {N: 5, Offset: math.MaxInt}, {N: -5}, {N: 0}} {
		if a := recommend(r, &q); len(a.Items) != 0 {
			t.Errorf("%+v: %d items", q, len(a.Items))
		}
	}
	if a := recommend(r, &Request{N: math.MaxInt, Offset: -3}); len(a.Items) != 300 {
		t.Errorf("endless N: %d items", len(a.Items))
	}
}

func TestReasonsSumToTheScore(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 5))
	m := random(t, rng, 100, 8, nil)
	r := ranker(m)
	for _, h := range []int{1, 2, 6, 30} {
		recent := someHistory(rng, m.Len(), h)
		recent[0].Weight = 1
		a := recommend(r, &Request{Recent: recent, N: 30, Explain: true})
		for _, item := range a.Items {
			if item.Source == SourcePersonal {
				checkReason(t, m, recent, &item)
			}
		}
	}
}

func checkReason(t *testing.T, m *model.Model, recent []Recent, item *Item) {
	t.Helper()
	reason := item.Reason
	own := slices.ContainsFunc(recent, func(v Recent) bool { return v.Row == item.Row && v.Weight > 0 })
	sum := reason.Rest + reason.Terms.sum()
	for i, share := range reason.Shares {
		if sum += share; reason.Rows[i] == item.Row {
			t.Errorf("%+v is there because of itself", item)
		}
		if share <= 0 || i > 0 && share > reason.Shares[i-1] {
			t.Errorf("shares %v", reason.Shares)
		}
	}
	if math.Abs(float64(sum-item.Score)) > 1e-4 || len(reason.Rows) > 3 || len(reason.Rows) == 0 && !own || own != (reason.Terms.Repeat > 0) || len(reason.Rows) != len(reason.Shares) {
		t.Errorf("%+v", item)
	}
	var s Scratch
	New(m, Release{}).FoldIn(nil, &s, recent)
	var all, told float64
	for i, share := range s.fold.shares(m, item.Row) {
		if s.fold.rows[i] != item.Row {
			all += share
		}
	}
	for i, row := range reason.Rows {
		at := slices.Index(s.fold.rows, row)
		told += s.fold.shares(m, item.Row)[at]
		if d := s.fold.shares(m, item.Row)[at] - float64(reason.Shares[i]); math.Abs(d) > 1e-6 {
			t.Errorf("share of row %d: off by %g", row, d)
		}
	}
	if rows := slices.Sorted(slices.Values(reason.Rows)); len(slices.Compact(rows)) != len(reason.Rows) {
		t.Errorf("an item of the history is named twice: %v", reason.Rows)
	}
	if math.Abs(all-told-float64(reason.Rest)) > 1e-4 {
		t.Errorf("rest %g, want %g", reason.Rest, all-told)
	}
}

func TestReasonNamesWhatWasDone(t *testing.T) {
	m := random(t, rand.New(rand.NewPCG(12, 6)), 40, 4, nil)
	for kind, code := range map[edged.EventType]string{
		edged.Purchase: BecauseBought, edged.View: BecauseViewed, edged.Click: BecauseViewed, edged.Like: BecauseLiked, "": SimilarTo,
	} {
		a := recommend(ranker(m), &Request{Recent: []Recent{{Row: 3, Weight: 0, Type: "x"}, {Row: 3, Weight: 1, Type: kind}}, N: 2, Explain: true})
		if own := &a.Items[0]; own.Row != 3 || own.Reason.Code != BuyAgain || len(own.Reason.Rows) > 0 || math.Abs(float64(own.Reason.Terms.Repeat-own.Score)) > 1e-4 {
			t.Errorf("%q: the item itself: %+v", kind, own)
		}
		if got := a.Items[1].Reason.Code; got != code {
			t.Errorf("%q: %q, want %q", kind, got, code)
		}
		if a := recommend(ranker(m), &Request{Recent: weights(3), N: 1}); a.Items[0].Reason.Code != "" {
			t.Errorf("a reason nobody asked for: %+v", a.Items[0])
		}
	}
}

// Where no item of the history speaks for one, by rounding, the reason says none does, as similar to nothing it would be no reason.
func TestNothingSpeaksForAnItem(t *testing.T) {
	visits := []Recent{{Row: 1, Weight: 1, Type: edged.Purchase}, {Row: 2, Weight: 1}}
	for _, c := range []struct {
		shares []float64
		terms  Terms
		row    edged.Row
		code   string
	}{
		{[]float64{-1e-9, 0}, Terms{}, 5, ForYou}, {[]float64{-1e-9, 0}, Terms{Boost: 1}, 5, ForYou}, {nil, Terms{}, 5, ForYou}, {[]float64{-1e-9, 0}, Terms{Past: .1}, 5, BuyAgain},
		{[]float64{.1, -1}, Terms{}, 5, BecauseBought}, {[]float64{-1, .1}, Terms{}, 5, SimilarTo}, {[]float64{.2, .1}, Terms{}, 1, BuyAgain}, {[]float64{.1, .2}, Terms{}, 1, SimilarTo},
	} {
		var a Answer
		item := Item{Row: c.row, Score: .3, Source: SourcePersonal, Reason: Reason{Terms: c.terms}}
		a.tell(&item, []edged.Row{1, 2}[:len(c.shares)], slices.Clone(c.shares), visits)
		if r := item.Reason; r.Code != c.code || (len(r.Rows) == 0) != (c.code == ForYou || c.shares[1] == 0) || slices.Contains(r.Rows, c.row) {
			t.Errorf("%+v: %+v", c, r)
		}
		checkSum(t, &item)
	}
}

func TestExpiryFollowsTheClock(t *testing.T) {
	no := false
	m := random(t, rand.New(rand.NewPCG(12, 7)), 10, 4, func(b *model.Build) {
		b.Items[0].Available = &no
		b.Items[1].Expires = created.Add(time.Hour).UnixMilli()
		b.Items[2].Expires = created.Add(2 * time.Hour).UnixMilli()
	})
	r := ranker(m)
	for _, tc := range []struct {
		hours float64
		want  edged.Row
	}{{0, 1}, {.99, 1}, {1, 2}, {1.5, 2}, {2, 3}, {1.5, 2}, {0, 1}} {
		now := created.Add(time.Duration(tc.hours * float64(time.Hour)))
		if a := recommend(r, &Request{N: 1, Now: now}); a.Items[0].Row != tc.want {
			t.Errorf("after %g h: row %d, want %d", tc.hours, a.Items[0].Row, tc.want)
		}
		var a Answer
		r.WithClock(at(now)).Popular(&a, new(Scratch), nil, nil, 1)
		if a.Items[0].Row != tc.want {
			t.Errorf("popular after %g h: row %d, want %d", tc.hours, a.Items[0].Row, tc.want)
		}
	}
}

func TestOnlyTheNewestCount(t *testing.T) {
	m := random(t, rand.New(rand.NewPCG(12, 8)), MaxHistory+100, 8, nil)
	var long []Recent
	for i := range MaxHistory + 50 {
		long = append(long, Recent{Row: edged.Row(i), Weight: 1})
	}
	a := recommend(ranker(m), &Request{Recent: long, ExcludeSeen: true, N: 20})
	b := recommend(ranker(m), &Request{Recent: long[:MaxHistory], Exclude: rowsFrom(long), N: 20})
	if !slices.Equal(rowsOf(a), rowsOf(b)) {
		t.Errorf("got %v want %v", rowsOf(a), rowsOf(b))
	}
}

func rowsFrom(recent []Recent) (rows []edged.Row) {
	for _, r := range recent {
		rows = append(rows, r.Row)
	}
	return rows
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 9))
	no := false
	m := random(t, rng, 2000, 32, func(b *model.Build) {
		withTrends(b)
		b.Items[3].Available = &no
		b.Neighbours, b.NeighbourScores = ring(2000, 4)
	})
	r := ranker(m)
	a, s := new(Answer), new(Scratch)
	q := &Request{Recent: someHistory(rng, 2000, 50), ExcludeSeen: true, N: 40, Setting: edged.Setting{Country: "GB"}, Live: live("i0040"), Exclude: []edged.Row{9, 4}}
	explained := *q
	explained.Explain = true
	for name, call := range map[string]func(){
		"recommend": func() { r.Recommend(a, s, q) }, "explained": func() { r.Recommend(a, s, &explained) },
		"similar":  func() { r.Similar(a, s, 5, nil, 30) },
		"trending": func() { r.Trending(a, s, "GB", q.Live, nil, nil, 30) }, "popular": func() { r.Popular(a, s, nil, nil, 30) },
	} {
		call()
		if n := testing.AllocsPerRun(20, call); n != 0 {
			t.Errorf("%s: %g allocations", name, n)
		}
	}
}

// ring makes each row's neighbours the k rows behind it.
func ring(n, k int) (rows []edged.Row, scores []float32) {
	for i := range n {
		for j := range k {
			rows, scores = append(rows, edged.Row((i+1+j)%n)), append(scores, 1/float32(1+j))
		}
	}
	return rows, scores
}

func TestSimilar(t *testing.T) {
	no := false
	m := random(t, rand.New(rand.NewPCG(12, 10)), 30, 6, func(b *model.Build) {
		b.Neighbours, b.NeighbourScores = ring(30, 3)
		b.Items[7].Available = &no
	})
	var a Answer
	var s Scratch
	r := ranker(m)
	r.Similar(&a, &s, 5, nil, 29)
	if got := rowsOf(&a)[:2]; !slices.Equal(got, []edged.Row{6, 8}) {
		t.Errorf("neighbours %v", got)
	}
	if it := a.Items[0]; it.Source != SourceSimilar || it.Reason.Code != SimilarTo || it.Reason.Rows[0] != 5 || it.Reason.Shares[0] != it.Score {
		t.Errorf("%+v", it)
	}
	sorted := rowsOf(&a)
	slices.Sort(sorted)
	if len(slices.Compact(sorted)) != 28 || slices.Contains(sorted, 5) || slices.Contains(sorted, 7) {
		t.Errorf("%v: want 28 rows, without 5 and 7", sorted)
	}
	if a.Items[2].Source != SourceVector || a.Items[27].Source != SourcePopular || a.Level != Session || a.Err != nil {
		t.Errorf("sources %s, %s, level %s, %v", a.Items[2].Source, a.Items[27].Source, a.Level, a.Err)
	}
	r.Similar(&a, &s, 99, nil, 3)
	if a.Level != Global || len(a.Items) != 3 {
		t.Errorf("unknown row: level %s, %d items", a.Level, len(a.Items))
	}
}

func TestTogether(t *testing.T) {
	rng := rand.New(rand.NewPCG(46, 1))
	var a Answer
	var s Scratch
	for range 40 {
		m := blended(t, rng, 40+rng.IntN(60), model.GoalNew, model.GoalNext)
		r := ranker(m)
		row := edged.Row(rng.IntN(m.Len()))
		var want []edged.Row
		var buf model.TableBuffer
		for _, table := range []*model.Table{m.Table(), m.SessionTable()} {
			list, err := table.Row(row, &buf)
			if err != nil {
				t.Fatal(err)
			}
			weights := map[edged.Row]int8{}
			for i, to := range list.Rows {
				weights[to] = list.Codes[i]
			}
			for code := int8(127); code > 0; code-- {
				for to := range edged.Row(m.Len()) {
					if weights[to] == code && r.May(to, time.Time{}) && !slices.Contains(want, to) {
						want = append(want, to)
					}
				}
			}
		}
		r.Together(&a, &s, row, nil, m.Len())
		for i, it := range a.Items {
			if it.Row == row || (it.Source == SourceTogether) != (i < len(want)) || i < len(want) && it.Row != want[i] {
				t.Fatalf("item %d of %d: %+v, want %v", i, len(want), it, want)
			}
		}
		if len(a.Items) == 0 || a.Level != a.Items[0].Level {
			t.Fatalf("%d items, level %v", len(a.Items), a.Level)
		}
		testkit.Allocs(t, 0, func() { r.Together(&a, &s, row, nil, 10) })
	}
	r := ranker(random(t, rng, 50, 8, func(*model.Build) {})) // without tables it is what Similar gives
	var similar Answer
	r.Together(&a, &s, 3, nil, 20)
	r.Similar(&similar, &s, 3, nil, 20)
	if !slices.EqualFunc(a.Items, similar.Items, func(x, y Item) bool { return x.Row == y.Row && x.Score == y.Score && x.Source == y.Source }) {
		t.Errorf("%v\n%v", a.Items, similar.Items)
	}
}

func TestTrendingAndPopular(t *testing.T) {
	m := random(t, rand.New(rand.NewPCG(12, 11)), 50, 6, withTrends)
	r, s := ranker(m), new(Scratch)
	var a Answer
	r.Trending(&a, s, "GB", live("i040", "i031"), nil, nil, 6)
	if got := rowsOf(&a); !slices.Equal(got, []edged.Row{40, 31, 30, 20, 21, 22}) || a.Level != Regional {
		t.Errorf("GB: %v %s", got, a.Level)
	}
	r.Trending(&a, s, "", live("i040"), nil, nil, 3)
	if got := rowsOf(&a); !slices.Equal(got, []edged.Row{40, 20, 21}) || a.Level != Global {
		t.Errorf("everywhere: %v %s", got, a.Level)
	}
	r.Popular(&a, s, nil, nil, 3)
	if got := rowsOf(&a); !slices.Equal(got, []edged.Row{0, 1, 2}) || a.Items[0].Score != 50 || a.Items[0].Source != SourcePopular {
		t.Errorf("popular: %+v", a.Items)
	}
}

func TestEmptyModel(t *testing.T) {
	r, s := ranker(random(t, rand.New(rand.NewPCG(12, 12)), 0, 4, nil)), new(Scratch)
	var a Answer
	r.Recommend(&a, s, &Request{Recent: weights(0, 1), N: 10, Exclude: []edged.Row{0}})
	if len(a.Items) != 0 || a.Level != Static {
		t.Errorf("%+v", a)
	}
	r.Similar(&a, s, 0, nil, 10)
	if err := r.SelfCheck(); err != nil || len(a.Items) != 0 {
		t.Errorf("%v %+v", err, a)
	}
}

func TestDeadlineTruncates(t *testing.T) {
	m := random(t, rand.New(rand.NewPCG(12, 13)), 6000, 8, func(b *model.Build) {
		for i := range b.Vectors { // equal lengths: the scan would go on to the end
			b.Vectors[i] = float32(1 - 2*(i*7919>>3&1))
		}
	})
	r := ranker(m)
	a := recommend(r, &Request{Recent: weights(1, 2), N: 500, Deadline: created.Add(-time.Second)})
	if !a.Truncated || len(a.Items) != 500 || a.Scanned >= 6000 || a.Scanned == 0 {
		t.Errorf("truncated %v, %d items, %d scanned", a.Truncated, len(a.Items), a.Scanned)
	}
	if a := recommend(r, &Request{Recent: weights(1, 2), N: 500, Deadline: created.Add(time.Second)}); a.Truncated || a.Scanned == 0 || a.Reranked < 500 {
		t.Errorf("truncated %v, %d scanned, %d reranked", a.Truncated, a.Scanned, a.Reranked)
	}
}
