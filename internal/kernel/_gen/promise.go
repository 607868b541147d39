package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const promiseSig = "func(dst *float32, dots *int32, most, least, scales, wide *float32, n int, scale, more float32) float32"

// ltD is VPCMPD's predicate "less than".
const ltD = 1

// promise512 takes sixteen cells at a time. The greatest is kept lane by lane.
func promise512() {
	TEXT("promiseAVX512", NOSPLIT, promiseSig)
	dst, dots, n := arg("dst"), arg("dots"), arg("n")
	most, least, scales, wide := arg("most"), arg("least"), arg("scales"), arg("wide")
	scale, more, best, zero := ZMM(), ZMM(), ZMM(), ZMM()
	VBROADCASTSS(memory("scale"), scale)
	VBROADCASTSS(memory("more"), more)
	VPXORD(zero, zero, zero)
	low := GP32()
	MOVL(U32(0xff800000), low) // −Inf
	VPBROADCASTD(low, best)
	k := K()
	sixteens(n, k, func() {
		d, h, w, below := ZMM(), ZMM(), ZMM(), K()
		VMOVDQU32_Z(at(dots, 0), k, d)
		VPCMPD(Imm(ltD), zero, d, k, below)
		VMOVUPS_Z(at(most, 0), k, h)
		VMOVUPS(at(least, 0), below, h)
		VCVTDQ2PS(d, d)
		VMULPS(h, d, d)
		VMULPS(scale, d, d)
		VMOVUPS_Z(at(scales, 0), k, h)
		VMULPS(h, d, d)
		VMOVUPS_Z(at(wide, 0), k, w)
		VMULPS(more, w, w)
		VADDPS(w, d, d)
		VMOVUPS(d, k, at(dst, 0))
		VMAXPS(best, d, k, best)
		for _, r := range []reg.Register{dst, dots, most, least, scales, wide} {
			ADDQ(Imm(64), r)
		}
	})
	half, quarter, pair := YMM(), XMM(), XMM()
	VEXTRACTF64X4(Imm(1), best, half)
	VMAXPS(half, best.AsY(), half)
	VEXTRACTF128(Imm(1), half, quarter)
	VMAXPS(half.AsX(), quarter, quarter)
	VPERMILPD(Imm(1), quarter, pair)
	VMAXPS(pair, quarter, quarter)
	VMOVSHDUP(quarter, pair)
	VMAXSS(pair, quarter, quarter)
	Store(quarter, ReturnIndex(0))
	VZEROUPPER()
	RET()
}
