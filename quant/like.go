package quant

import (
	"fmt"
	"math"
)

// Earlier are rows that new ones resemble.
type Earlier struct {
	Rows *Rows
	At   []int // for each new row the earlier one; below 0: there is none
}

// slack is how far a number may lie from its earlier code, in units of the scale, before it gets another one. Fresh codes
// are within 0.5: what is kept is farther off, but moves no further however often it is encoded.
const slack = 1.5

// EncodeLike is Encode, or EncodeFine, but rows keep their earlier scales where these fit, and numbers their earlier codes as
// long as |x − c·s| ≤ slack·s: what changed little has the same bytes. Earlier rows of another kind are not looked at.
func EncodeLike(vectors []float32, dim int, fine bool, earlier Earlier) (Rows, error) {
	rows, err := encode(vectors, dim, fine)
	if err != nil || earlier.Rows == nil || earlier.Rows.Dim != dim || (earlier.Rows.Low != nil) != fine {
		return rows, err
	}
	if len(earlier.At) != rows.Len() {
		return Rows{}, fmt.Errorf("vectors: %d rows, earlier ones of %d", rows.Len(), len(earlier.At))
	}
	for i, at := range earlier.At {
		if at >= 0 && rows.Scales[i] > 0 {
			rows.resemble(i, vectors[i*dim:][:dim], earlier.Rows, at)
		}
	}
	return rows, nil
}

// resemble encodes row i anew by the codes of an earlier row, and by its scale if the numbers fit that.
func (r *Rows) resemble(i int, x []float32, earlier *Rows, at int) {
	if most := r.Scales[i] / earlier.Scales[at]; most > 0.75 && most <= 1+1.0/127 { // what is longer is cut by one step
		r.Scales[i] = earlier.Scales[at]
	}
	scale, codes, old := float64(r.Scales[i]), r.Row(i), earlier.Row(at)
	var low, oldLow []int8
	if r.Low != nil {
		low, oldLow = r.LowRow(i), earlier.LowRow(at)
	}
	for k, v := range x {
		exact, was := float64(v)/scale, float64(old[k])
		if low != nil {
			was += float64(oldLow[k]) / 256
		}
		keep := math.Abs(exact-was) <= slack
		if codes[k] = old[k]; !keep {
			codes[k] = codeOf(exact)
		}
		if low != nil {
			if low[k] = oldLow[k]; !keep {
				low[k] = lowOf(exact, codes[k])
			}
		}
	}
}

// codeOf is the code of a number in units of the scale.
func codeOf(x float64) int8 { return int8(max(-127, min(127, math.RoundToEven(x)))) }

// lowOf is the remainder beside a code.
func lowOf(x float64, code int8) int8 {
	return int8(max(-127, min(127, math.RoundToEven(256*(x-float64(code))))))
}
