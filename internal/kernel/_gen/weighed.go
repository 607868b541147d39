package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const weighedSig = "func(dst, rows, weights, by *float32, count, n int)"

// weighed takes four registers of numbers of all rows at a time, and then eight numbers: their sums stay in registers.
func weighed(name string, lanes int, vec func() reg.VecVirtual) {
	TEXT(name, NOSPLIT, weighedSig)
	dst, rows, weights, by, count, n := arg("dst"), arg("rows"), arg("weights"), arg("by"), arg("count"), arg("n")
	stride := copyOf(n)
	SHLQ(Imm(2), stride)
	part := func(name string, registers, lanes int, vec func() reg.VecVirtual) {
		Label(name)
		var sums []reg.VecVirtual
		for range registers {
			s := vec()
			VXORPS(s.AsX(), s.AsX(), s.AsX())
			sums = append(sums, s)
		}
		row, weight, left := copyOf(rows), copyOf(weights), copyOf(count)
		Label(name + "_row")
		w := vec()
		VBROADCASTSS(at(weight, 0), w)
		for i, s := range sums {
			p := vec()
			VMULPS(at(row, 4*lanes*i), w, p)
			VADDPS(p, s, s)
		}
		ADDQ(stride, row)
		ADDQ(Imm(4), weight)
		DECQ(left)
		JNZ(LabelRef(name + "_row"))
		for i, s := range sums {
			VMULPS(at(by, 4*lanes*i), s, s)
			VMOVUPS(s, at(dst, 4*lanes*i))
		}
		for _, r := range []reg.Register{dst, rows, by} {
			ADDQ(U32(uint32(4*lanes*registers)), r)
		}
		SUBQ(U32(uint32(lanes*registers)), n)
	}
	SUBQ(U32(uint32(4*lanes)), n)
	JL(LabelRef("few"))
	part("many", 4, lanes, vec)
	JGE(LabelRef("many"))
	Label("few")
	ADDQ(U32(uint32(4*lanes)), n)
	JZ(LabelRef("done"))
	part("eight", 1, 8, func() reg.VecVirtual { return YMM() })
	JNZ(LabelRef("eight"))
	Label("done")
	VZEROUPPER()
	RET()
}

func weighed512() { weighed("weighedAVX512", 16, func() reg.VecVirtual { return ZMM() }) }

func weighed256() { weighed("weighedAVX2", 8, func() reg.VecVirtual { return YMM() }) }
