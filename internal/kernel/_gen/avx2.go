package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// avx2 needs AVX2 and BMI1: Haswell and Zen, and what came after.
func avx2() {
	dot256()
	rows256("dotRowsAVX2", rowsSig, false)
	rows256("dotGatherAVX2", gatherSig, true)
	batch256()
	scan256()
	above256()
	dots("dotsAVX2", inYMM)
	triangle("triangleAVX2", inYMM)
	widen256()
	weighed256()
	fetch("fetchAVX2")
	fetchEach("fetchEachAVX2")
}

// chunk256 is how many codes one register holds once they are widened to 16 bits. Vectors are multiples of 8 long: half
// a chunk may be left.
const chunk256 = 16

func dot256() {
	TEXT("dotAVX2", NOSPLIT, dotSig)
	Doc("The length is a multiple of 8.")
	codes, n, q := base("codes"), length("codes"), base("q")
	acc, x := YMM(), YMM()
	VPXOR(acc, acc, acc)
	SUBQ(Imm(chunk256), n)
	JL(LabelRef("tail"))
	Label("chunk")
	VPMOVSXBW(at(codes, 0), x)
	VPMADDWD(at(q, 0), x, x)
	VPADDD(x, acc, acc)
	ADDQ(Imm(chunk256), codes)
	ADDQ(Imm(2*chunk256), q)
	SUBQ(Imm(chunk256), n)
	JGE(LabelRef("chunk"))
	Label("tail")
	CMPQ(n, I32(-chunk256))
	JE(LabelRef("sum"))
	VPMOVSXBW(at(codes, 0), x.AsX())
	VPMADDWD(at(q, 0), x.AsX(), x.AsX()) // clears the upper half
	VPADDD(x, acc, acc)
	Label("sum")
	half := XMM()
	VEXTRACTI128(Imm(1), acc, half)
	VPADDD(acc.AsX(), half, half)
	sum := sumXMM(half)
	VZEROUPPER()
	Store(sum, ReturnIndex(0))
	RET()
}

// sums256 adds up each of four accumulators and returns the four sums.
func sums256(v []reg.VecVirtual) reg.VecVirtual {
	t := ymms(2)
	for i := range 2 {
		a, b := v[2*i], v[2*i+1]
		VPUNPCKLDQ(b, a, t[i])
		VPUNPCKHDQ(b, a, a)
		VPADDD(a, t[i], t[i])
	}
	m, half := v[0], XMM()
	VPUNPCKLQDQ(t[1], t[0], m)
	VPUNPCKHQDQ(t[1], t[0], t[0])
	VPADDD(t[0], m, m)
	VEXTRACTI128(Imm(1), m, half)
	VPADDD(m.AsX(), half, half)
	return half
}

// product multiplies the chunk of codes at m with q, pairs added up. acc is set by the first chunk and added to by others.
func product(m Mem, q Op, acc reg.VecVirtual, first bool) {
	if first {
		VPMOVSXBW(m, acc)
		VPMADDWD(q, acc, acc)
		return
	}
	x := YMM()
	VPMOVSXBW(m, x)
	VPMADDWD(q, x, x)
	VPADDD(x, acc, acc)
}

