package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const (
	orderSig     = "func(dst, keys *uint64, n int)"
	peakSig      = "func(x *float32, n int) uint32"
	quantiseSig  = "func(codes *int16, x *float32, n int, by float64) int64"
	pairsSig     = "func(w *int32, n int) (peak uint64, norm float64)"
	twoBitsSig   = "func(lut *byte, w *int32, n int, inverse uint64) uint64"
	dotTurnedSig = "func(dst *int32, codes *int8, bias *int32, q *int16, blocks, dim int)"
)

// lessU is VPCMPUQ's predicate "less than".
const lessU = 1

// order512 counts for eight keys at a time how many others are greater: that is where they go.
func order512() {
	TEXT("orderAVX512", NOSPLIT, orderSig)
	dst, keys, n := arg("dst"), arg("keys"), arg("n")
	one, ones := ZMM(), GP64()
	MOVQ(U32(1), ones)
	VPBROADCASTQ(ones, one)
	mine, left, k := copyOf(keys), copyOf(n), K()
	MOVQ(U32(0xff), ones)
	KMOVQ(ones, k)
	Label("eight")
	CMPQ(left, Imm(8))
	JGE(LabelRef("whole"))
	BZHIQ(left, ones, ones)
	KMOVQ(ones, k)
	Label("whole")
	key, at8, less := ZMM(), ZMM(), K()
	VMOVDQU64_Z(at(mine, 0), k, key)
	clear(one, at8)
	other, count := copyOf(keys), copyOf(n)
	Label("other")
	VPCMPUQ_BCST(Imm(lessU), at(other, 0), key, k, less)
	VPADDQ(one, at8, less, at8)
	ADDQ(Imm(8), other)
	DECQ(count)
	JNZ(LabelRef("other"))
	to := K()
	KMOVW(k, to)
	VPSCATTERQQ(key, to, indexed(dst, at8, 8))
	ADDQ(Imm(64), mine)
	SUBQ(Imm(8), left)
	JG(LabelRef("eight"))
	VZEROUPPER()
	RET()
}

// fold folds the lanes of x, eight of eight bytes or sixteen of four, into its first ones: of eight bytes, or of four.
func fold512(x reg.VecVirtual, four bool, merge func(a, b, to reg.VecVirtual)) reg.VecVirtual {
	half, quarter, pair := YMM(), XMM(), XMM()
	VEXTRACTI64X4(Imm(1), x, half)
	merge(x.AsY().(reg.VecVirtual), half, half)
	VEXTRACTI128(Imm(1), half, quarter)
	merge(half.AsX().(reg.VecVirtual), quarter, quarter)
	VPSHUFD(Imm(0x4e), quarter, pair)
	merge(pair, quarter, quarter)
	if four {
		VPSHUFD(Imm(0xb1), quarter, pair)
		merge(pair, quarter, quarter)
	}
	return quarter
}

// returnSum512 returns the sum of the eight lanes of x.
func returnSum512(x reg.VecVirtual) {
	out := GP64()
	VMOVQ(fold512(x, false, func(a, b, to reg.VecVirtual) { VPADDQ(a, b, to) }), out)
	VZEROUPPER()
	Store(out, ReturnIndex(0))
	RET()
}

// peak512 returns the bits of the greatest number without its sign.
func peak512() {
	TEXT("peakAVX512", NOSPLIT, peakSig)
	x, n := arg("x"), arg("n")
	most, abs, k := ZMM(), ZMM(), K()
	mask := GP32()
	MOVL(U32(0x7fffffff), mask)
	VPBROADCASTD(mask, abs)
	clear(abs, most)
	sixteens(n, k, func() {
		y := ZMM()
		VMOVDQU32_Z(at(x, 0), k, y)
		VPANDD(abs, y, y)
		VPMAXUD(y, most, most)
		ADDQ(Imm(64), x)
	})
	out := GP32()
	VMOVD(fold512(most, true, func(a, b, to reg.VecVirtual) { VPMAXUD(a, b, to) }), out)
	VZEROUPPER()
	Store(out, ReturnIndex(0))
	RET()
}

