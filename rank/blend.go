package rank

import (
	"math"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
	"github.com/edged/edged/quant"
)

// blend scores one request by a model.Blend:
//
//	score(j) = Table·s_T(j)/σ_T + Factors·s_A(j)/σ_A + Popular·z(j) + Repeat·r(j) + Session·s_S(j)/σ_S + Past·p(j)
//
// with the weights of the stage that the number of distinct items in the history has reached, and over I items
//
//	s_T(j) = Σ_i h_i B_ij          B the local ridge table, h_i = 0.5^(age/half-life) of the newest visit to i
//	s_S(j) = Σ_a (1+a)^-ρ T_ij     T the session table, i the item a places before the latest of the session
//	s_A(j) = x·y_j                 x the fold-in (fold.go), an observation weighing its type times 0.5^(age/half-life)
//	σ_T, σ_S                       deviations over all items, 0 where the table doesn't reach
//	σ_A = √(Σ_k x_k² Λ_k / I − (x·m)²), m the mean item vector, Λ the diagonal of YᵀY
//	z(j)                           standardised popularity of late
//	r(j) = √(Σ 0.5^(age/half-life)) q_j over all visits to j, q_j its propensity to be bought again over the mean one
//	p(j) = √(Σ 0.5^(age/half-life)) over the visits to j before this session
//
// A part whose deviation is 0 says nothing and is left out. Only candidates are scored (candidates.go), and only scores
// above 0 count. Sums over the history are in its order. A score adds up, in float32, the parts of the table, the session, popularity,
// repeats, the past and the factors, in this order, each product rounded: the same bits on every CPU.
type blend struct {
	plan    *plan
	table   sums
	session sums
	at      []uint32    // the candidates: the places of their vectors
	own     []int       // where in the history the first of them are
	mine    rowSet      // the rows of own
	extra   rowSet      // working memory of gatherMore
	query   quant.Query // the visitor's vector
	chooser chooser
	best    top
	shares  []float64

	// What the parts are multiplied with: the weight of the stage over σ; 0 where a part has nothing to say.
	byTable, byFactors, byPopular, byRepeat, bySession, byPast float32
}

// parts are the summands of one row's score.
type parts struct {
	table, factors, session float32 // these follow from the history's items, one by one
	popular, repeat, past   float32
}

// source says what speaks most for an item.
func (p *parts) source() Source {
	personal := p.table + p.factors + p.repeat + p.past
	switch {
	case p.popular > max(personal, p.session):
		return SourcePopular
	case p.session > personal:
		return SourceSession
	}
	return SourcePersonal
}

// blended adds what the blend of a plan finds.
func (r *Ranker) blended(f *fill, p *plan, recent []Recent) {
	s, b := f.s, &f.s.blend
	s.history.set(r.m, recent, p.Blend)
	if len(s.history.rows) == 0 || f.full() {
		return
	}
	r.weigh(f, p)
	r.gather(f)
	r.choose(f)
	r.chooseSpecial(f)
	level := Personal
	if s.history.sessionOnly() {
		level = Session
	}
	best := b.best.sorted()
	for _, i := range best {
		if f.full() || i.score < f.least(best[0].score) {
			return
		}
		parts := r.partsOf(s, &i)
		if item := f.add(i.row, f.scoreOf(&i), parts.source(), level); item != nil {
			item.Reason.Terms = Terms{Popular: parts.popular, Repeat: parts.repeat, Past: parts.past, Boost: f.lift(item, parts.sum())}
		}
	}
}

// weigh works out the parts that need a whole request: tables, the vector, deviations. When time is up those left are not there.
func (r *Ranker) weigh(f *fill, p *plan) {
	b, h := &f.s.blend, &f.s.history
	n, stage := r.m.Base(), p.Stage(len(h.rows))
	b.plan = p
	b.byTable, b.byFactors, b.bySession = 0, 0, 0
	b.byPopular, b.byRepeat, b.byPast = stage.Popular, stage.Repeat, stage.Past
	b.table.reset(n)
	b.session.reset(n)
	r.fetch(h, stage)
	if stage.Session > 0 {
		b.bySession = over(stage.Session, r.sum(f, &b.session, r.m.SessionTable(), h.session, p.places[:]))
	}
	if stage.Table > 0 {
		b.byTable = over(stage.Table, r.sum(f, &b.table, r.m.Table(), h.rows, h.table))
	}
	if stage.Factors > 0 && !r.stop(f) {
		b.byFactors = over(stage.Factors, r.foldIn(f.s))
	}
}

// fetch has the CPU fetch all of a history's rows of tables at once; one after the other they would be waited for. Their vectors are on the way (fetchVectors).
func (r *Ranker) fetch(h *history, stage *model.Stage) {
	if stage.Session > 0 {
		r.m.SessionTable().Fetch(h.session)
	}
	if stage.Table > 0 {
		r.m.Table().Fetch(h.rows)
	}
}

// late reports whether a call's time is up.
func (r *Ranker) late(f *fill) bool { return !f.deadline.IsZero() && !r.clock().Before(f.deadline) }

// stop reports whether a call's time is up, and says so in the answer.
func (r *Ranker) stop(f *fill) bool {
	if !r.late(f) {
		return false
	}
	f.a.Truncated = true
	return true
}

// over divides a weight by a deviation; a part that is the same for all items says nothing, nor does one that float32 can't hold.
func over(weight float32, deviation float64) float32 {
	if x := float64(weight) / deviation; deviation > 0 && x < vast {
		return float32(x)
	}
	return 0
}

const vast = 1e37

// sum adds up rows of a table, weighed, and returns the deviation: 0, so that the sums count for nothing, when time is up.
func (r *Ranker) sum(f *fill, to *sums, t *model.Table, rows []edged.Row, weights []float64) float64 {
	for i, row := range rows {
		if i%16 == 0 && r.stop(f) {
			return 0
		}
		if err := to.add(t, row, weights[i]); err != nil {
			f.a.Err = err
		}
	}
	return to.deviation(r.m.Active())
}

// foldIn makes the visitor's vector, the query by it, and returns its deviation.
func (r *Ranker) foldIn(s *Scratch) float64 {
	s.fold.set(&s.history)
	s.fold.solve(r.m)
	s.blend.query.Set(s.fold.x)
	return s.fold.deviation(r.m)
}

// partsOf takes the score of a candidate apart.
func (r *Ranker) partsOf(s *Scratch, c *candidate) parts {
	b, row, place := &s.blend, c.row, c.place
	p := parts{factors: b.byFactors * c.near}
	fresh := int(row) >= r.m.Base()
	if b.byTable > 0 && !fresh {
		p.table = b.byTable * b.table.score[b.at[place]]
	}
	if b.bySession > 0 && !fresh {
		p.session = b.bySession * b.session.score[b.at[place]]
	}
	switch {
	case b.byPopular > 0 && fresh:
		p.popular = b.byPopular * r.changed.leastZ
	case b.byPopular > 0:
		p.popular = b.byPopular * r.m.Briefs()[b.at[place]].Popular
	}
	i := -1
	if place < len(b.own) {
		i = b.own[place]
	} else if (b.byRepeat > 0 || b.byPast > 0) && r.changed != nil && r.changed.isSpecial(row) {
		i = s.history.find(row)
	}
	if i >= 0 && !fresh {
		p.repeat = float32(float64(float64(b.byRepeat)*math.Sqrt(s.history.visits[i])) * float64(r.m.RepeatQ()[row]))
	}
	if i >= 0 {
		p.past = float32(float64(b.byPast) * math.Sqrt(s.history.past[i]))
	}
	return p
}