// rows256 is rows512 with smaller registers.
func rows256(name, sig string, gather bool) {
	TEXT(name, NOSPLIT, sig)
	r := newRowLoop(gather)
	CMPQ(r.dim, Imm(64))
	JE(LabelRef("dim64"))
	CMPQ(r.dim, Imm(128))
	JE(LabelRef("dim128"))

	r.loop("any", 0, func(p []reg.GPVirtual) reg.VecVirtual {
		acc, x, y := ymms(4), ymms(4), YMM()
		for i := range acc {
			VPXOR(acc[i], acc[i], acc[i])
		}
		q, n := copyOf(r.q), copyOf(r.dim)
		for i := range p {
			p[i] = copyOf(p[i])
		}
		more, tail, done := r.label("chunk"), r.label("tail"), r.label("done")
		SUBQ(Imm(chunk256), n)
		JL(LabelRef(tail))
		Label(more)
		VMOVDQU(at(q, 0), y)
		for i := range acc {
			VPMOVSXBW(at(p[i], 0), x[i])
			VPMADDWD(y, x[i], x[i])
			VPADDD(x[i], acc[i], acc[i])
			ADDQ(Imm(chunk256), p[i])
		}
		ADDQ(Imm(2*chunk256), q)
		SUBQ(Imm(chunk256), n)
		JGE(LabelRef(more))
		Label(tail)
		CMPQ(n, I32(-chunk256))
		JE(LabelRef(done))
		VMOVDQU(at(q, 0), y.AsX())
		for i := range acc {
			VPMOVSXBW(at(p[i], 0), x[i].AsX())
			VPMADDWD(y.AsX(), x[i].AsX(), x[i].AsX()) // clears the upper half
			VPADDD(x[i], acc[i], acc[i])
		}
		Label(done)
		return sums256(acc)
	})
	Label("dim64")
	q := ymms(4)
	for c := range q {
		VMOVDQU(at(r.q, 2*chunk256*c), q[c])
	}
	r.loop("dim64", 64, func(p []reg.GPVirtual) reg.VecVirtual {
		acc := ymms(4)
		for i := range acc {
			for c := range q {
				product(at(p[i], chunk256*c), q[c], acc[i], c == 0)
			}
		}
		return sums256(acc)
	})
	Label("dim128")
	r.loop("dim128", 128, func(p []reg.GPVirtual) reg.VecVirtual {
		acc := ymms(4)
		for c := range 128 / chunk256 {
			y := YMM()
			VMOVDQU(at(r.q, 2*chunk256*c), y)
			for i := range acc {
				product(at(p[i], chunk256*c), y, acc[i], c == 0)
			}
		}
		return sums256(acc)
	})
}

// batch256 takes four rows at a time with two queries.
func batch256() {
	TEXT("dotBatch2AVX2", NOSPLIT, batchSig)
	dst, codes, qs, rows, stride, apart := arg("dst"), arg("codes"), arg("qs"), arg("rows"), arg("stride"), arg("apart")
	stride3 := GP64()
	LEAQ(indexed(stride, stride, 2), stride3)
	Label("rows")
	acc, x := ymms(8), ymms(4)
	for _, a := range acc {
		VPXOR(a, a, a)
	}
	row, q, n := copyOf(codes), copyOf(qs), copyOf(stride)
	SUBQ(Imm(chunk256), n)
	JL(LabelRef("tail"))
	Label("chunk")
	part := func(view func(r reg.VecVirtual) reg.Register) {
		VPMOVSXBW(at(row, 0), view(x[0]))
		VPMOVSXBW(indexed(row, stride, 1), view(x[1]))
		VPMOVSXBW(indexed(row, stride, 2), view(x[2]))
		VPMOVSXBW(indexed(row, stride3, 1), view(x[3]))
		for j, m := range []Mem{at(q, 0), indexed(q, stride, 2)} {
			for i := range x {
				t := YMM()
				VPMADDWD(m, view(x[i]), view(t))
				VPADDD(t, acc[4*j+i], acc[4*j+i])
			}
		}
	}
	part(func(r reg.VecVirtual) reg.Register { return r })
	ADDQ(Imm(chunk256), row)
	ADDQ(Imm(2*chunk256), q)
	SUBQ(Imm(chunk256), n)
	JGE(LabelRef("chunk"))
	Label("tail")
	CMPQ(n, I32(-chunk256))
	JE(LabelRef("sums"))
	part(func(r reg.VecVirtual) reg.Register { return r.AsX() })
	Label("sums")
	VMOVDQU(sums256(acc[:4]), at(dst, 0))
	VMOVDQU(sums256(acc[4:]), indexed(dst, apart, 4))
	ADDQ(Imm(16), dst)
	LEAQ(indexed(codes, stride, 4), codes)
	SUBQ(Imm(4), rows)
	JNZ(LabelRef("rows"))
	VZEROUPPER()
	RET()
}

