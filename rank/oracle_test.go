package rank

import (
	"cmp"
	"math"
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
)

// oracle is the blend written out plainly: every sum over all rows, in float64, nothing kept sparse.
type oracle struct {
	m     *model.Model
	blend *model.Blend
	stage *model.Stage

	rows    []edged.Row // distinct, newest first
	session []edged.Row
	age     map[edged.Row]float64 // days since the newest visit
	weight  map[edged.Row]float64
	visits  map[edged.Row]float64
	past    map[edged.Row]float64

	matrix             [][]float64
	x                  []float64
	table, next        []float64 // by row
	sigmaT, sigmaS, sA float64

	boosts map[edged.Row]float64
}

// judged is what the oracle says of a row.
type judged struct {
	row                   edged.Row
	score                 float64
	popular, repeat, past float64
	boost                 float64
	shares                map[edged.Row]float64
}

func halved(days, halfLife float64) float64 {
	if halfLife == 0 {
		return 1
	}
	return math.Pow(.5, days/halfLife)
}

func newOracle(m *model.Model, b *model.Blend, recent []Recent) *oracle {
	o := &oracle{m: m, blend: b, age: map[edged.Row]float64{}, weight: map[edged.Row]float64{}, visits: map[edged.Row]float64{}, past: map[edged.Row]float64{}}
	recent = recent[:min(len(recent), MaxHistory)]
	now := m.Meta().Created.UnixMilli()
	for _, r := range recent {
		now = max(now, r.Time)
	}
	for _, r := range recent {
		if !(r.Weight > 0) || int(r.Row) >= m.Len() {
			continue
		}
		days := 0.0
		if r.Time > 0 {
			days = float64(now-r.Time) / (24 * 60 * 60 * 1000)
		}
		o.visit(r, days)
	}
	for i := range b.Stages {
		if o.stage == nil || b.Stages[i].From <= len(o.rows) {
			o.stage = &b.Stages[i]
		}
	}
	o.solve()
	o.table, o.sigmaT = o.sums(m.Table(), o.tableWeights())
	o.next, o.sigmaS = o.sums(m.SessionTable(), o.placeWeights())
	return o
}

func (o *oracle) visit(r Recent, days float64) {
	if _, ok := o.age[r.Row]; !ok {
		o.rows = append(o.rows, r.Row)
		o.age[r.Row] = days
	}
	o.age[r.Row] = min(o.age[r.Row], days)
	o.weight[r.Row] = max(o.weight[r.Row], float64(r.Weight)*halved(days, o.blend.FactorHalfLifeDays))
	o.visits[r.Row] += halved(days, o.blend.RepeatHalfLifeDays)
	if r.Session {
		o.session = append(o.session, r.Row)
	} else {
		o.past[r.Row] += halved(days, o.blend.RepeatHalfLifeDays)
	}
}

func (o *oracle) solve() {
	d, meta := o.m.Dim(), o.m.Meta()
	n := meta.A0 * float64(o.m.Active())
	for _, row := range o.rows {
		n += o.weight[row]
	}
	o.matrix = make([][]float64, d)
	for k := range o.matrix {
		o.matrix[k] = make([]float64, d)
		o.matrix[k][k] = meta.A0*float64(o.m.Gram()[k]) + meta.Reg*math.Pow(n, meta.Nu)
	}
	b := make([]float64, d)
	for _, row := range o.rows {
		y := o.m.AppendVector(nil, row)
		for k := range d {
			b[k] += o.weight[row] * y[k]
			for l := range d {
				o.matrix[k][l] += o.weight[row] * y[k] * y[l]
			}
		}
	}
	o.x = o.solution(b)
	var squares, mean float64
	for k, x := range o.x {
		squares += x * x * float64(o.m.Gram()[k])
		mean += x * float64(o.m.Mean()[k])
	}
	o.sA = math.Sqrt(max(0, squares/float64(o.m.Active())-mean*mean))
}

func (o *oracle) solution(b []float64) []float64 {
	a := make([][]float64, len(o.matrix))
	for k := range a {
		a[k] = slices.Clone(o.matrix[k])
	}
	return eliminate(a, slices.Clone(b))
}

func (o *oracle) tableWeights() map[edged.Row]float64 {
	w := map[edged.Row]float64{}
	for row, days := range o.age {
		w[row] = halved(days, o.blend.TableHalfLifeDays)
	}
	return w
}

func (o *oracle) placeWeights() map[edged.Row]float64 {
	w := map[edged.Row]float64{}
	for a, row := range o.session {
		w[row] += math.Pow(float64(1+a), -o.blend.SessionPower)
	}
	return w
}

// entry is B_ij.
func entry(t *model.Table, i, j edged.Row) float64 {
	row, err := t.Row(i, new(model.TableBuffer))
	if err != nil {
		panic(err)
	}
	for k, to := range row.Rows {
		if to == j {
			return float64(row.Scale) * float64(row.Codes[k])
		}
	}
	return 0
}

func (o *oracle) sums(t *model.Table, weights map[edged.Row]float64) (s []float64, sigma float64) {
	s = make([]float64, o.m.Len())
	if t == nil {
		return s, 0
	}
	var sum, squares float64
	for j := range s[:o.m.Base()] {
		for i, w := range weights {
			s[j] += w * entry(t, i, edged.Row(j))
		}
		sum += s[j]
		squares += s[j] * s[j]
	}
	items := float64(o.m.Active())
	return s, math.Sqrt(max(0, squares/items-sum*sum/items/items))
}

func (o *oracle) near(j edged.Row) float64 {
	s := 0.0
	for k, y := range o.m.AppendVector(nil, j) {
		s += o.x[k] * y
	}
	return s
}

