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
		for i, row := range rows[:n] {
			s.places[i] = m.place[row]
		}
		q.Gather(dst[:n], &m.rows, s.places[:n], s.dots[:2*n])
		dst, rows = dst[n:], rows[n:]
	}
}