// scan256 takes one line of 32 bytes, which has one byte of all 32 rows, at a time: two look-ups, added, and widened to
// 16 bits in two sums. The first adds whole 16-bit words, so that odd bytes are in it 256 times; the second adds the odd
// bytes, which in the end are taken off the first. Two blocks at a time would share the loading of tables, and be 10 %
// faster in the L2 cache, but half as fast out of memory, which likes one stream.
func scan256() {
	TEXT("scanAVX2", NOSPLIT, scanSig)
	masks, n, codes, lut, size := base("masks"), length("masks"), base("codes"), base("lut"), length("lut")
	f, h, p := base("f"), base("h"), arg("p")
	low := YMM()
	m := GLOBL("scanAVX2Constants", RODATA|NOPTR)
	DATA(0, U64(0x0f0f0f0f0f0f0f0f))
	VPBROADCASTQ(m, low)

	Label("block")
	words, odd := YMM(), YMM()
	VPXOR(words, words, words)
	VPXOR(odd, odd, odd)
	table, left := copyOf(lut), copyOf(size)
	lines := func(count int) {
		for line := range count {
			if line&1 == 0 {
				PREFETCHT0(at(codes, 1024+32*line))
			}
			lo, hi, x, y := YMM(), YMM(), YMM(), YMM()
			VBROADCASTI128(at(table, 32*line), lo)
			VBROADCASTI128(at(table, 32*line+16), hi)
			VMOVDQU(at(codes, 32*line), x)
			VPSRLW(Imm(4), x, y)
			VPAND(low, x, x)
			VPAND(low, y, y)
			VPSHUFB(x, lo, x)
			VPSHUFB(y, hi, y)
			VPADDB(y, x, x)
			VPADDW(x, words, words)
			VPSRLW(Imm(8), x, x)
			VPADDW(x, odd, odd)
		}
		ADDQ(I32(int32(32*count)), table)
		ADDQ(I32(int32(32*count)), codes)
	}
	SUBQ(I32(128), left)
	JL(LabelRef("tail"))
	Label("four")
	lines(4)
	SUBQ(I32(128), left)
	JGE(LabelRef("four"))
	Label("tail")
	CMPQ(left, I32(-128))
	JE(LabelRef("finish"))
	lines(2)
	Label("finish")
	finish256(words, odd, f, h, p, at(masks, 0))
	ADDQ(I32(floats), f)
	ADDQ(I32(floats), h)
	ADDQ(Imm(4), masks)
	DECQ(n)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}

// finish256 turns the sums of a block, even rows in words and odd ones in odd, into its mask.
func finish256(words, odd reg.VecVirtual, f, h, p reg.Register, mask Mem) {
	t := YMM()
	VPSLLW(Imm(8), odd, t)
	VPSUBW(t, words, words)
	lo, hi := YMM(), YMM()
	VPUNPCKLWD(odd, words, lo) // rows 0 … 7, 16 … 23
	VPUNPCKHWD(odd, words, hi) // rows 8 … 15, 24 … 31
	mul, add, base, limit := YMM(), YMM(), YMM(), YMM()
	VBROADCASTSS(at(p, mulAt), mul)
	VBROADCASTSS(at(p, addAt), add)
	VBROADCASTSS(at(p, baseAt), base)
	VBROADCASTSS(at(p, limitAt), limit)
	bits := GP32()
	for i := range 4 {
		from, x, y := lo, YMM(), YMM()
		if i&1 == 1 {
			from = hi
		}
		if i < 2 {
			VPMOVZXWD(from.AsX(), x)
		} else {
			VEXTRACTI128(Imm(1), from, x.AsX())
			VPMOVZXWD(x.AsX(), x)
		}
		VCVTDQ2PS(x, x)
		VMULPS(mul, x, x)
		VADDPS(add, x, x)
		VMULPS(at(f, 32*i), x, x)
		VMULPS(at(h, 32*i), base, y)
		VADDPS(y, x, x)
		VCMPPS(Imm(30), limit, x, x)
		if i == 0 {
			VMOVMSKPS(x, bits)
			continue
		}
		b := GP32()
		VMOVMSKPS(x, b)
		SHLL(Imm(uint64(8*i)), b)
		ORL(b, bits)
	}
	MOVL(bits, mask)
}