// slack is what a score may be off by, the vector being rounded to 16 bits.
func (o *oracle) slack(j edged.Row) float64 {
	peak, sum := 0.0, 0.0
	for k, y := range o.m.AppendVector(nil, j) {
		peak, sum = max(peak, math.Abs(o.x[k])), sum+math.Abs(y)
	}
	return ratio(o.stage.Factors, o.sA) * peak / 32767 / 2 * sum * max(1, o.boosts[j])
}

func ratio(weight float32, sigma float64) float64 {
	if sigma == 0 {
		return 0
	}
	return float64(weight) / sigma
}

func (o *oracle) judge(j edged.Row) judged {
	st := o.stage
	q := judged{row: j, shares: map[edged.Row]float64{}}
	y := o.m.AppendVector(nil, j)
	for _, i := range o.rows {
		b := o.m.AppendVector(nil, i)
		for k := range b {
			b[k] *= o.weight[i]
		}
		if st.Factors > 0 {
			for k, x := range o.solution(b) {
				q.shares[i] += ratio(st.Factors, o.sA) * x * y[k]
			}
		}
		if st.Table > 0 {
			q.shares[i] += ratio(st.Table, o.sigmaT) * o.tableWeights()[i] * entry(o.m.Table(), i, j)
		}
		if st.Session > 0 {
			q.shares[i] += ratio(st.Session, o.sigmaS) * o.placeWeights()[i] * entry(o.m.SessionTable(), i, j)
		}
	}
	o.terms(&q)
	q.score = o.score(&q)
	o.lift(&q)
	return q
}

// lift boosts a score above 0, the only ones that count.
func (o *oracle) lift(q *judged) {
	if by, ok := o.boosts[q.row]; ok {
		q.boost = q.score * (by - 1)
		q.score *= by
	}
}

func (o *oracle) terms(q *judged) {
	if int(q.row) < o.m.Base() {
		q.popular = float64(o.stage.Popular) * float64(o.m.PopularZ()[q.row])
		q.repeat = float64(o.stage.Repeat) * math.Sqrt(o.visits[q.row]) * float64(o.m.RepeatQ()[q.row])
	} else {
		q.popular = float64(o.stage.Popular) * float64(slices.Min(o.m.PopularZ()))
	}
	q.past = float64(o.stage.Past) * math.Sqrt(o.past[q.row])
}

func (o *oracle) score(q *judged) float64 {
	return ratio(o.stage.Table, o.sigmaT)*o.table[q.row] + ratio(o.stage.Session, o.sigmaS)*o.next[q.row] +
		ratio(o.stage.Factors, o.sA)*o.near(q.row) + q.popular + q.repeat + q.past
}

// candidates are the rows of which may is true that the blend looks at. sure is false where two rows are too close to tell which of
// them is searched out.
func (o *oracle) candidates(may func(edged.Row) bool, listed bool) (rows []edged.Row, sure bool) {
	st, n := o.stage, edged.Row(o.m.Base())
	in := map[edged.Row]bool{}
	for j := range n {
		if st.Table > 0 && o.table[j] > 0 || st.Session > 0 && o.next[j] > 0 || (st.Repeat > 0 || st.Past > 0) && slices.Contains(o.rows, j) {
			in[j] = may(j)
		}
	}
	if st.Popular > 0 {
		z := o.m.PopularZ()
		for _, j := range sortedRows(n, func(j edged.Row) float64 { return float64(z[j]) })[:min(headLength, n)] {
			in[j] = may(j)
		}
	}
	for j := range n {
		if in[j] || listed && may(j) {
			rows = append(rows, j)
		}
	}
	if listed || len(rows) >= enough && (st.Table > 0 || st.Session > 0) || st.Factors == 0 || o.sA == 0 {
		return rows, true
	}
	nearest := slices.DeleteFunc(sortedRows(n, o.near), func(j edged.Row) bool { return !may(j) })
	sure = len(nearest) <= searched || o.near(nearest[searched-1])-o.near(nearest[searched]) > 1e-4*math.Abs(o.near(nearest[0]))
	for _, j := range nearest[:min(searched, len(nearest))] {
		if !in[j] {
			rows = append(rows, j)
		}
	}
	return rows, sure
}

// special reports whether a row is scored whatever finds the others.
func (o *oracle) special(row edged.Row) bool {
	_, boosted := o.boosts[row]
	return boosted || int(row) >= o.m.Base()
}

func sortedRows(n edged.Row, by func(edged.Row) float64) []edged.Row {
	rows, key := make([]edged.Row, n), make([]float64, n)
	for j := range rows {
		rows[j], key[j] = edged.Row(j), by(edged.Row(j))
	}
	slices.SortStableFunc(rows, func(a, b edged.Row) int { return cmp.Compare(key[b], key[a]) })
	return rows
}

// ranking is the list of all rows with a score above 0, best first.
func (o *oracle) ranking(may func(edged.Row) bool, listed bool) (list []judged, sure bool) {
	rows, sure := o.candidates(func(row edged.Row) bool { return may(row) && !o.special(row) }, listed)
	for row := range edged.Row(o.m.Len()) {
		if o.special(row) && may(row) {
			rows = append(rows, row)
		}
	}
	for _, row := range rows {
		q := judged{row: row}
		o.terms(&q)
		if q.score = o.score(&q); q.score > 0 {
			o.lift(&q)
			list = append(list, q)
		}
	}
	slices.SortFunc(list, func(a, b judged) int { return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.row, b.row)) })
	return list, sure
}
