package kernel

import "math"

// Brief is what ranking asks of every candidate, side by side: a part of its score, and what bounds the rest. Of candidates that lie anywhere each costs
// one line of memory, where a column for each number costs as many as there are columns.
type Brief struct {
	Popular float32 // standardised popularity of late
	Scale   float32 // of the vector's codes
	Row     uint32
	length  uint16 // the upper bits of a float32 that the vector's length doesn't exceed
	left    [2]uint8
}

// lengthShift is how many bits of a float32 above 0 a Brief's length leaves out.
const lengthShift = 15

// Length returns a number that the vector's length doesn't exceed.
func (b *Brief) Length() float32 { return math.Float32frombits(uint32(b.length) << lengthShift) }

// SetLengths takes lengths: of the vector, and of what one block and two leave of it.
func (b *Brief) SetLengths(whole, one, two float64) {
	bits := math.Float32bits(math.Nextafter32(float32(whole*(1+1e-6)), math.MaxFloat32))
	b.length = uint16((bits + 1<<lengthShift - 1) >> lengthShift)
	for i, left := range [2]float64{one, two} {
		share := left * (1 + 1e-6) / float64(b.Length()) * math.MaxUint8
		b.left[i] = uint8(min(math.Ceil(share), math.MaxUint8))
	}
}

// Candidates are rows with what is known of their scores. All but Briefs are equally long.
type Candidates struct {
	At     []uint32 // where their briefs are
	Sums   []float32
	Factor []float32
	Briefs []Brief
}

// Bound adds to each candidate's sum popular times its popularity, and writes
//
//	bounds[i] = (sum + byLength·length)·factor,  likely[i] = sum·factor + bounds[i]
//
// each operation rounded alone. One beyond the briefs is a bug, and panics.
func (c *Candidates) Bound(bounds, likely []float32, popular, byLength float32) {
	n := len(c.At)
	bounds, likely, sums, factor := bounds[:n], likely[:n], c.Sums[:n], c.Factor[:n]
	switch {
	case n == 0:
	case active.Bound == nil || len(c.Briefs) > math.MaxInt32/2:
		boundGeneric(bounds, likely, sums, factor, c.At, c.Briefs, popular, byLength)
	default:
		inside(active.Bound(bounds, likely, sums, factor, c.At, c.Briefs, popular, byLength))
	}
}

// MostParams are the numbers of one Most that hold for all its candidates.
type MostParams struct {
	Scale  float32 // of a product
	Coarse float32 // per scale of a brief
	Lost   float32 // per length
	Left   float32 // per length, and per 255 of what is left of it
	By     float32
	Shift  uint32 // of the byte that says what is left: 16 after one block, 24 after two
}

// Most writes of the candidates at some places
//
//	most[i] = (sum + By·(((dots[i]·(scale·Scale)) + Coarse·scale) + length·(Lost + Left·left)))·factor
//
// with dots[i] and left, a byte, as float32, and each operation rounded alone. One beyond its list is a bug, and panics.
func (c *Candidates) Most(most []float32, places []uint32, dots []int32, p *MostParams) {
	n := len(places)
	most, dots = most[:n], dots[:n]
	sums, factor := c.Sums[:len(c.At)], c.Factor[:len(c.At)]
	switch {
	case n == 0:
	case active.Most == nil || len(c.At) == 0 || len(c.At) > math.MaxInt32 || len(c.Briefs) > math.MaxInt32/2:
		mostGeneric(most, places, dots, sums, factor, c.At, c.Briefs, p)
	default:
		inside(active.Most(most, places, dots, sums, factor, c.At, c.Briefs, p))
	}
}

// Through writes to dst[i] the number table[classes[at[i]]]. classes has one more element than may be named: two are read at once. One beyond its list
// is a bug, and panics.
func Through(dst, table []float32, classes []uint16, at []uint32) {
	dst = dst[:len(at)]
	switch {
	case len(at) == 0:
	case active.Through == nil || len(classes) > math.MaxInt32 || len(table) > math.MaxInt32:
		throughGeneric(dst, table, classes, at)
	default:
		inside(active.Through(dst, table, classes, at))
	}
}

func boundGeneric(bounds, likely, sums, factor []float32, rows []uint32, briefs []Brief, popular, byLength float32) int {
	for i, row := range rows {
		b := &briefs[row]
		sums[i] += float32(popular * b.Popular)
		bounds[i] = float32(sums[i]+float32(byLength*b.Length())) * factor[i]
		likely[i] = float32(sums[i]*factor[i]) + bounds[i]
	}
	return 0
}

func mostGeneric(most []float32, places []uint32, dots []int32, sums, factor []float32, rows []uint32, briefs []Brief, p *MostParams) int {
	for i, place := range places {
		b := &briefs[rows[place]]
		left := float32(b.left[(p.Shift-16)/8])
		near := float32(float32(dots[i])*float32(b.Scale*p.Scale)) + float32(p.Coarse*b.Scale)
		near += float32(b.Length() * float32(p.Lost+float32(p.Left*left)))
		most[i] = float32(sums[place]+float32(p.By*near)) * factor[place]
	}
	return 0
}

func throughGeneric(dst, table []float32, classes []uint16, at []uint32) int {
	classes = classes[:len(classes)-1]
	for i, one := range at {
		dst[i] = table[classes[one]]
	}
	return 0
}
