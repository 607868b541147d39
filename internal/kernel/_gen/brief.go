package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const (
	throughSig = "func(dst, table *float32, tableSize int, classes *uint16, size int, at *uint32, n int) int"
	boundSig   = "func(bounds, likely, sums, factor *float32, rows *uint32, n int, briefs *byte, size int, popular, byLength float32) int"
	mostSig    = "func(most *float32, places *uint32, dots *int32, n int, sums, factor *float32, rows *uint32, count int, briefs *byte, size int, p *[6]float32) int"
)

// Offsets within a Brief, which has 16 bytes, and within MostParams.
const (
	popularAt = 0
	scaleAt   = 4
	lengthsAt = 12

	mostScaleAt  = 0
	mostCoarseAt = 4
	mostLostAt   = 8
	mostLeftAt   = 12
	mostByAt     = 16
	mostShiftAt  = 20
)

// gather reads dwords at list + index·scale + disp of the lanes in k, 0 elsewhere.
func gather(list reg.Register, index reg.VecVirtual, scale uint8, disp int, k reg.OpmaskVirtual, zero reg.VecVirtual) reg.VecVirtual {
	x, some := ZMM(), K()
	VMOVDQA32(zero, x)
	KMOVW(k, some)
	VPGATHERDD(Mem{Base: list, Index: index, Scale: scale, Disp: disp}, some, x)
	return x
}

// inBriefs turns rows into places of briefs, in units of 8 bytes, once they are known to be within.
func inBriefs(rows, size reg.VecVirtual, k reg.OpmaskVirtual) reg.VecVirtual {
	within(rows, size, k)
	at := ZMM()
	VPADDD(rows, rows, at)
	return at
}

// length takes that of a Brief out of its last bytes.
func length512(lengths reg.VecVirtual) reg.VecVirtual {
	x := ZMM()
	VPSLLD(Imm(16), lengths, x)
	VPSRLD(Imm(1), x, x)
	return x
}

// done returns 0.
func done() {
	none := GP64()
	XORQ(none, none)
	Store(none, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

func through512() {
	TEXT("throughAVX512", NOSPLIT, throughSig)
	dst, table, classes, places, n := arg("dst"), arg("table"), arg("classes"), arg("at"), arg("n")
	tableSize, size, zero, low := ZMM(), ZMM(), ZMM(), ZMM()
	m := GLOBL("throughAVX512Constants", RODATA|NOPTR)
	DATA(0, U32(0xffff))
	VPBROADCASTD(m, low)
	VPXORD(zero, zero, zero)
	VPBROADCASTD(memory("tableSize"), tableSize)
	VPBROADCASTD(memory("size"), size)
	k := K()
	sixteens(n, k, func() {
		r := ZMM()
		VMOVDQU32_Z(at(places, 0), k, r)
		within(r, size, k)
		c := gather(classes, r, 2, 0, k, zero)
		VPANDD(low, c, c)
		within(c, tableSize, k)
		VMOVDQU32(gather(table, c, 4, 0, k, zero), k, at(dst, 0))
		ADDQ(Imm(64), places)
		ADDQ(Imm(64), dst)
	})
	done()
	beyond()
}

func bound512() {
	TEXT("boundAVX512", NOSPLIT, boundSig)
	bounds, likely, sums, factor, rows, n, briefs := arg("bounds"), arg("likely"), arg("sums"), arg("factor"), arg("rows"), arg("n"), arg("briefs")
	size, popular, byLength, zero := ZMM(), ZMM(), ZMM(), ZMM()
	VPXORD(zero, zero, zero)
	VPBROADCASTD(memory("size"), size)
	VBROADCASTSS(memory("popular"), popular)
	VBROADCASTSS(memory("byLength"), byLength)
	k := K()
	sixteens(n, k, func() {
		r, s, f := ZMM(), ZMM(), ZMM()
		VMOVDQU32_Z(at(rows, 0), k, r)
		r = inBriefs(r, size, k)
		x := gather(briefs, r, 8, popularAt, k, zero)
		l := length512(gather(briefs, r, 8, lengthsAt, k, zero))
		VMULPS(popular, x, x)
		VMOVUPS_Z(at(sums, 0), k, s)
		VADDPS(x, s, s)
		VMOVUPS(s, k, at(sums, 0))
		VMULPS(byLength, l, l)
		VADDPS(l, s, l)
		VMOVUPS_Z(at(factor, 0), k, f)
		VMULPS(f, l, l)
		VMOVUPS(l, k, at(bounds, 0))
		VMULPS(f, s, s)
		VADDPS(l, s, s)
		VMOVUPS(s, k, at(likely, 0))
		for _, p := range []reg.GPVirtual{rows, sums, factor, bounds, likely} {
			ADDQ(Imm(64), p)
		}
	})
	done()
	beyond()
}

func most512() {
	TEXT("mostAVX512", NOSPLIT, mostSig)
	most, places, dots, n, sums, factor, rows := arg("most"), arg("places"), arg("dots"), arg("n"), arg("sums"), arg("factor"), arg("rows")
	briefs, p := arg("briefs"), arg("p")
	count, size, zero, low := ZMM(), ZMM(), ZMM(), ZMM()
	VPXORD(zero, zero, zero)
	VPBROADCASTD(memory("count"), count)
	VPBROADCASTD(memory("size"), size)
	m := GLOBL("mostAVX512Constants", RODATA|NOPTR)
	DATA(0, U32(255))
	VPBROADCASTD(m, low)
	var param [6]reg.VecVirtual
	for i := range param {
		param[i] = ZMM()
		VPBROADCASTD(at(p, 4*i), param[i])
	}
	scale, coarse, lost, left, by, shift := param[mostScaleAt/4], param[mostCoarseAt/4], param[mostLostAt/4], param[mostLeftAt/4], param[mostByAt/4], param[mostShiftAt/4]
	k := K()
	sixteens(n, k, func() {
		c := ZMM()
		VMOVDQU32_Z(at(places, 0), k, c)
		within(c, count, k)
		r := inBriefs(gather(rows, c, 4, 0, k, zero), size, k)
		s := gather(briefs, r, 8, scaleAt, k, zero)
		l := gather(briefs, r, 8, lengthsAt, k, zero)
		x, y := ZMM(), ZMM()
		VPSRLVD(shift, l, x)
		VPANDD(low, x, x)
		VCVTDQ2PS(x, x)
		VMULPS(left, x, x)
		VADDPS(lost, x, x)
		VMULPS(length512(l), x, x) // length·(Lost + Left·left)
		VMULPS(scale, s, y)
		VMULPS(coarse, s, s)
		d := ZMM()
		VMOVDQU32_Z(at(dots, 0), k, d)
		VCVTDQ2PS(d, d)
		VMULPS(y, d, d)
		VADDPS(s, d, d)
		VADDPS(x, d, d)
		VMULPS(by, d, d)
		VADDPS(gather(sums, c, 4, 0, k, zero), d, d)
		VMULPS(gather(factor, c, 4, 0, k, zero), d, d)
		VMOVUPS(d, k, at(most, 0))
		for _, p := range []reg.GPVirtual{places, dots, most} {
			ADDQ(Imm(64), p)
		}
	})
	done()
	beyond()
}
