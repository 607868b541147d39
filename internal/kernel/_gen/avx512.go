package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// avx512 needs F, BW, DQ, VL, VBMI, VNNI and GFNI: Ice Lake and Zen 4, and what came after.
func avx512() {
	dot512()
	rows512("dotRowsAVX512", rowsSig, false)
	rows512("dotGatherAVX512", gatherSig, true)
	batch512()
	scan512()
	above512()
	dots("dotsAVX512", inZMM)
	triangle("triangleAVX512", inZMM)
	widen512()
	fetch("fetchAVX512")
	fetchEach("fetchEachAVX512")
	addAt512()
	addFrom512()
	atLeast512()
	promise512()
	through512()
	bound512()
	most512()
	order512()
	peak512()
	quantise512()
	pairs512()
	twoBits512()
	dotTurned512()
	shrink512()
	weighed512()
	expect512()
}

// chunk is how many codes one register holds once they are widened to 16 bits.
const chunk512 = 32

// tailMask sets k to the low n bits.
func tailMask(n reg.Register, k reg.OpmaskVirtual) {
	ones := GP32()
	MOVL(I32(-1), ones)
	BZHIL(n.(reg.GPVirtual).As32(), ones, ones)
	KMOVD(ones, k)
}

func dot512() {
	TEXT("dotAVX512", NOSPLIT, dotSig)
	codes, n, q := base("codes"), length("codes"), base("q")
	acc, x := ZMM(), ZMM()
	VPXORD(acc, acc, acc)
	Label("chunk")
	CMPQ(n, Imm(chunk512))
	JL(LabelRef("tail"))
	VPMOVSXBW(at(codes, 0), x)
	VPDPWSSD(at(q, 0), x, acc)
	ADDQ(Imm(chunk512), codes)
	ADDQ(Imm(2*chunk512), q)
	SUBQ(Imm(chunk512), n)
	JMP(LabelRef("chunk"))
	Label("tail")
	TESTQ(n, n)
	JZ(LabelRef("sum"))
	k := K()
	tailMask(n, k)
	VPMOVSXBW_Z(at(codes, 0), k, x)
	y := ZMM()
	VMOVDQU16_Z(at(q, 0), k, y)
	VPDPWSSD(y, x, acc)
	Label("sum")
	half, quarter := YMM(), XMM()
	VEXTRACTI64X4(Imm(1), acc, half)
	VPADDD(acc.AsY(), half, half)
	VEXTRACTI32X4(Imm(1), half, quarter)
	VPADDD(half.AsX(), quarter, quarter)
	sum := sumXMM(quarter)
	VZEROUPPER()
	Store(sum, ReturnIndex(0))
	RET()
}

// clear sets registers to zero. x is any that was set before: avo takes VPXORD of a register with itself for a use of
// what it held, and would keep it for that from the start of the function.
func clear(x reg.VecVirtual, zs ...reg.VecVirtual) {
	for _, z := range zs {
		VPXORD(x, x, z)
	}
}

// sumXMM adds up the four lanes of x.
func sumXMM(x reg.VecVirtual) reg.GPVirtual {
	t := XMM()
	VPSHUFD(Imm(0x4e), x, t)
	VPADDD(t, x, x)
	VPSHUFD(Imm(0xb1), x, t)
	VPADDD(t, x, x)
	sum := GP32()
	VMOVD(x, sum)
	return sum
}

// merge512 adds up four accumulators within each 128-bit lane: lane l of the result has the sums of lanes l of a, b, c
// and d, in this order.
func merge512(v []reg.VecVirtual) reg.VecVirtual {
	t := zmms(2)
	for i := range 2 {
		a, b := v[2*i], v[2*i+1]
		VPUNPCKLDQ(b, a, t[i])
		VPUNPCKHDQ(b, a, a)
		VPADDD(a, t[i], t[i])
	}
	lo := v[0]
	VPUNPCKLQDQ(t[1], t[0], lo)
	VPUNPCKHQDQ(t[1], t[0], t[0])
	VPADDD(t[0], lo, lo)
	return lo
}

// sums512 adds up each of four accumulators and returns the four sums.
func sums512(v []reg.VecVirtual) reg.VecVirtual {
	m := merge512(v)
	half, quarter := YMM(), XMM()
	VEXTRACTI64X4(Imm(1), m, half)
	VPADDD(m.AsY(), half, half)
	VEXTRACTI32X4(Imm(1), half, quarter)
	VPADDD(half.AsX(), quarter, quarter)
	return quarter
}