// quantise512 rounds eight numbers at a time by adding what leaves an integer in the lowest bits, zeros for those beyond the last, and
// adds up their squares.
func quantise512() {
	TEXT("quantiseAVX512", NOSPLIT, quantiseSig)
	codes, x, n := arg("codes"), arg("x"), arg("n")
	by, even, sum, k := ZMM(), ZMM(), ZMM(), K()
	VBROADCASTSD(memory("by"), by)
	ones := GP64()
	MOVQ(U64(0x4338000000000000), ones) // 3·2⁵¹
	VPBROADCASTQ(ones, even)
	clear(by, sum)
	MOVQ(U32(0xff), ones)
	KMOVQ(ones, k)
	Label("eight")
	CMPQ(n, Imm(8))
	JGE(LabelRef("whole"))
	BZHIQ(n, ones, ones)
	KMOVQ(ones, k)
	Label("whole")
	y, d, c := YMM(), ZMM(), XMM()
	VMOVUPS_Z(at(x, 0), k, y)
	VCVTPS2PD(y, d)
	VMULPD(by, d, d)
	VADDPD(even, d, d)
	VPMOVQW(d, c)
	VMOVDQU(c, at(codes, 0))
	VPMOVSXWQ(c, d)
	VPMULDQ(d, d, d)
	VPADDQ(d, sum, sum)
	ADDQ(Imm(32), x)
	ADDQ(Imm(16), codes)
	SUBQ(Imm(8), n)
	JG(LabelRef("eight"))
	returnSum512(sum)
}

// pairs512 takes four numbers at a time: sums of squares are four that take turns, groups are of two.
func pairs512() {
	TEXT("pairsAVX512", NOSPLIT, pairsSig)
	w, n := arg("w"), arg("n")
	peak, norm := XMM(), YMM()
	VPXOR(peak, peak, peak)
	VXORPD(norm, norm, norm)
	Label("four")
	a, b, d := XMM(), XMM(), YMM()
	VPABSD(at(w, 0), a)
	VCVTUDQ2PD(a, d)
	VMULPD(d, d, d)
	VADDPD(d, norm, norm)
	VPSHUFD(Imm(0xb1), a, b)
	VPADDD(b, a, a)
	VPMAXUD(a, peak, peak)
	ADDQ(Imm(16), w)
	SUBQ(Imm(4), n)
	JG(LabelRef("four"))
	VPSHUFD(Imm(0x4e), peak, a)
	VPMAXUD(a, peak, peak)
	most := GP32()
	VMOVD(peak, most)
	Store(most.As64(), ReturnIndex(0))
	high, odd := XMM(), XMM() // (0 + 1) + (2 + 3)
	VEXTRACTF128(Imm(1), norm, high)
	low := norm.AsX().(reg.VecVirtual)
	VUNPCKHPD(low, low, odd)
	VADDSD(odd, low, low)
	VUNPCKHPD(high, high, odd)
	VADDSD(odd, high, high)
	VADDSD(high, low, low)
	VZEROUPPER()
	Store(low, ReturnIndex(1))
	RET()
}

