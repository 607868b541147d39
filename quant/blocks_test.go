package quant

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The products of all blocks are those of the rows, and no score is beyond what some of them and the lengths of what they leave allow.
func TestBlocksBoundScores(t *testing.T) {
	rng := rand.New(rand.NewPCG(22, 1))
	for _, dim := range []int{1, 40, 64, 100, 120, 128, 192, 256, 512} {
		for _, encode := range []func([]float32, int) (Rows, error){Encode, EncodeFine} {
			x := make([]float32, 50*dim)
			for i := range x {
				x[i] = float32(rng.NormFloat64() * math.Exp(2*math.Sin(float64(i%dim)/9)))
			}
			rows, err := encode(x, dim)
			if err != nil {
				t.Fatal(err)
			}
			checkBlocks(t, rng, &rows)
		}
	}
}

func checkBlocks(t *testing.T, rng *rand.Rand, rows *Rows) {
	t.Helper()
	gram := rows.Gram()
	b := rows.Blocks(gram)
	if sorted := slices.Sorted(slices.Values(b.order)); len(sorted)*b.size != Stride(rows.Dim) || sorted[len(sorted)-1] != len(sorted)-1 {
		t.Fatalf("%d dimensions: blocks %v of %d", rows.Dim, b.order, b.size)
	}
	query := make([]float32, rows.Dim)
	for k := range query {
		query[k] = rng.Float32() - .5
	}
	var q Query
	q.Set(query)
	left := b.Left(nil, &q)
	for i := range rows.Len() {
		var whole [3]float64
		whole[0], whole[1], whole[2] = b.Lengths(rows, i)
		if norm := rows.Norm(i); math.Abs(whole[0]-norm) > 1e-9*norm {
			t.Fatalf("row %d is %g long, not %g", i, norm, whole[0])
		}
		sum, part, line := int32(0), make([]int32, 1), []uint32{b.Line(uint32(i))}
		if b.RowOf(line[0]) != uint32(i) {
			t.Fatalf("line %d is of row %d, not %d", line[0], b.RowOf(line[0]), i)
		}
		for n := range b.Len() {
			b.Multiply(part, rows, &q, n, line)
			sum += part[0]
			most := float64(q.Score(sum, rows.Scales[i])) + float64(b.Coarse()*rows.Scales[i])*q.Norm + 1e-6*whole[0]*q.Norm
			if n+1 < b.Len() && n < 2 {
				most += float64(left[n+1]) * whole[n+1]
			} else if n+1 < b.Len() {
				continue
			}
			if got := float64(q.Dot(rows, i)); got > most {
				t.Fatalf("%d dimensions, row %d: %g after %d blocks, at most %g", rows.Dim, i, got, n+1, most)
			}
		}
	}
}
