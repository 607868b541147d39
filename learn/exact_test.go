package learn

import "math"

// The exact solver: the same half-sweeps by Cholesky in float64, and the loss from its formula. It is the oracle of the
// conjugate gradients.

func (m *als) exactUsers() { m.exactStep(m.x, m.y, m.users) }
func (m *als) exactItems() { m.exactStep(m.y, m.x, m.items) }

// exactStep sets every row of to so that the loss is least for the given other side:
//
//	(a0·FᵀF + ridge·I + Σ w f fᵀ) t = Σ w f        over the row's observations (weight w, other's vector f)
//
// Both sides are turned into F's eigenbasis first, where all but the observations is diagonal whatever the ridge.
func (m *als) exactStep(to, from []float32, s *side) {
	values, err := m.rotate(from)
	if err != nil {
		panic(err)
	}
	from = unpad(append([]float32(nil), from...), m.d)
	work := newHalfStep(m.d)
	for r := range s.obs.Rows() {
		for k, e := range values {
			work.diag[k] = m.a0*e + float64(s.ridge[r])
		}
		work.row(to[r*m.p:][:m.d], from, s.obs, r)
	}
}

// halfStep is one row's scratch memory.
type halfStep struct {
	diag    []float64 // D: the constant part of the row's matrix
	inverse []float64 // D⁻¹
	a, b    []float64 // a matrix and its right-hand side
	u       []float64 // U: the vectors of a short row, each times √w
	v       []float64 // D⁻¹u
	p       *panel
}

func newHalfStep(d int) *halfStep {
	vector, matrix := func() []float64 { return make([]float64, d) }, func() []float64 { return make([]float64, d*d) }
	return &halfStep{diag: vector(), inverse: vector(), a: matrix(), b: vector(), u: matrix(), v: vector(), p: newPanel(d)}
}

func (h *halfStep) row(to, from []float32, obs *Matrix, r int) {
	cols, weights := obs.Row(r)
	clear(to)
	switch {
	case len(cols) == 0:
	case len(cols) < len(to):
		h.short(to, from, cols, weights)
	default:
		h.long(to, from, cols, weights)
	}
}

// long solves the d×d system (D + UᵀU) t = Uᵀr as it stands; U has a row √w·f for each observation, r its √w.
func (h *halfStep) long(to, from []float32, cols []uint32, weights []float32) {
	d := len(to)
	clear(h.a)
	clear(h.b)
	for k, c := range cols {
		f, w := from[int(c)*d:int(c)*d+d], float64(weights[k])
		h.p.push(h.a, f, math.Sqrt(w))
		for i, x := range f {
			h.b[i] += w * float64(x)
		}
	}
	h.p.flush(h.a)
	for i, x := range h.diag {
		h.a[i*d+i] += x
	}
	if solve(h.a, h.b) {
		for i, x := range h.b {
			to[i] = float32(x)
		}
	}
}

// short solves the same in the space of fewer than d observations (Woodbury): with K = I + U D⁻¹ Uᵀ,
//
//	K z = r,    t = D⁻¹ Uᵀ z
func (h *halfStep) short(to, from []float32, cols []uint32, weights []float32) {
	d, n := len(to), len(cols)
	z := h.b[:n]
	for i, x := range h.diag {
		h.inverse[i] = 1 / x
	}
	for k, c := range cols {
		root := math.Sqrt(float64(weights[k]))
		z[k] = root
		u, v, inverse := h.u[k*d:k*d+d], h.v[:d], h.inverse[:d]
		for i, x := range from[int(c)*d : int(c)*d+d] {
			u[i] = root * float64(x)
			v[i] = u[i] * inverse[i]
		}
		for j := range k + 1 {
			h.a[k*n+j] = dot(h.v, h.u[j*d:j*d+d])
		}
		h.a[k*n+k]++
	}
	if !solve(h.a[:n*n], z) {
		return
	}
	clear(h.v)
	for k, x := range z {
		for i, u := range h.u[k*d : k*d+d] {
			h.v[i] += x * u
		}
	}
	for i, x := range h.v {
		to[i] = float32(x * h.inverse[i])
	}
}

// loss is L of the package comment. Σ_all s² is the sum of products of the elements of XᵀX and YᵀY.
func (m *als) loss() (loss float64) {
	a, b := gramPadded(m.x, m.p, m.threads), gramPadded(m.y, m.p, m.threads)
	for i := range m.p {
		loss += m.a0 * a[i*m.p+i] * b[i*m.p+i]
		for j := range i {
			loss += 2 * m.a0 * a[i*m.p+j] * b[i*m.p+j]
		}
	}
	for u := range m.users.obs.Rows() {
		cols, weights := m.users.obs.Row(u)
		for k, c := range cols {
			miss := 1 - dot32(m.x[u*m.p:][:m.p], m.y[int(c)*m.p:][:m.p])
			loss += float64(weights[k]) * miss * miss
		}
	}
	return loss + m.penalty(m.x, m.users) + m.penalty(m.y, m.items)
}

// panel adds Σ v·vᵀ to a lower triangle, many vectors at a time: kept as columns, they turn each element into one long
// dot product, which is what vector instructions are good at.
type panel struct {
	d, n int
	cols []float64 // number i of the waiting vectors is cols[i*panelSize:][:n]
}

const panelSize = 128 // 64 KiB at d = 64

func newPanel(d int) *panel { return &panel{d: d, cols: make([]float64, d*panelSize)} }

// push takes root·v, v of length d.
func (p *panel) push(a []float64, v []float32, root float64) {
	at := p.n
	for _, x := range v {
		p.cols[at] = root * float64(x)
		at += panelSize
	}
	if p.n++; p.n == panelSize {
		p.flush(a)
	}
}

// flush adds what is waiting.
func (p *panel) flush(a []float64) {
	if p.n == 0 {
		return
	}
	for i := range p.d {
		ci, row := p.cols[i*panelSize:][:p.n], a[i*p.d:i*p.d+i+1]
		for j := range row {
			row[j] += dot(ci, p.cols[j*panelSize:][:p.n])
		}
	}
	p.n = 0
}

// dot32 is the product of two float32 vectors, in four lanes of float64.
func dot32(a, b []float32) float64 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float64
	for len(a) >= 4 && len(b) >= 4 {
		s0 += float64(a[0]) * float64(b[0])
		s1 += float64(a[1]) * float64(b[1])
		s2 += float64(a[2]) * float64(b[2])
		s3 += float64(a[3]) * float64(b[3])
		a, b = a[4:], b[4:]
	}
	for i, x := range a {
		s0 += float64(x) * float64(b[i])
	}
	return (s0 + s1) + (s2 + s3)
}
