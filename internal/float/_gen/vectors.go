package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// each runs body for every register's worth of bytes, i being the offset.
func each(bytes reg.GPVirtual, body func(i reg.GPVirtual)) {
	i := zeroed()
	Label("loop")
	body(i)
	ADDQ(Imm(uint64(width)), i)
	CMPQ(i, bytes)
	JL(LabelRef("loop"))
}

func dot() {
	begin("dot", "func(a, b *float32, bytes int) float32")
	a, b, bytes, total := load("a"), load("b"), load("bytes"), YMM()
	zero(total)
	each(bytes, func(i reg.GPVirtual) {
		x := YMM()
		VMOVUPS(indexed(a, i, 0), x)
		VFMADD231PS(indexed(b, i, 0), x, total)
	})
	Store(sum(total), ReturnIndex(0))
	end()
}

// advance: x += alpha·p, r += alpha·q; returns Σ r² inverse.
func advance() {
	begin("advance", "func(x, r, p, q, inverse *float32, bytes int, alpha float32) float32")
	x, r, p, q, inverse, bytes := load("x"), load("r"), load("p"), load("q"), load("inverse"), load("bytes")
	alpha, total := broadcast("alpha"), YMM()
	zero(total)
	each(bytes, func(i reg.GPVirtual) {
		a, b, c := YMM(), YMM(), YMM()
		VMOVUPS(indexed(x, i, 0), a)
		VFMADD231PS(indexed(p, i, 0), alpha, a)
		VMOVUPS(a, indexed(x, i, 0))
		VMOVUPS(indexed(r, i, 0), b)
		VFMADD231PS(indexed(q, i, 0), alpha, b)
		VMOVUPS(b, indexed(r, i, 0))
		VMULPS(indexed(inverse, i, 0), b, c)
		VFMADD231PS(c, b, total)
	})
	Store(sum(total), ReturnIndex(0))
	end()
}

// direct: p = inverse·r + beta·p.
func direct() {
	begin("direct", "func(p, r, inverse *float32, bytes int, beta float32)")
	p, r, inverse, bytes := load("p"), load("r"), load("inverse"), load("bytes")
	beta := broadcast("beta")
	each(bytes, func(i reg.GPVirtual) {
		a, b := YMM(), YMM()
		VMULPS(indexed(p, i, 0), beta, a)
		VMOVUPS(indexed(r, i, 0), b)
		VFMADD231PS(indexed(inverse, i, 0), b, a)
		VMOVUPS(a, indexed(p, i, 0))
	})
	end()
}

// diagonal: out = −(gram + ridge)·p, number by number.
func diagonal() {
	begin("diagonal", "func(out, gram, p *float32, bytes int, ridge float32)")
	out, g, p, bytes := load("out"), load("gram"), load("p"), load("bytes")
	ridge := broadcast("ridge")
	each(bytes, func(i reg.GPVirtual) {
		a, none := YMM(), YMM()
		zero(none)
		VADDPS(indexed(g, i, 0), ridge, a)
		VFNMADD132PS(indexed(p, i, 0), none, a)
		VMOVUPS(a, indexed(out, i, 0))
	})
	end()
}

// precondition: inverse = 1 / (g + weight·c + ridge).
func precondition() {
	begin("precondition", "func(inverse, gram, c *float32, bytes int, weight, ridge float32)")
	inverse, g, c, bytes := load("inverse"), load("gram"), load("c"), load("bytes")
	weight, ridge := broadcast("weight"), broadcast("ridge")
	one, bits := YMM(), GP32()
	MOVL(U32(0x3f800000), bits)
	low := XMM()
	VMOVD(bits, low)
	VBROADCASTSS(low, one)
	each(bytes, func(i reg.GPVirtual) {
		a := YMM()
		VADDPS(indexed(g, i, 0), ridge, a)
		VFMADD231PS(indexed(c, i, 0), weight, a)
		VDIVPS(a, one, a)
		VMOVUPS(a, indexed(inverse, i, 0))
	})
	end()
}

// rotate: a, b = cos·a − sin·b, sin·a + cos·b, in float64.
func rotate() {
	begin("rotate", "func(a, b *float64, bytes int, cos, sin float64)")
	a, b, bytes := load("a"), load("b"), load("bytes")
	cos, sin := YMM(), YMM()
	VBROADCASTSD(arg("cos"), cos)
	VBROADCASTSD(arg("sin"), sin)
	each(bytes, func(i reg.GPVirtual) {
		x, y, u, v := YMM(), YMM(), YMM(), YMM()
		VMOVUPD(indexed(a, i, 0), x)
		VMOVUPD(indexed(b, i, 0), y)
		VMULPD(y, sin, u)
		VMULPD(y, cos, v)
		VFMSUB231PD(x, cos, u)
		VFMADD231PD(x, sin, v)
		VMOVUPD(u, indexed(a, i, 0))
		VMOVUPD(v, indexed(b, i, 0))
	})
	end()
}

// tile writes an 8×16 block of a product: c[r][n] = Σ_k a[r·aRow + k·aCol]·b[k·bRow + n], strides in bytes.
func tile() {
	begin("tile", "func(c, a, b *float32, k int, cRow, aRow, aCol, bRow int)")
	const rows = 8
	const wide, step = 2, 4 // registers of a row, rows at a time
	for first := 0; first < rows; first += step {
		loop := fmt.Sprintf("k%d", first)
		c, a, b, k := load("c"), load("a"), load("b"), load("k")
		aRow, aCol, bRow := load("aRow"), load("aCol"), load("bRow")
		if first > 0 {
			skip := GP64()
			IMUL3Q(Imm(uint64(first)), aRow, skip)
			ADDQ(skip, a)
		}
		acc := ymms(step * wide)
		zero(acc...)
		Label(loop)
		cols := ymms(wide)
		for n, v := range cols {
			VMOVUPS(at(b, n*width), v)
		}
		r := copied(a)
		for i := range step {
			x := YMM()
			VBROADCASTSS(at(r, 0), x)
			for n, v := range cols {
				VFMADD231PS(v, x, acc[i*wide+n])
			}
			if i < step-1 {
				ADDQ(aRow, r)
			}
		}
		ADDQ(aCol, a)
		ADDQ(bRow, b)
		DECQ(k)
		JNE(LabelRef(loop))
		cRow := load("cRow")
		if first > 0 {
			skip := GP64()
			IMUL3Q(Imm(uint64(first)), cRow, skip)
			ADDQ(skip, c)
		}
		for i := range step {
			for n := range wide {
				VMOVUPS(acc[i*wide+n], at(c, n*width))
			}
			if i < step-1 {
				ADDQ(cRow, c)
			}
		}
	}
	end()
}
