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

// dots64By512 takes four rows at a time as long as there are, and then what is left: the sums of one wait for each other.
func dots64By512() {
	TEXT("dots64AVX512", NOSPLIT, dots64Sig)
	dst, x, row, n, count := arg("dst"), arg("x"), arg("rows"), arg("n"), arg("count")
	stride, stride3 := copyOf(n), GP64()
	SHLQ(Imm(3), stride)
	LEAQ(indexed(stride, stride, 2), stride3)
	total := func(acc reg.VecVirtual) reg.VecVirtual {
		high := YMM()
		VEXTRACTF64X4(Imm(1), acc, high)
		VADDPD(high, acc.AsY(), high)
		return fold4(high)
	}
	rows := func(label string, acc []reg.VecVirtual, at4 func() []Mem) {
		for _, a := range acc {
			VPXORQ(a, a, a)
		}
		left, number := copyOf(n), copyOf(x)
		Label(label)
		p := ZMM()
		VMOVUPD(at(number, 0), p)
		for i, m := range at4() {
			y := ZMM()
			VMULPD(m, p, y)
			VADDPD(y, acc[i], acc[i])
		}
		ADDQ(Imm(64), number)
		ADDQ(Imm(64), row)
		SUBQ(Imm(8), left)
		JNZ(LabelRef(label))
		for i, a := range acc {
			VMOVSD(total(a).AsX(), at(dst, 8*i))
		}
	}
	SUBQ(Imm(4), count)
	JL(LabelRef("few"))
	Label("four")
	rows("eightOfFour", zmms(4), func() []Mem {
		return []Mem{at(row, 0), indexed(row, stride, 1), indexed(row, stride, 2), indexed(row, stride3, 1)}
	})
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
	rows("eight", zmms(1), func() []Mem { return []Mem{at(row, 0)} })
	JMP(LabelRef("done"))
	Label("two")
	rows("eightOfTwo", zmms(2), func() []Mem { return []Mem{at(row, 0), indexed(row, stride, 1)} })
	JMP(LabelRef("done"))
	Label("three")
	rows("eightOfThree", zmms(3), func() []Mem { return []Mem{at(row, 0), indexed(row, stride, 1), indexed(row, stride, 2)} })
	Label("done")
	VZEROUPPER()
	RET()
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
