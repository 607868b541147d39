package model

import (
	"github.com/edged/edged"
	"github.com/edged/edged/quant"
)

const scoreChunk = 256 // rows of one call of the kernel

// ScoreScratch is the working memory of Scores. The zero ScoreScratch is ready.
type ScoreScratch struct {
	places [scoreChunk]uint32
	dots   [2 * scoreChunk]int32
}

// Scores writes what rows score with a query, dot products by the 8-bit codes, to dst: the same bits as a search gives them.
func (m *Model) Scores(dst []float32, q *quant.Query, rows []edged.Row, s *ScoreScratch) {
	for len(rows) > 0 {
		n := min(len(rows), scoreChunk)
		fresh := false
		for i, row := range rows[:n] {
			if m.isNew(row) {
				s.places[i], fresh = 0, true
				continue
			}
			s.places[i] = m.place[row]
		}
		if len(m.place) > 0 {
			q.Gather(dst[:n], &m.rows, s.places[:n], s.dots[:2*n])
		}
		if fresh {
			m.scoreNew(dst[:n], q, rows[:n], s)
		}
		dst, rows = dst[n:], rows[n:]
	}
}

// scoreNew is Scores for those of some rows that are new.
func (m *Model) scoreNew(dst []float32, q *quant.Query, rows []edged.Row, s *ScoreScratch) {
	for i, row := range rows {
		if m.isNew(row) {
			s.places[0] = uint32(int(row) - m.patch.base)
			q.Gather(dst[i:i+1], &m.patch.rows, s.places[:1], s.dots[:2])
		}
	}
}
