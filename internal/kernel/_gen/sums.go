package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const (
	addAtSig     = "func(sums *float32, size int, rows *uint32, codes *int8, n int, scale float32, fresh *uint32) int"
	addFromSig   = "func(dst, column *float32, size int, rows *uint32, n int, weight float32) int"
	fetchSig     = "func(p *byte, n int)"
	fetchEachSig = "func(p *byte, size int, rows *uint32, n int)"
	atLeastSig   = "func(places *uint32, x *float32, n int, limit float32) int"
)

// nltU is VPCMPUD's predicate "not less than".
const nltU = 5

// sixteens writes the loop over n elements, sixteen at a time; of the last ones only those there are in the mask k.
func sixteens(n reg.GPVirtual, k reg.OpmaskVirtual, step func()) {
	ones := GP32()
	MOVL(U32(0xffff), ones)
	KMOVD(ones, k)
	Label("some")
	CMPQ(n, Imm(16))
	JGE(LabelRef("whole"))
	BZHIL(n.As32(), ones, ones)
	KMOVD(ones, k)
	Label("whole")
	step()
	SUBQ(Imm(16), n)
	JG(LabelRef("some"))
}

// within leaves for "beyond" where a row in the mask is not below size.
func within(rows, size reg.VecVirtual, k reg.OpmaskVirtual) {
	bad := K()
	VPCMPUD(Imm(nltU), size, rows, k, bad)
	KORTESTW(bad, bad)
	JNZ(LabelRef("beyond"))
}

// keep stores the elements in the mask, one after the other, and moves on behind them.
func keep(x reg.VecVirtual, mask reg.OpmaskVirtual, to reg.GPVirtual) {
	packed, bits, ones, first := ZMM(), GP32(), GP32(), K()
	VPCOMPRESSD_Z(x, mask, packed)
	KMOVW(mask, bits)
	POPCNTL(bits, bits)
	MOVL(I32(-1), ones)
	BZHIL(bits, ones, ones)
	KMOVD(ones, first)
	VMOVDQU32(packed, first, at(to, 0))
	LEAQ(indexed(to, bits.As64(), 4), to)
}

// kept returns how many elements were stored from a start on.
func kept(from, to reg.GPVirtual) {
	SUBQ(from, to)
	SHRQ(Imm(2), to)
	Store(to, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// beyond returns −1.
func beyond() {
	Label("beyond")
	none := GP64()
	MOVQ(I32(-1), none)
	Store(none, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// addAt512: what is in sums is gathered, added to and scattered back. Rows of one call differ from each other.
func addAt512() {
	TEXT("addAtAVX512", NOSPLIT, addAtSig)
	sums, rows, codes, n, fresh := arg("sums"), arg("rows"), arg("codes"), arg("n"), arg("fresh")
	size, scale, zero := ZMM(), ZMM(), ZMM()
	VPXORD(zero, zero, zero)
	VPBROADCASTD(memory("size"), size)
	VBROADCASTSS(memory("scale"), scale)
	from, k := copyOf(fresh), K()
	sixteens(n, k, func() {
		r, c, s := ZMM(), ZMM(), ZMM()
		VMOVDQU32_Z(at(rows, 0), k, r)
		within(r, size, k)
		VMOVDQA32(zero, s)
		some := K()
		KMOVW(k, some)
		VGATHERDPS(indexed(sums, r, 4), some, s)
		VPMOVSXBD_Z(at(codes, 0), k, c)
		VCVTDQ2PS(c, c)
		VMULPS(scale, c, c)
		added := K()
		VPTESTNMD(s, s, k, added)
		VADDPS(s, c, c)
		KMOVW(k, some)
		VSCATTERDPS(c, some, indexed(sums, r, 4))
		keep(r, added, fresh)
		ADDQ(Imm(64), rows)
		ADDQ(Imm(16), codes)
	})
	kept(from, fresh)
	beyond()
}

func addFrom512() {
	TEXT("addFromAVX512", NOSPLIT, addFromSig)
	dst, column, rows, n := arg("dst"), arg("column"), arg("rows"), arg("n")
	size, weight, zero := ZMM(), ZMM(), ZMM()
	VPXORD(zero, zero, zero)
	VPBROADCASTD(memory("size"), size)
	VBROADCASTSS(memory("weight"), weight)
	k := K()
	sixteens(n, k, func() {
		r, x, y := ZMM(), ZMM(), ZMM()
		VMOVDQU32_Z(at(rows, 0), k, r)
		within(r, size, k)
		VMOVDQA32(zero, x)
		some := K()
		KMOVW(k, some)
		VGATHERDPS(indexed(column, r, 4), some, x)
		VMULPS(weight, x, x)
		VMOVUPS_Z(at(dst, 0), k, y)
		VADDPS(x, y, y)
		VMOVUPS(y, k, at(dst, 0))
		ADDQ(Imm(64), rows)
		ADDQ(Imm(64), dst)
	})
	none := GP64()
	XORQ(none, none)
	Store(none, ReturnIndex(0))
	VZEROUPPER()
	RET()
	beyond()
}

// fetch asks for each line of n bytes.
func fetch(name string) {
	TEXT(name, NOSPLIT, fetchSig)
	p, n := arg("p"), arg("n")
	ADDQ(p, n)
	ANDQ(I32(-64), p)
	Label("line")
	PREFETCHT0(at(p, 0))
	ADDQ(Imm(64), p)
	CMPQ(p, n)
	JB(LabelRef("line"))
	RET()
}

// fetchEach asks for the line in which each of n things begins, size bytes apart.
func fetchEach(name string) {
	TEXT(name, NOSPLIT, fetchEachSig)
	p, size, rows, n := arg("p"), arg("size"), arg("rows"), arg("n")
	Label("row")
	row := GP64()
	MOVL(at(rows, 0), row.As32())
	IMULQ(size, row)
	PREFETCHT0(indexed(p, row, 1))
	ADDQ(Imm(4), rows)
	DECQ(n)
	JNZ(LabelRef("row"))
	RET()
}

func atLeast512() {
	TEXT("atLeastAVX512", NOSPLIT, atLeastSig)
	places, x, n := arg("places"), arg("x"), arg("n")
	limit, place, step := ZMM(), ZMM(), ZMM()
	VBROADCASTSS(memory("limit"), limit)
	m := GLOBL("atLeastAVX512Constants", RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32(uint32(i)))
	}
	DATA(64, U32(16))
	VMOVDQU32(m, place)
	VPBROADCASTD(m.Offset(64), step)
	from, k := copyOf(places), K()
	sixteens(n, k, func() {
		y, good := ZMM(), K()
		VMOVUPS_Z(at(x, 0), k, y)
		VCMPPS(Imm(geOQ), limit, y, k, good)
		keep(place, good, places)
		VPADDD(step, place, place)
		ADDQ(Imm(64), x)
	})
	kept(from, places)
}