// rows512 writes DotRows or DotGather: four rows at a time, their accumulators transposed into four sums. Rows of 64
// and 128 codes have loops of their own, in which the query stays in registers; any other length takes the general one.
func rows512(name, sig string, gather bool) {
	TEXT(name, NOSPLIT, sig)
	r := newRowLoop(gather)
	zero := ZMM()
	VPXORD(zero, zero, zero)
	k, left := K(), copyOf(r.dim)
	ANDQ(Imm(chunk512-1), left)
	tailMask(left, k)
	CMPQ(r.dim, Imm(64))
	JE(LabelRef("dim64"))
	CMPQ(r.dim, Imm(128))
	JE(LabelRef("dim128"))

	r.loop("any", 0, func(p []reg.GPVirtual) reg.VecVirtual {
		acc, x := zmms(4), zmms(4)
		clear(zero, acc...)
		q, n := copyOf(r.q), copyOf(r.dim)
		for i := range p {
			p[i] = copyOf(p[i])
		}
		more, tail, done := r.label("chunk"), r.label("tail"), r.label("done")
		y := ZMM()
		SUBQ(Imm(chunk512), n)
		JL(LabelRef(tail))
		Label(more)
		VMOVDQU16(at(q, 0), y)
		for i := range acc {
			VPMOVSXBW(at(p[i], 0), x[i])
			VPDPWSSD(y, x[i], acc[i])
			ADDQ(Imm(chunk512), p[i])
		}
		ADDQ(Imm(2*chunk512), q)
		SUBQ(Imm(chunk512), n)
		JGE(LabelRef(more))
		Label(tail)
		CMPQ(n, I32(-chunk512))
		JE(LabelRef(done))
		VMOVDQU16_Z(at(q, 0), k, y)
		for i := range acc {
			VPMOVSXBW_Z(at(p[i], 0), k, x[i])
			VPDPWSSD(y, x[i], acc[i])
		}
		Label(done)
		return sums512(acc)
	})
	// A register of 64 codes is taken apart into even and odd ones without a shuffle, which would be the bottleneck: odd
	// ones by a shift, even ones by a mask, made 0 … 255 first; 128 times the even part of the query comes off for that.
	// The products may overflow on the way, the sum does not.
	sign, low := ZMM(), ZMM()
	constants := rowConstants(gather)
	for _, dim := range []int{64, 128} {
		Label(fmt.Sprintf("dim%d", dim))
		VPBROADCASTD(constants.Offset(0), sign)
		VPBROADCASTD(constants.Offset(4), low)
		start, minus := ZMM(), ZMM()
		clear(zero, start)
		VPBROADCASTD(constants.Offset(8), minus)
		even, odd := zmms(dim/64), zmms(dim/64)
		for c := range even {
			half := YMM()
			for i, part := range []reg.VecVirtual{even[c], odd[c]} {
				x, y := ZMM(), ZMM()
				VMOVDQU16(at(r.q, 128*c), x)
				VMOVDQU16(at(r.q, 128*c+64), y)
				if i == 1 {
					VPSRLD(Imm(16), x, x)
					VPSRLD(Imm(16), y, y)
				}
				VPMOVDW(x, part.AsY())
				VPMOVDW(y, half)
				VINSERTI64X4(Imm(1), half, part, part)
			}
			VPDPWSSD(minus, even[c], start)
		}
		r.loop(fmt.Sprintf("dim%d", dim), dim, func(p []reg.GPVirtual) reg.VecVirtual {
			acc := zmms(4)
			for i := range acc {
				VMOVDQA64(start, acc[i])
				for c := range even {
					x, y := ZMM(), ZMM()
					VMOVDQU8(at(p[i], 64*c), x)
					VPSRAW(Imm(8), x, y)
					VPTERNLOGD(Imm(0x28), low, sign, x) // (x ^ sign) & low
					VPDPWSSD(odd[c], y, acc[i])
					VPDPWSSD(even[c], x, acc[i])
				}
			}
			return sums512(acc)
		})
	}
}

var rowConstantsMem Mem

