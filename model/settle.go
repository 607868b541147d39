package model

import (
	"cmp"
	"math"
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/index"
	"github.com/edged/edged/quant"
)

// earlier is the release before, seen from the rows of a new one. Where numbers say about the same in both the new release
// takes the old bytes, so that nodes need not fetch them. The zero earlier knows nothing.
type earlier struct {
	m   *Model
	row []edged.Row // of each new row, NoRow where the item is new
}

func newEarlier(m *Model, ids []string) earlier {
	if m == nil {
		return earlier{}
	}
	e := earlier{m, make([]edged.Row, len(ids))}
	for i, id := range ids {
		e.row[i], _ = m.Row(id)
	}
	return e
}

// The earlier release's tables and columns, nil where it has none.
func (e *earlier) table() *Table {
	if e.m == nil {
		return nil
	}
	return e.m.table
}

func (e *earlier) session() *Table {
	if e.m == nil {
		return nil
	}
	return e.m.session
}

func (e *earlier) popularZ() []float32 {
	if e.m == nil {
		return nil
	}
	return e.m.popularZ
}

func (e *earlier) repeatQ() []float32 {
	if e.m == nil {
		return nil
	}
	return e.m.repeatQ
}

func (e *earlier) trend(at edged.Setting) (list []index.Hit) {
	if e.m == nil {
		return nil
	}
	old := e.m.trends.lists[at]
	for i, row := range old.rows {
		list = append(list, index.Hit{Row: row, Score: old.scores[i]})
	}
	return list
}

// of is the earlier row of a new one.
func (e *earlier) of(row edged.Row) edged.Row {
	if e.m == nil {
		return edged.NoRow
	}
	return e.row[row]
}

// vectors are what the new vectors are encoded like.
func (e *earlier) vectors() quant.Earlier {
	if e.m == nil {
		return quant.Earlier{}
	}
	at := make([]int, len(e.row))
	for i, row := range e.row {
		at[i] = -1
		if row != edged.NoRow {
			at[i] = int(e.m.place[row])
		}
	}
	return quant.Earlier{Rows: &e.m.rows, At: at}
}

// column rounds numbers by row, and keeps those that the earlier release had.
func (e *earlier) column(list, old []float32) []float32 {
	out := make([]float32, len(list))
	for i, x := range list {
		was := unknown
		if at := e.of(edged.Row(i)); at != edged.NoRow && old != nil {
			was = old[at]
		}
		out[i] = settled(x, was, asNear)
	}
	return out
}

// unknown is the earlier value of what is new.
var unknown = float32(math.NaN())

func known(x float32) bool { return x == x }

// How near an earlier score has to be to stay: columns that scores add up as near as their digits tell, lists that are only
// looked at by their order nearer than the events behind them could tell.
const (
	asNear    = 1.0 / 128
	listNear  = 1.0 / 20
	trendNear = 1.0 / 64
)

// settled is a score in 8 binary digits (a bfloat16), or the old one where that is near.
func settled(x, old float32, near float64) float32 {
	if math.Abs(float64(x-old)) <= near*math.Abs(float64(old)) {
		return old
	}
	return rounded(x)
}

// rounded is the nearest number with 8 binary digits; of two the even one.
func rounded(x float32) float32 {
	bits := math.Float32bits(x)
	up := math.Float32frombits((bits + 0x7fff + bits>>16&1) &^ 0xffff)
	if finite(up) {
		return up
	}
	return math.Float32frombits(bits &^ 0xffff)
}

// incumbent is by how much an entry of a list counts more that the earlier list had, when it is cut: what is about as good as
// what was there does not take its place.
const incumbent = 1.2

// candidate is an entry of a list that is to be cut.
type candidate struct {
	row    edged.Row
	weight float32
	old    float32 // the earlier weight, NaN: none
}

func (c *candidate) worth() float32 {
	if known(c.old) {
		return c.weight * incumbent
	}
	return c.weight
}

