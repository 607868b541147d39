package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const widenSig = "func(dst *float64, high, low *int8, by *float64, n int, scale float64)"

// widen writes the loop over n numbers, a multiple of lanes: integers of four bytes are in registers of ints, floats in those of vec.
func widen(name string, lanes int, ints, vec func() reg.VecVirtual, shift func(x reg.VecVirtual)) {
	TEXT(name, NOSPLIT, widenSig)
	dst, high, low, by, n := arg("dst"), arg("high"), arg("low"), arg("by"), arg("n")
	one, scale := XMM(), vec()
	Load(Param("scale"), one)
	VBROADCASTSD(one, scale)
	Label("some")
	h, l, y := ints(), ints(), vec()
	VPMOVSXBD(at(high, 0), h)
	shift(h)
	VPMOVSXBD(at(low, 0), l)
	VPADDD(l, h, h)
	VCVTDQ2PD(h, y)
	VMULPD(scale, y, y)
	VMULPD(at(by, 0), y, y)
	VMOVUPD(y, at(dst, 0))
	ADDQ(Imm(uint64(8*lanes)), dst)
	ADDQ(Imm(uint64(lanes)), high)
	ADDQ(Imm(uint64(lanes)), low)
	ADDQ(Imm(uint64(8*lanes)), by)
	SUBQ(Imm(uint64(lanes)), n)
	JNZ(LabelRef("some"))
	VZEROUPPER()
	RET()
}

func shiftByte(x reg.VecVirtual) { VPSLLD(Imm(8), x, x) }

func widen512() {
	widen("widenAVX512", 8, func() reg.VecVirtual { return YMM() }, func() reg.VecVirtual { return ZMM() }, shiftByte)
}

func widen256() {
	widen("widenAVX2", 4, func() reg.VecVirtual { return XMM() }, func() reg.VecVirtual { return YMM() }, shiftByte)
}
