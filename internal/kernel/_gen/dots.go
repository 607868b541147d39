package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const (
	dotsSig     = "func(dst *float64, x, rows *float32, n, count int)"
	triangleSig = "func(dst *float64, rows *float32, n, count int)"
)

// sixteen is how the sixteen sums of a product lie in registers: in one, or in two of eight.
type sixteen struct {
	parts int
	vec   func() reg.VecVirtual
	zero  func(r reg.VecVirtual)
}

var (
	inZMM = sixteen{1, func() reg.VecVirtual { return ZMM() }, func(r reg.VecVirtual) { VPXORQ(r, r, r) }}
	inYMM = sixteen{2, func() reg.VecVirtual { return YMM() }, func(r reg.VecVirtual) { VXORPS(r, r, r) }}
)

// dots writes the products of x with count rows: with four at a time as long as there are, and then with what is left, for the sums of one wait for each
// other.
func dots(name string, s sixteen) {
	TEXT(name, NOSPLIT, dotsSig)
	dst, x, row, n, count := arg("dst"), arg("x"), arg("rows"), arg("n"), arg("count")
	s.products(dst, x, row, n, count)
	VZEROUPPER()
	RET()
}

// triangle writes the products of each row with those up to it.
func triangle(name string, s sixteen) {
	TEXT(name, NOSPLIT, triangleSig)
	dst, rows, n, count := arg("dst"), arg("rows"), arg("n"), arg("count")
	x, many := copyOf(rows), GP64()
	MOVQ(U32(1), many)
	Label("next")
	s.products(copyOf(dst), copyOf(x), copyOf(rows), n, copyOf(many))
	LEAQ(indexed(x, n, 4), x)
	LEAQ(indexed(dst, count, 8), dst)
	INCQ(many)
	CMPQ(many, count)
	JLE(LabelRef("next"))
	VZEROUPPER()
	RET()
}

// products changes dst, row and count.
func (s sixteen) products(dst, x, row, n, count reg.GPVirtual) {
	stride, stride3 := copyOf(n), GP64()
	SHLQ(Imm(2), stride)
	LEAQ(indexed(stride, stride, 2), stride3)
	places := []Mem{at(row, 0), indexed(row, stride, 1), indexed(row, stride, 2), indexed(row, stride3, 1)}
	SUBQ(Imm(4), count)
	JL(LabelRef("few"))
	Label("four")
	s.rows("ofFour", dst, x, row, n, places)
	ADDQ(stride3, row)
	ADDQ(Imm(32), dst)
	SUBQ(Imm(4), count)
	JGE(LabelRef("four"))
	Label("few")
	ADDQ(Imm(4), count)
	JZ(LabelRef("done"))
	CMPQ(count, Imm(2))
	JE(LabelRef("two"))
	JG(LabelRef("three"))
	s.rows("ofOne", dst, x, row, n, places[:1])
	JMP(LabelRef("done"))
	Label("two")
	s.rows("ofTwo", dst, x, row, n, places[:2])
	JMP(LabelRef("done"))
	Label("three")
	s.rows("ofThree", dst, x, row, n, places[:3])
	Label("done")
}

// rows writes the products of x with the rows at places, and leaves row behind the first of them. Of the last sixteen numbers there may be eight.
func (s sixteen) rows(label string, dst, x, row, n reg.GPVirtual, places []Mem) {
	acc := make([][]reg.VecVirtual, len(places))
	for i := range acc {
		for range s.parts {
			r := s.vec()
			s.zero(r)
			acc[i] = append(acc[i], r)
		}
	}
	left, number := copyOf(n), copyOf(x)
	SUBQ(Imm(16), left)
	JL(LabelRef("last_" + label))
	Label(label)
	for part := range s.parts {
		p := s.vec()
		VMOVUPS(at(number, 32*part), p)
		for i, m := range places {
			y := s.vec()
			VMULPS(m.Offset(32*part), p, y)
			VADDPS(y, acc[i][part], acc[i][part])
		}
	}
	ADDQ(Imm(64), number)
	ADDQ(Imm(64), row)
	SUBQ(Imm(16), left)
	JGE(LabelRef(label))
	Label("last_" + label)
	ADDQ(Imm(16), left)
	JZ(LabelRef("sums_" + label))
	p := YMM()
	VMOVUPS(at(number, 0), p)
	for i, m := range places {
		y := YMM()
		VMULPS(m, p, y)
		sum, eight := acc[i][0], y
		if s.parts == 1 {
			eight = y.AsZ().(reg.VecVirtual)
		}
		VADDPS(eight, sum, sum)
	}
	ADDQ(Imm(32), row)
	Label("sums_" + label)
	var sums []reg.VecVirtual
	for _, a := range acc {
		sums = append(sums, s.fold(a))
	}
	storeSums(sums, dst)
}

// fold adds lane l + 8 to lane l, and then l + 4: four are left.
func (s sixteen) fold(acc []reg.VecVirtual) reg.VecVirtual {
	half, quarter := YMM(), XMM()
	if s.parts == 1 {
		VEXTRACTF64X4(Imm(1), acc[0], half)
		VADDPS(half, acc[0].AsY(), half)
	} else {
		VADDPS(acc[1], acc[0], half)
	}
	VEXTRACTF128(Imm(1), half, quarter)
	VADDPS(quarter, half.AsX(), quarter)
	return quarter
}

// storeSums stores, of each of up to four, (0 + 2) + (1 + 3) as a float64.
func storeSums(x []reg.VecVirtual, dst reg.Register) {
	if len(x) < 4 {
		for i, a := range x {
			b := XMM()
			VMOVHLPS(a, a, b)
			VADDPS(b, a, a)
			VMOVSHDUP(a, b)
			VADDSS(b, a, a)
			VCVTSS2SD(a, a, a)
			VMOVSD(a, at(dst, 8*i))
		}
		return
	}
	pair := func(a, b reg.VecVirtual) reg.VecVirtual { // a02, b02, a13, b13
		low, high := XMM(), XMM()
		VUNPCKLPS(b, a, low)
		VUNPCKHPS(b, a, high)
		VADDPS(high, low, low)
		return low
	}
	ab, cd, even, wide := pair(x[0], x[1]), pair(x[2], x[3]), XMM(), YMM()
	VUNPCKLPD(cd, ab, even)
	VUNPCKHPD(cd, ab, ab)
	VADDPS(ab, even, even)
	VCVTPS2PD(even, wide)
	VMOVUPD(wide, at(dst, 0))
}
