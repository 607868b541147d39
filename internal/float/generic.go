package float

// The reference: what the assembly of a variant is tested against, and what runs where there is none.
var generic = variant{
	name: "generic", observe: observeGeneric, diagonal: diagonalGeneric, dot: dotGeneric, advance: advanceGeneric,
	direct: directGeneric, precondition: preconditionGeneric, rotate: rotateGeneric, tile: tileGeneric,
}

func observeGeneric(out, p, f []float32, rows []uint32, w []float32, one float32, _ bool) (sum float32) {
	d := len(p)
	for k, row := range rows {
		v := f[int(row)*d:][:d]
		miss := one - dotGeneric(v, p)
		s := w[k] * miss
		sum += s * miss
		for i, x := range v {
			out[i] += s * x
		}
	}
	return sum
}

func diagonalGeneric(out, g, p []float32, ridge float32) {
	for i, x := range p {
		out[i] = -(g[i] + ridge) * x
	}
}

func dotGeneric(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	for len(a) >= 4 && len(b) >= 4 {
		s0 += a[0] * b[0]
		s1 += a[1] * b[1]
		s2 += a[2] * b[2]
		s3 += a[3] * b[3]
		a, b = a[4:], b[4:]
	}
	return (s0 + s1) + (s2 + s3)
}

func advanceGeneric(x, r, p, q, inverse []float32, alpha float32) (rz float32) {
	for i := range x {
		x[i] += alpha * p[i]
		r[i] += alpha * q[i]
		rz += r[i] * r[i] * inverse[i]
	}
	return rz
}

func directGeneric(p, r, inverse []float32, beta float32) {
	for i := range p {
		p[i] = r[i]*inverse[i] + beta*p[i]
	}
}

func preconditionGeneric(inverse, g, c []float32, weight, ridge float32) {
	for i := range inverse {
		inverse[i] = 1 / (g[i] + weight*c[i] + ridge)
	}
}

func rotateGeneric(a, b []float64, cos, sin float64) {
	b = b[:len(a)]
	for i, x := range a {
		y := b[i]
		a[i], b[i] = cos*x-sin*y, sin*x+cos*y
	}
}

func tileGeneric(c, a, b []float32, k int, at *strides) {
	for m := range tileRows {
		var sum [tileCols]float32
		for l := range k {
			x := a[m*at.aRow+l*at.aCol]
			for n, y := range b[l*at.bRow:][:tileCols] {
				sum[n] += x * y
			}
		}
		copy(c[m*at.cRow:], sum[:])
	}
}