// twoBits512 rounds sixteen numbers to their units, and writes the tables of the eight groups of two they make.
//
// An entry is u0·p0 + u1·p1, p a number of two bits that is turned round where w is below 0. So it is made of u0, 2·u0, u1 and 2·u1, each where
// the bit is set: bit and sign differ.
func twoBits512() {
	TEXT("twoBitsAVX512", NOSPLIT, twoBitsSig)
	lut, w, n := arg("lut"), arg("w"), arg("n")
	inverse, half, sum := ZMM(), ZMM(), ZMM()
	VPBROADCASTQ(memory("inverse"), inverse)
	number := GP64()
	MOVQ(U64(1<<39), number)
	VPBROADCASTQ(number, half)
	clear(half, sum)
	m := GLOBL("twoBitsAVX512Constants", RODATA|NOPTR)
	at8 := 0
	for first := range 2 { // which of the 16 bytes the four groups take their u0 from; two more: the next four
		for lane := range 4 {
			for range 2 {
				DATA(at8, U64(0x0101010101010101*uint64(2*lane+8*first)))
				at8 += 8
			}
		}
	}
	for bit := range 4 {
		for range 4 {
			for at16 := range 2 {
				word := uint64(0)
				for c := range 8 {
					if (8*at16+c)>>bit&1 != 0 {
						word |= 0xff << (8 * c)
					}
				}
				DATA(at8, U64(word))
				at8 += 8
			}
		}
	}
	DATA(at8, U64(0x0101010101010101))
	places, sets, one := zmms(2), zmms(4), ZMM()
	for i, r := range append(append([]reg.VecVirtual{}, places...), sets...) {
		VMOVDQU64(m.Offset(64*i), r)
	}
	VPBROADCASTQ(m.Offset(64*6), one)
	Label("sixteen")
	x, u, negative := ZMM(), XMM(), XMM()
	VMOVDQU32(at(w, 0), x)
	sign := ZMM()
	VPSRAD(Imm(31), x, sign)
	VPMOVDB(sign, negative)
	VPABSD(x, x)
	parts := []reg.VecVirtual{YMM(), YMM()}
	VEXTRACTI64X4(Imm(1), x, parts[1])
	for i, p := range []reg.VecVirtual{x.AsY().(reg.VecVirtual), parts[1]} {
		wide := ZMM()
		VPMOVZXDQ(p, wide)
		VPMULLQ(inverse, wide, wide)
		VPADDQ(half, wide, wide)
		VPSRLQ(Imm(40), wide, wide)
		VPADDQ(wide, sum, sum)
		VPMOVQD(wide, parts[i])
	}
	units := ZMM()
	VINSERTI64X4(Imm(1), parts[1], parts[0].AsZ(), units)
	VPMOVDB(units, u)
	for i, place := range places {
		next, acc := ZMM(), ZMM()
		VPADDB(one, place, next)
		u0, u1, n0, n1 := ZMM(), ZMM(), ZMM(), ZMM()
		VPERMB(u.AsZ(), place, u0)
		VPERMB(u.AsZ(), next, u1)
		VPERMB(negative.AsZ(), place, n0)
		VPERMB(negative.AsZ(), next, n1)
		const differing = 0x60 // a & (b ^ c)
		terms := zmms(4)
		for j, t := range terms {
			set, by := n0, u0
			if j >= 2 {
				set, by = n1, u1
			}
			if j%2 == 1 {
				VPADDB(by, by, by)
			}
			VMOVDQA64(by, t)
			VPTERNLOGD(Imm(differing), set, sets[j], t)
		}
		VPADDB(terms[0], terms[1], acc)
		VPADDB(terms[2], terms[3], terms[2])
		VPADDB(terms[2], acc, acc)
		VMOVDQU64(acc, at(lut, 64*i))
	}
	ADDQ(Imm(64), w)
	ADDQ(U32(128), lut)
	SUBQ(Imm(16), n)
	JG(LabelRef("sixteen"))
	returnSum512(sum)
}

// dotTurned512 multiplies the codes of 64 rows, four of each at a time, with four numbers of the query: those are q + 2¹⁵ = 256·high + low,
// bytes without a sign, and what is too much by the 2¹⁵ is taken off by bias.
func dotTurned512() {
	TEXT("dotTurnedAVX512", 0, dotTurnedSig)
	dst, codes, bias, q, blocks, dim := arg("dst"), arg("codes"), arg("bias"), arg("q"), arg("blocks"), arg("dim")
	bytes := AllocLocal(2 * 512) // high, low
	high, low := GP64(), GP64()
	LEAQ(bytes, high)
	LEAQ(bytes.Offset(512), low)
	flip, left, to := XMM(), copyOf(dim), GP64()
	sign := GP32()
	MOVL(U32(0x80008000), sign)
	VPBROADCASTD(sign, flip)
	XORQ(to, to)
	Label("split")
	x, y := XMM(), XMM()
	VPXORD(at(q, 0), flip, x)
	VPSRLW(Imm(8), x, y)
	VPMOVWB(y, indexed(high, to, 1))
	VPMOVWB(x, indexed(low, to, 1))
	ADDQ(Imm(16), q)
	ADDQ(Imm(8), to)
	SUBQ(Imm(8), left)
	JNZ(LabelRef("split"))
	Label("block")
	hi, lo := zmms(4), zmms(4)
	zero := ZMM()
	VPXORD(zero, zero, zero)
	for i := range 4 {
		VMOVDQA64(zero, hi[i])
		VMOVDQU32(at(bias, 64*i), lo[i])
	}
	XORQ(to, to)
	Label("four")
	a, b := ZMM(), ZMM()
	VPBROADCASTD(indexed(high, to, 1), a)
	VPBROADCASTD(indexed(low, to, 1), b)
	for i := range 4 {
		c := ZMM()
		VMOVDQU8(at(codes, 64*i), c)
		VPDPBUSD(c, a, hi[i])
		VPDPBUSD(c, b, lo[i])
	}
	ADDQ(U32(256), codes)
	ADDQ(Imm(4), to)
	CMPQ(to, dim)
	JL(LabelRef("four"))
	for i := range 4 {
		VPSLLD(Imm(8), hi[i], hi[i])
		VPADDD(hi[i], lo[i], lo[i])
		VMOVDQU32(lo[i], at(dst, 64*i))
	}
	ADDQ(U32(256), dst)
	ADDQ(U32(256), bias)
	DECQ(blocks)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}

