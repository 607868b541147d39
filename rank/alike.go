package rank

import (
	"github.com/edged/edged"
	"github.com/edged/edged/model"
	"github.com/edged/edged/quant"
)

// Likeness says how much items are like each other: by the cosine of the angle between their vectors, below 0 counting as 0. The zero
// Likeness is ready for Of; it is the working memory of one call at a time.
type Likeness struct {
	m       *model.Model
	rows    []edged.Row
	lengths []float32
	near    []float32
	scores  []float32
	query   quant.Query
	scratch model.ScoreScratch
}

// Of makes it speak of the items of a Ranker's release.
func (l *Likeness) Of(r *Ranker) *Likeness {
	l.m = r.m
	return l
}

// LetGo forgets the release.
func (l *Likeness) LetGo() { l.m = nil }

// Begin takes the rows in question.
func (l *Likeness) Begin(rows []edged.Row) {
	l.rows = append(l.rows[:0], rows...)
	l.near, l.scores, l.lengths = resize(l.near, len(rows)), resize(l.scores, len(rows)), l.lengths[:0]
	clear(l.near)
	for _, row := range rows {
		l.lengths = append(l.lengths, float32(l.m.Length(row)))
	}
}

// Place counts a row as being in the list.
func (l *Likeness) Place(row edged.Row) {
	l.m.SetQuery(&l.query, row)
	length := float32(l.query.Norm)
	if length == 0 {
		return
	}
	l.m.Scores(l.scores, &l.query, l.rows, &l.scratch)
	for i, score := range l.scores {
		if both := l.lengths[i] * length; both > 0 {
			l.near[i] = max(l.near[i], score/both)
		}
	}
}

// Near returns of each row how much it is like the most similar one in the list, from 0 to 1.
func (l *Likeness) Near() []float32 { return l.near }
