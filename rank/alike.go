package rank

import (
	"github.com/edged/edged"
	"github.com/edged/edged/model"
	"github.com/edged/edged/quant"
)

// Likeness says how much items are like each other: by the cosine of the angle between their vectors, below 0 counting as 0. What nobody asks
// about is not compared. The zero Likeness is ready for Of; it is the working memory of one call at a time.
type Likeness struct {
	m       *model.Model
	rows    []edged.Row
	near    []float32 // of rows, to the first seen of those placed
	seen    []int
	placed  []edged.Row
	lengths []float32 // of those placed
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
	l.near, l.seen = resize(l.near, len(rows)), resize(l.seen, len(rows))
	clear(l.near)
	clear(l.seen)
	l.placed, l.lengths = l.placed[:0], l.lengths[:0]
}

// Place counts a row as being in the list.
func (l *Likeness) Place(row edged.Row) {
	if length := float32(l.m.Length(row)); length > 0 {
		l.placed, l.lengths = append(l.placed, row), append(l.lengths, length)
	}
}

// Near returns how much the row i is like the most similar one in the list, from 0 to 1.
func (l *Likeness) Near(i int) float32 {
	from := l.seen[i]
	if from == len(l.placed) {
		return l.near[i]
	}
	l.seen[i] = len(l.placed)
	l.m.SetQuery(&l.query, l.rows[i])
	length := float32(l.query.Norm)
	if length == 0 {
		return 0
	}
	l.scores = resize(l.scores, len(l.placed)-from)
	l.m.Scores(l.scores, &l.query, l.placed[from:], &l.scratch)
	for k, score := range l.scores {
		l.near[i] = max(l.near[i], score/(l.lengths[from+k]*length))
	}
	return l.near[i]
}