// cut keeps the n candidates of most worth.
func cut(list []candidate, n int) []candidate {
	if len(list) <= n {
		return list
	}
	slices.SortFunc(list, func(a, b candidate) int { return cmp.Or(cmp.Compare(b.worth(), a.worth()), cmp.Compare(a.row, b.row)) })
	return list[:n]
}

// Of table weights: a scale within fit of the earlier one is the earlier one, and codes stay that are within codeSlack steps or,
// of large ones, codeNear of what they say.
const (
	fit       = 1.0 / 64
	codeSlack = 1.5
	codeNear  = 1.0 / 12
	leastNew  = 2.5 // what is smaller does not enter a row, in steps
)

// scaleOf is the scale of a row: that by which its weights are most like the earlier ones, if they fit it, else the one that
// makes the largest 127.
func scaleOf(list []candidate, old float32) (scale float32, alike bool) {
	most, products, squares := float32(0), 0.0, 0.0
	for _, c := range list {
		most = max(most, c.weight)
		if known(c.old) {
			products += float64(c.weight) * float64(c.old)
			squares += float64(c.old) * float64(c.old)
		}
	}
	fresh := most / 127
	if squares == 0 || fresh == 0 {
		return fresh, false
	}
	ratio := products / squares
	if math.Abs(ratio-1) <= fit {
		ratio = 1
	}
	scale = float32(float64(old) * ratio)
	if fresh > scale*(1+codeNear) || fresh < scale/2 {
		return fresh, false
	}
	return scale, true
}

// codeOf is the code of a weight in a row of a scale, 0 for none.
func codeOf(c candidate, scale, before float32, alike bool) int8 {
	exact := float64(c.weight) / float64(scale)
	if alike && known(c.old) {
		if was := math.RoundToEven(float64(c.old) / float64(before)); math.Abs(exact-was) <= max(codeSlack, was*codeNear) {
			return int8(was)
		}
	} else if alike && exact < leastNew {
		return 0
	}
	return int8(min(math.RoundToEven(exact), 127))
}

// factor is by what the scores of a list are larger than they were, the middle of all; 1 where there is little to go by.
func factor(list []candidate) float32 {
	var ratios []float32
	for _, c := range list {
		if known(c.old) && c.old > 0 && c.weight > 0 {
			ratios = append(ratios, c.weight/c.old)
		}
	}
	if len(ratios) < 8 {
		return 1
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

// hits appends the n best of a list, best first, with their scores settled. NoRow is no entry.
func (e *earlier) hits(dst []index.Hit, rows []edged.Row, scores []float32, before []index.Hit, n int) []index.Hit {
	for _, c := range cut(e.candidates(rows, scores, before), n) {
		dst = append(dst, index.Hit{Row: c.row, Score: settled(c.weight, c.old, listNear)})
	}
	sortHits(dst)
	return dst
}

func (e *earlier) candidates(rows []edged.Row, scores []float32, before []index.Hit) []candidate {
	list := make([]candidate, 0, len(rows))
	for i, row := range rows {
		if row == edged.NoRow {
			continue
		}
		c := candidate{row, scores[i], unknown}
		if k := slices.IndexFunc(before, func(h index.Hit) bool { return uint64(row) < uint64(len(e.row)) && h.Row == e.row[row] }); k >= 0 {
			c.old = before[k].Score
		}
		list = append(list, c)
	}
	return list
}

// trendHits are the hits of a setting's list. Interest fades alike for all, so that scores mean something beside each other
// only: they are divided by what they grew since the earlier list.
func (e *earlier) trendHits(t Trend) (list []index.Hit) {
	found := e.candidates(t.Rows, t.Scores, e.trend(t.Setting))
	by := factor(found)
	for _, c := range found {
		list = append(list, index.Hit{Row: c.row, Score: settled(c.weight/by, c.old, trendNear)})
	}
	sortHits(list)
	return list
}
