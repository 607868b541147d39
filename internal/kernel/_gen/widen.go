package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const widenSig = "func(dst *float32, high, low *int8, by *float32, n int, scale float32)"

// widen writes the loop over n numbers, lanes at a time; where that is sixteen there may be eight left.
func widen(name string, lanes int, vec func() reg.VecVirtual) {
	TEXT(name, NOSPLIT, widenSig)
	dst, high, low, by, n := arg("dst"), arg("high"), arg("low"), arg("by"), arg("n")
	scale := vec()
	VBROADCASTSS(memory("scale"), scale)
	step := func(h, l, scale reg.VecVirtual) {
		VPMOVSXBD(at(high, 0), h)
		VPSLLD(Imm(8), h, h)
		VPMOVSXBD(at(low, 0), l)
		VPADDD(l, h, h)
		VCVTDQ2PS(h, h)
		VMULPS(scale, h, h)
		VMULPS(at(by, 0), h, h)
		VMOVUPS(h, at(dst, 0))
	}
	SUBQ(Imm(uint64(lanes)), n)
	JL(LabelRef("last"))
	Label("some")
	step(vec(), vec(), scale)
	ADDQ(Imm(uint64(4*lanes)), dst)
	ADDQ(Imm(uint64(lanes)), high)
	ADDQ(Imm(uint64(lanes)), low)
	ADDQ(Imm(uint64(4*lanes)), by)
	SUBQ(Imm(uint64(lanes)), n)
	JGE(LabelRef("some"))
	Label("last")
	if lanes == 16 {
		ADDQ(Imm(16), n)
		JZ(LabelRef("done"))
		step(YMM(), YMM(), scale.AsY().(reg.VecVirtual))
		Label("done")
	}
	VZEROUPPER()
	RET()
}

func widen512() { widen("widenAVX512", 16, func() reg.VecVirtual { return ZMM() }) }

func widen256() { widen("widenAVX2", 8, func() reg.VecVirtual { return YMM() }) }
