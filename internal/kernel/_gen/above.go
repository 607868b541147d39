package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const aboveSig = "func(masks *uint32, dots *int32, scales *float32, words int, add, limit float32)"

// geOQ is VCMPPS's predicate "greater or equal", false where one is not a number.
const geOQ = 29

func aboveArgs(add, limit reg.VecVirtual) (masks, dots, scales, words reg.GPVirtual) {
	masks, dots, scales, words = arg("masks"), arg("dots"), arg("scales"), arg("words")
	VBROADCASTSS(memory("add"), add)
	VBROADCASTSS(memory("limit"), limit)
	return masks, dots, scales, words
}

// memory returns where an argument lies. Load would take MOVSS, which waits for upper halves of registers that are in use.
func memory(name string) Op {
	b, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}

// aboveNext moves on by a word of 32 rows.
func aboveNext(masks, dots, scales, words reg.GPVirtual) {
	ADDQ(Imm(4), masks)
	ADDQ(U32(floats), dots)
	ADDQ(U32(floats), scales)
	DECQ(words)
	JNZ(LabelRef("word"))
	VZEROUPPER()
	RET()
}

func above512() {
	TEXT("aboveAVX512", NOSPLIT, aboveSig)
	add, limit := ZMM(), ZMM()
	masks, dots, scales, words := aboveArgs(add, limit)
	Label("word")
	var k [2]reg.OpmaskVirtual
	for half := range 2 {
		x := ZMM()
		k[half] = K()
		VCVTDQ2PS(at(dots, 64*half), x)
		VADDPS(add, x, x)
		VMULPS(at(scales, 64*half), x, x)
		VCMPPS(Imm(geOQ), limit, x, k[half])
	}
	KUNPCKWD(k[0], k[1], k[0])
	KMOVD(k[0], at(masks, 0))
	aboveNext(masks, dots, scales, words)
}

func above256() {
	TEXT("aboveAVX2", NOSPLIT, aboveSig)
	add, limit := YMM(), YMM()
	masks, dots, scales, words := aboveArgs(add, limit)
	Label("word")
	all := GP32()
	for quarter := range 4 {
		x, m := YMM(), GP32()
		VCVTDQ2PS(at(dots, 32*quarter), x)
		VADDPS(add, x, x)
		VMULPS(at(scales, 32*quarter), x, x)
		VCMPPS(Imm(geOQ), limit, x, x)
		VMOVMSKPS(x, m)
		if quarter == 0 {
			MOVL(m, all)
			continue
		}
		SHLL(Imm(uint64(8*quarter)), m)
		ORL(m, all)
	}
	MOVL(all, at(masks, 0))
	aboveNext(masks, dots, scales, words)
}
