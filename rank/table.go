package rank

import (
	"math"
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/kernel"
	"github.com/edged/edged/model"
)

// sums are scores of all rows by a table, nearly all of them 0: s(j) = Σ_i h_i B_ij over the items i of a history. They take
// 4 bytes a row of the model, and clearing them costs no more than filling them did.
type sums struct {
	score []float32 // by place
	at    []uint32  // the places that were reached: score above 0
	buf   model.TableBuffer
}

func (s *sums) reset(n int) {
	for _, at := range s.at {
		s.score[at] = 0
	}
	s.at = s.at[:0]
	if len(s.score) < n {
		s.score = make([]float32, n)
	}
}

// smallestWeight is what a source at least weighs to count: below, a product with it might be 0, and reached rows are told by
// not being 0.
const smallestWeight = 1e-30

// add adds a row of the table, weighed.
func (s *sums) add(t *model.Table, row edged.Row, weight float64) error {
	r, err := t.Placed(row, &s.buf)
	if err != nil {
		return err
	}
	scale := float32(weight * float64(r.Scale))
	if scale < smallestWeight {
		return nil
	}
	n := len(s.at)
	s.at = slices.Grow(s.at, len(r.Places))
	fresh := s.at[n : n+len(r.Places)]
	s.at = s.at[:n+kernel.AddAt(s.score, r.Places, r.Codes, scale, fresh)]
	return nil
}

// deviation returns σ = √(Σ s²/I − (Σ s/I)²) over I items, those not reached scoring 0. Each sum is that of four, which take turns.
func (s *sums) deviation(items int) float64 {
	var s0, s1, s2, s3, q0, q1, q2, q3 float64 // in registers
	at := s.at
	for ; len(at) >= 4; at = at[4:] {
		a, b, c, d := float64(s.score[at[0]]), float64(s.score[at[1]]), float64(s.score[at[2]]), float64(s.score[at[3]])
		s0, s1, s2, s3 = s0+a, s1+b, s2+c, s3+d
		q0, q1, q2, q3 = q0+float64(a*a), q1+float64(b*b), q2+float64(c*c), q3+float64(d*d)
	}
	sums, squares := [4]float64{s0, s1, s2, s3}, [4]float64{q0, q1, q2, q3}
	for i, last := range at {
		x := float64(s.score[last])
		sums[i] += x
		squares[i] += float64(x * x)
	}
	mean := total(&sums) / float64(items)
	return math.Sqrt(max(total(&squares)/float64(items)-float64(mean*mean), 0))
}

func total(s *[4]float64) float64 { return (s[0] + s[1]) + (s[2] + s[3]) }

// weightOf returns B_ij, 0 where j is not in row i.
func (s *sums) weightOf(t *model.Table, i, j edged.Row) float64 {
	w, _ := t.Weight(i, j, &s.buf) // 0 with an error, too
	return w
}
