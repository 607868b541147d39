package rank

import (
	"cmp"
	"math"
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/index"
	"github.com/edged/edged/model"
	"github.com/edged/edged/quant"
)

// specials is the working memory of rows that are scored by themselves.
type specials struct {
	rows   []edged.Row
	boosts []float32 // of rows
	near   []float32
	factor []float32   // what rules multiply their scores by
	final  []float32   // of those offered to a blend: their scores before rules
	likes  []index.Hit // new items, by how much they are like the item in question
	query  quant.Query
	scores model.ScoreScratch
}

// mayCome takes the special rows that may come and have not.
func (s *specials) mayCome(f *fill, c *changed) []edged.Row {
	s.rows, s.boosts = s.rows[:0], s.boosts[:0]
	for i, row := range c.special {
		if f.may(row) {
			s.rows, s.boosts = append(s.rows, row), append(s.boosts, c.boosts[i])
		}
	}
	return s.rows
}

// score writes what rows score with a query to near.
func (s *specials) score(m *model.Model, q *quant.Query, rows []edged.Row) []float32 {
	s.near = resize(s.near, len(rows))
	m.Scores(s.near, q, rows, &s.scores)
	return s.near
}

// chooseSpecial offers the special rows to the best of a blend.
func (r *Ranker) chooseSpecial(f *fill) {
	if !r.hasSpecial() {
		return
	}
	s, b := &f.s.specials, &f.s.blend
	rows := s.mayCome(f, r.changed)
	s.near = resize(s.near, len(rows))
	clear(s.near)
	if b.byFactors > 0 {
		s.score(r.m, &b.query, rows)
		f.a.Scanned += len(rows)
	}
	s.factor, s.final = resize(s.factor, len(rows)), s.final[:0]
	if f.rules != nil {
		f.rules.Bend(s.factor, rows)
	}
	for i, row := range rows {
		c := candidate{row: row, place: len(b.at), near: s.near[i]}
		b.at = append(b.at, r.placeOf(row))
		p := r.partsOf(f.s, &c)
		score := boosted(p.sum(), s.boosts[i])
		s.final = append(s.final, score)
		if f.rules != nil {
			score *= s.factor[i]
		}
		if c.score = score; score > 0 {
			b.best.offer(c)
		}
	}
}

// placeOf is the place of a row's vector in the release, which new items have none in.
func (r *Ranker) placeOf(row edged.Row) uint32 {
	if int(row) >= r.m.Base() {
		return math.MaxUint32
	}
	return r.m.Place(row)
}

// scoreOf is the score of a candidate of a blend, before rules.
func (f *fill) scoreOf(c *candidate) float32 {
	b := &f.s.blend
	if plain := len(b.chooser.sums); c.place >= plain {
		return f.s.specials.final[c.place-plain]
	}
	return b.chooser.score(c.place, b.byFactors, c.near)
}

// sum adds up the parts in the order of the package's formula (blend).
func (p *parts) sum() (sum float32) {
	for _, x := range [...]float32{p.table, p.session, p.popular, p.repeat, p.past, p.factors} {
		sum += x
	}
	return sum
}

// searchAll is search, special rows and all.
func (r *Ranker) searchAll(f *fill, q *index.Query) {
	r.search(f, q)
	if !r.hasSpecial() {
		return
	}
	s := &f.s.specials
	rows := s.mayCome(f, r.changed)
	s.query.Set(q.Vector)
	for i, score := range s.score(r.m, &s.query, rows) {
		f.s.hits = append(f.s.hits, index.Hit{Row: rows[i], Score: boosted(score, s.boosts[i])})
	}
	f.a.Scanned += len(rows)
	sortHits(f.s.hits)
	f.s.hits = f.s.hits[:min(len(f.s.hits), max(q.K, 0))]
}

func sortHits(hits []index.Hit) {
	slices.SortFunc(hits, func(a, b index.Hit) int { return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Row, b.Row)) })
}

// boostHits boosts the scratch's hits, best first, where any are to be, and puts them in order again.
func (f *fill) boostHits() {
	if !f.r.hasSpecial() {
		return
	}
	for i := range f.s.hits {
		h := &f.s.hits[i]
		h.Score = boosted(h.Score, f.r.boostOf(h.Row))
	}
	slices.SortStableFunc(f.s.hits, func(a, b index.Hit) int { return cmp.Compare(b.Score, a.Score) })
}

// addNeighbours adds the scratch's hits, the neighbours of a row, and among them the new items that are like it: each before the first
// neighbour whose vector is at a wider angle to the row's than its own.
func (f *fill) addNeighbours(row edged.Row) {
	f.likeNew(row)
	s, hits := &f.s.specials, f.s.hits
	if len(s.likes) == 0 {
		f.addSimilar(row, SourceSimilar)
		return
	}
	for i := range hits {
		angle := s.cosine(f.r.m, hits[i].Row)
		n := 0
		for n < len(s.likes) && s.likes[n].Score > angle {
			n++
		}
		f.addLike(row, s.likes[:n], SourceVector)
		s.likes = s.likes[n:]
		f.addLike(row, hits[i:i+1], SourceSimilar)
	}
}

// likeNew finds the new items that are like a row, by the cosine of the angle between their vectors, boosted.
func (f *fill) likeNew(row edged.Row) {
	s, m := &f.s.specials, f.r.m
	s.likes = s.likes[:0]
	if m.Base() == m.Len() {
		return
	}
	m.SetQuery(&s.query, row)
	for other := edged.Row(m.Base()); int(other) < m.Len(); other++ {
		if !f.may(other) {
			continue
		}
		if c := boosted(s.cosine(m, other), f.r.boostOf(other)); c > 0 {
			s.likes = append(s.likes, index.Hit{Row: other, Score: c})
		}
	}
	sortHits(s.likes)
}

// cosine is that of the angle between the query and a row's vector.
func (s *specials) cosine(m *model.Model, row edged.Row) float32 {
	s.rows = append(s.rows[:0], row)
	both := float32(s.query.Norm * m.Length(row))
	if both == 0 {
		return 0
	}
	return s.score(m, &s.query, s.rows)[0] / both
}

// ranked is a list of rows with scores, boosted where any are to be.
func (f *fill) ranked(list []index.Hit, source Source, level Level) {
	f.s.hits = list
	f.boostHits()
	for _, h := range f.s.hits {
		if f.full() {
			return
		}
		f.add(h.Row, h.Score, source, level)
	}
}

// addPopular adds the popular rows, special ones where their boosts put them.
func (f *fill) addPopular(rows []edged.Row) {
	c := f.r.changed
	special := c.popular
	add := func(row edged.Row, score float32) { f.add(row, score, SourcePopular, Global) }
	for _, row := range rows {
		if c.isSpecial(row) {
			continue
		}
		score := f.r.m.PopularityOf(row)
		for len(special) > 0 && special[0].Before(index.Hit{Row: row, Score: score}) {
			if f.full() {
				return
			}
			add(special[0].Row, special[0].Score)
			special = special[1:]
		}
		if f.full() {
			return
		}
		add(row, score)
	}
	for _, h := range special {
		if f.full() {
			return
		}
		add(h.Row, h.Score)
	}
}

// popularityOf is a row's popularity, boosted.
func (r *Ranker) popularityOf(row edged.Row) float32 {
	return boosted(r.m.PopularityOf(row), r.boostOf(row))
}