const shrinkSig = "func(dst, gram *float32, n int, a0, more float32)"

// shrink512 takes sixteen numbers at a time, of the last ones only those there are.
func shrink512() {
	TEXT("shrinkAVX512", NOSPLIT, shrinkSig)
	dst, gram, n := arg("dst"), arg("gram"), arg("n")
	a0, more, one, k := ZMM(), ZMM(), ZMM(), K()
	VBROADCASTSS(memory("a0"), a0)
	VBROADCASTSS(memory("more"), more)
	number := GP32()
	MOVL(U32(0x3f800000), number)
	VPBROADCASTD(number, one)
	sixteens(n, k, func() {
		d := ZMM()
		VMOVUPS_Z(at(gram, 0), k, d)
		VMULPS(a0, d, d)
		VADDPS(more, d, d)
		VSQRTPS(d, d)
		VDIVPS(d, one, d)
		VMOVUPS(d, k, at(dst, 0))
		ADDQ(Imm(64), gram)
		ADDQ(Imm(64), dst)
	})
	VZEROUPPER()
	RET()
}

const expectSig = "func(best *uint32, dots *int32, scales *float32, n int, scale float64, less float32, part float64)"

// expect512 takes sixteen rows at a time, each of which may be the best of its lane. Scores become numbers in the order of the floats.
func expect512() {
	TEXT("expectAVX512", NOSPLIT, expectSig)
	best, dots, scales, n := arg("best"), arg("dots"), arg("scales"), arg("n")
	scale, part, less, k := ZMM(), ZMM(), ZMM(), K()
	VBROADCASTSD(memory("scale"), scale)
	VBROADCASTSD(memory("part"), part)
	VBROADCASTSS(memory("less"), less)
	abs, sign, most := ZMM(), ZMM(), ZMM()
	number := GP64()
	MOVQ(I64(0x7fffffffffffffff), number)
	VPBROADCASTQ(number, abs)
	MOVL(U32(0x80000000), number.As32())
	VPBROADCASTD(number.As32(), sign)
	clear(abs, most)
	both := func(low, high reg.VecVirtual) reg.VecVirtual { // rounded to float32
		a, b := YMM(), YMM()
		VCVTPD2PS(low, a)
		VCVTPD2PS(high, b)
		out := ZMM()
		VINSERTF64X4(Imm(1), b, a.AsZ(), out)
		return out
	}
	half := func(x reg.VecVirtual) reg.VecVirtual {
		y := YMM()
		VEXTRACTI64X4(Imm(1), x, y)
		return y
	}
	sixteens(n, k, func() {
		d, s, there := ZMM(), ZMM(), K()
		VMOVDQU32_Z(at(dots, 0), k, d)
		VMOVUPS_Z(at(scales, 0), k, s)
		VPCMPUD(Imm(4), sign, d, k, there) // not dropped
		var wide []reg.VecVirtual
		for _, p := range [][2]reg.VecVirtual{{d.AsY().(reg.VecVirtual), s.AsY().(reg.VecVirtual)}, {half(d), half(s)}} {
			x, y := ZMM(), ZMM()
			VCVTDQ2PD(p[0], x)
			VCVTPS2PD(p[1], y)
			VMULPD(y, x, x)
			VMULPD(scale, x, x)
			wide = append(wide, x)
		}
		score := both(wide[0], wide[1])
		VMULPS(less, s, s)
		var parts []reg.VecVirtual
		for _, p := range []reg.VecVirtual{score.AsY().(reg.VecVirtual), half(score)} {
			x := ZMM()
			VCVTPS2PD(p, x)
			VPANDQ(abs, x, x)
			VMULPD(part, x, x)
			parts = append(parts, x)
		}
		VADDPS(both(parts[0], parts[1]), s, s)
		VSUBPS(s, score, score)
		turn := ZMM()
		VPSRAD(Imm(31), score, turn)
		VPORD(sign, turn, turn)
		VPXORD(turn, score, score)
		VPMAXUD(score, most, there, most)
		ADDQ(Imm(64), dots)
		ADDQ(Imm(64), scales)
	})
	VMOVDQU32(most, at(best, 0))
	VZEROUPPER()
	RET()
}