func rowConstants(again bool) Mem {
	if !again {
		rowConstantsMem = GLOBL("rowsAVX512Constants", RODATA|NOPTR)
		DATA(0, U32(0x00800080))
		DATA(4, U32(0x00ff00ff))
		DATA(8, U32(0xff80ff80)) // -128
	}
	return rowConstantsMem
}

// batch512 takes four rows at a time with four queries: a widened row serves four products.
func batch512() {
	TEXT("dotBatch4AVX512", NOSPLIT, batchSig)
	dst, codes, qs, rows, stride, apart := arg("dst"), arg("codes"), arg("qs"), arg("rows"), arg("stride"), arg("apart")
	k, left := K(), copyOf(stride)
	ANDQ(Imm(chunk512-1), left)
	tailMask(left, k)
	SHLQ(Imm(2), apart) // bytes from one query's results to the next one's
	apart3 := GP64()
	LEAQ(indexed(apart, apart, 2), apart3)
	zero := ZMM()
	VPXORD(zero, zero, zero)
	Label("rows")
	acc := zmms(16) // of row i and query j at 4·j + i
	clear(zero, acc...)
	row, q, n := copyOf(codes), copyOf(qs), copyOf(stride)
	stride3, q3 := GP64(), GP64()
	LEAQ(indexed(stride, stride, 2), stride3)
	LEAQ(indexed(q, stride3, 2), q3)
	x := zmms(4)
	part := func(load func(m Mem, z reg.VecVirtual), widen func(m Mem, z reg.VecVirtual)) {
		widen(at(row, 0), x[0])
		widen(indexed(row, stride, 1), x[1])
		widen(indexed(row, stride, 2), x[2])
		widen(indexed(row, stride3, 1), x[3])
		for j, m := range []Mem{at(q, 0), indexed(q, stride, 2), indexed(q, stride, 4), at(q3, 0)} {
			y := ZMM()
			load(m, y)
			for i := range x {
				VPDPWSSD(y, x[i], acc[4*j+i])
			}
		}
	}
	SUBQ(Imm(chunk512), n)
	JL(LabelRef("tail"))
	Label("chunk")
	part(func(m Mem, z reg.VecVirtual) { VMOVDQU16(m, z) }, func(m Mem, z reg.VecVirtual) { VPMOVSXBW(m, z) })
	ADDQ(Imm(chunk512), row)
	ADDQ(Imm(2*chunk512), q)
	ADDQ(Imm(2*chunk512), q3)
	SUBQ(Imm(chunk512), n)
	JGE(LabelRef("chunk"))
	Label("tail")
	CMPQ(n, I32(-chunk512))
	JE(LabelRef("sums"))
	part(func(m Mem, z reg.VecVirtual) { VMOVDQU16_Z(m, k, z) }, func(m Mem, z reg.VecVirtual) { VPMOVSXBW_Z(m, k, z) })
	Label("sums")
	m := make([]reg.VecVirtual, 4) // of query j: the sums of its four rows, still apart by lanes
	for j := range m {
		m[j] = merge512(acc[4*j : 4*j+4])
	}
	for i := range 2 { // [a0 a1 a2 a3], [b0 b1 b2 b3] -> [a0+a1 a2+a3 b0+b1 b2+b3]
		even := ZMM()
		VSHUFI64X2(Imm(0x88), m[2*i+1], m[2*i], even)
		VSHUFI64X2(Imm(0xdd), m[2*i+1], m[2*i], m[2*i])
		VPADDD(even, m[2*i], m[2*i])
	}
	sums := ZMM()
	VSHUFI64X2(Imm(0x88), m[2], m[0], sums)
	VSHUFI64X2(Imm(0xdd), m[2], m[0], m[0])
	VPADDD(m[0], sums, sums)
	VMOVDQU32(sums.AsX(), at(dst, 0))
	VEXTRACTI32X4(Imm(1), sums, indexed(dst, apart, 1))
	VEXTRACTI32X4(Imm(2), sums, indexed(dst, apart, 2))
	VEXTRACTI32X4(Imm(3), sums, indexed(dst, apart3, 1))
	ADDQ(Imm(16), dst)
	LEAQ(indexed(codes, stride, 4), codes)
	SUBQ(Imm(4), rows)
	JNZ(LabelRef("rows"))
	VZEROUPPER()
	RET()
}
