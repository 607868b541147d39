package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const dots64Sig = "func(dst, x, rows *float64, n, count int)"

// dots64Loop writes the loops over count rows of n numbers: start empties the sums, step adds the products of eight numbers at x and
// row, total returns the register whose first lane is the sum of all.
func dots64Loop(start func(), step func(x, row reg.Register), total func() reg.VecVirtual) {
	dst, x, row, n, count := arg("dst"), arg("x"), arg("rows"), arg("n"), arg("count")
	Label("row")
	start()
	left, number := copyOf(n), copyOf(x)
	Label("eight")
	step(number, row)
	ADDQ(Imm(64), number)
	ADDQ(Imm(64), row)
	SUBQ(Imm(8), left)
	JNZ(LabelRef("eight"))
	VMOVSD(total().AsX(), at(dst, 0))
	ADDQ(Imm(8), dst)
	DECQ(count)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// fold4 adds the four lanes of y: (0 + 2) + (1 + 3).
func fold4(y reg.VecVirtual) reg.VecVirtual {
	high := XMM()
	VEXTRACTF128(Imm(1), y, high)
	VADDPD(high, y.AsX(), high)
	odd := XMM()
	VPERMILPD(Imm(1), high, odd)
	VADDSD(odd, high, high)
	return high
}

func dots64By512() {
	TEXT("dots64AVX512", NOSPLIT, dots64Sig)
	acc := ZMM()
	dots64Loop(
		func() { VPXORQ(acc, acc, acc) },
		func(x, row reg.Register) {
			p := ZMM()
			VMOVUPD(at(x, 0), p)
			VMULPD(at(row, 0), p, p)
			VADDPD(p, acc, acc)
		},
		func() reg.VecVirtual {
			high := YMM()
			VEXTRACTF64X4(Imm(1), acc, high)
			VADDPD(high, acc.AsY(), high)
			return fold4(high)
		})
}

func dots64By256() {
	TEXT("dots64AVX2", NOSPLIT, dots64Sig)
	low, high := YMM(), YMM()
	dots64Loop(
		func() {
			VXORPD(low, low, low)
			VXORPD(high, high, high)
		},
		func(x, row reg.Register) {
			for i, acc := range []reg.VecVirtual{low, high} {
				p := YMM()
				VMOVUPD(at(x, 32*i), p)
				VMULPD(at(row, 32*i), p, p)
				VADDPD(p, acc, acc)
			}
		},
		func() reg.VecVirtual {
			VADDPD(high, low, low)
			return fold4(low)
		})
}
