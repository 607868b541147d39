package rank

import "math"

// Powers by additions, products and divisions alone, each rounded: math.Pow and math.Exp2 are assembly on some CPUs and use
// fused multiply-adds on others, so that their last bits differ (ADR 2). These are within a few units of the last place.

// exp2Terms are ln2ᵏ/k!; for |x| ≤ ½ what is left out is below 1e-17.
var exp2Terms = func() (c [14]float64) {
	c[0] = 1
	for k := 1; k < len(c); k++ {
		c[k] = float64(c[k-1]*math.Ln2) / float64(k)
	}
	return c
}()

// exp2 returns 2ˣ, 0 where that is below float64's end, +Inf above.
func exp2(x float64) float64 {
	switch {
	case x < -1100:
		return 0
	case x > 1100:
		return math.Inf(1)
	}
	whole := math.Floor(x + .5)
	f := x - whole
	sum := 0.0
	for k := len(exp2Terms) - 1; k >= 0; k-- {
		sum = float64(sum*f) + exp2Terms[k]
	}
	return math.Ldexp(sum, int(whole))
}

// log2 returns the logarithm of a number above 0: with x = m·2ᵉ and t = (m−1)/(m+1), ln m = 2(t + t³/3 + t⁵/5 + …).
func log2(x float64) float64 {
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m *= 2
		e--
	}
	t := (m - 1) / (m + 1)
	square := float64(t * t)
	sum := 0.0
	for k := 27; k >= 1; k -= 2 {
		sum = float64(sum*square) + 1/float64(k)
	}
	return float64(float64(2*t)*sum)/math.Ln2 + float64(e)
}

// power returns xʸ for x > 0.
func power(x, y float64) float64 {
	if y == 1 {
		return x
	}
	return exp2(float64(y * log2(x)))
}

const dayMs = 24 * 60 * 60 * 1000

// decay returns 0.5^(age/half-life); a half-life of 0 means none. age is in milliseconds.
func decay(age int64, halfLifeDays float64) float64 {
	if halfLifeDays == 0 || age <= 0 {
		return 1
	}
	return exp2(-float64(age) / float64(halfLifeDays*dayMs))
}
