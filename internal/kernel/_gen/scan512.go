package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// scanner512 holds what every block of a scan needs.
//
// A line of 64 bytes has bytes p and p+1 of all 32 rows. Its four groups have their tables in 64 bytes of lut:
// [T0 T1 T2 T3]; low halves of the bytes are looked up in [T0 T0 T2 T2], high halves in [T1 T1 T3 T3]. A pair of lines
// gives, after the two look-ups have been added, bytes p … p+3 of a row apart from each other; a permutation of both
// lines brings them side by side, and VPDPBUSD with ones adds the four to the row's 32-bit sum. So sums come out in the
// order of rows and in the width the conversion wants: 7 instructions a line, where widening to 16 bits takes 8 and
// an epilogue.
type scanner512 struct {
	masks, codes, lut, f, h, p, n, size reg.GPVirtual

	constants Mem

	low, swap, ones, first, second reg.VecVirtual
}

func scan512() {
	TEXT("scanAVX512", NOSPLIT, scanSig)
	s := &scanner512{
		masks: base("masks"), n: length("masks"), codes: base("codes"), lut: base("lut"), size: length("lut"),
		f: base("f"), h: base("h"), p: arg("p"),
		low: ZMM(), swap: ZMM(), ones: ZMM(), first: ZMM(), second: ZMM(),
	}
	constants := scanConstants()
	s.constants = constants
	VPBROADCASTQ(constants.Offset(0), s.low)
	VPBROADCASTQ(constants.Offset(8), s.swap)
	VPBROADCASTQ(constants.Offset(16), s.ones)
	VMOVDQU8(constants.Offset(64), s.first)
	VMOVDQU8(constants.Offset(128), s.second)

	CMPQ(s.size, U32(32*8))
	JE(LabelRef("bytes8"))
	CMPQ(s.size, U32(32*16))
	JE(LabelRef("bytes16"))
	s.any()
	s.fixed(8)
	s.fixed(16)
}

func scanConstants() Mem {
	m := GLOBL("scanAVX512Constants", RODATA|NOPTR)
	DATA(0, U64(0x0f0f0f0f0f0f0f0f))
	DATA(8, U64(0x1020408000000000)) // as a bit matrix: x >> 4
	DATA(16, U64(0x0101010101010101))
	for row := range blockRows { // byte i of the row is byte row of half i, of four
		DATA(64+4*row, U32(0x60402000+0x01010101*uint32(row)))
	}
	for i := range 16 {
		const all = 0x1010101010101010
		DATA(192+8*i, U64(all*uint64(i/8+i/4%2*2))) // tables 0 0 0 0 2 2 2 2, then 1 1 1 1 3 3 3 3
	}
	return m
}

// tables loads the four tables of a line and spreads them for the two look-ups.
func (s *scanner512) tables(m Mem) (lo, hi reg.VecVirtual) {
	t, lo, hi := ZMM(), ZMM(), ZMM()
	VMOVDQU8(m, t)
	VSHUFI64X2(Imm(0xa0), t, t, lo)
	VSHUFI64X2(Imm(0xf5), t, t, hi)
	return lo, hi
}

// line returns the values of both groups of each byte of a line, added up.
func (s *scanner512) line(m Mem, lo, hi reg.VecVirtual) reg.VecVirtual {
	x, y := ZMM(), ZMM()
	VMOVDQU8(m, x)
	VGF2P8AFFINEQB(Imm(0), s.swap, x, y)
	VPANDD(s.low, x, x)
	VPSHUFB(x, lo, x)
	VPSHUFB(y, hi, y)
	VPADDB(y, x, x)
	return x
}

// add adds a pair of lines to the sums of a block's rows.
func (s *scanner512) add(a, b reg.VecVirtual, sums []reg.VecVirtual) {
	t := ZMM()
	VMOVDQA64(s.first, t)
	VPERMI2B(b, a, t)
	VPERMT2B(b, s.second, a)
	VPDPBUSD(s.ones, t, sums[0])
	VPDPBUSD(s.ones, a, sums[1])
}

// finish turns the sums of block b after the current one into its mask.
func (s *scanner512) finish(sums []reg.VecVirtual, b int) {
	k := []reg.OpmaskVirtual{K(), K()}
	for i, x := range sums {
		VCVTDQ2PS(x, x)
		VMULPS_BCST(at(s.p, mulAt), x, x)
		VADDPS_BCST(at(s.p, addAt), x, x)
		VMULPS(at(s.f, floats*b+64*i), x, x)
		y := ZMM()
		VMOVUPS(at(s.h, floats*b+64*i), y)
		VMULPS_BCST(at(s.p, baseAt), y, y)
		VADDPS(y, x, x)
		VCMPPS_BCST(Imm(30), at(s.p, limitAt), x, k[i])
	}
	KUNPCKWD(k[0], k[1], k[0])
	KMOVD(k[0], at(s.masks, 4*b))
}

func (s *scanner512) next(blocks int) {
	ADDQ(U32(uint32(floats*blocks)), s.f)
	ADDQ(U32(uint32(floats*blocks)), s.h)
	ADDQ(U32(uint32(4*blocks)), s.masks)
}

// fixed is the scan of rows of 8 or 16 bytes, whose tables stay in registers.
func (s *scanner512) fixed(bytes int) {
	name := fmt.Sprintf("bytes%d", bytes)
	Label(name)
	lo, hi := make([]reg.VecVirtual, bytes/2), make([]reg.VecVirtual, bytes/2)
	for i := range lo {
		lo[i], hi[i] = s.tables(at(s.lut, 64*i))
	}
	Label(name + "_block")
	sums := zmms(2)
	clear(s.low, sums...)
	for i := 0; i < len(lo); i += 2 {
		PREFETCHT0(at(s.codes, 64*i+1024))
		PREFETCHT0(at(s.codes, 64*i+1024+64))
		a, b := s.line(at(s.codes, 64*i), lo[i], hi[i]), s.line(at(s.codes, 64*i+64), lo[i+1], hi[i+1])
		s.add(a, b, sums)
	}
	s.finish(sums, 0)
	s.next(1)
	ADDQ(U32(uint32(32*bytes)), s.codes)
	DECQ(s.n)
	JNZ(LabelRef(name + "_block"))
	VZEROUPPER()
	RET()
}

// any is the scan of rows of any length. Its tables are read as they are: bits 4 and 5 of an index choose one of the
// four. That is an instruction more for each line, and leaves blocks read one after the other, as memory likes it.
func (s *scanner512) any() {
	lowTable, highTable := ZMM(), ZMM() // of bytes p and p+1: groups 0 and 2, groups 1 and 3
	VMOVDQU8(s.constants.Offset(192), lowTable)
	VMOVDQU8(s.constants.Offset(256), highTable)
	line := func(code, table Mem) reg.VecVirtual {
		x, y := ZMM(), ZMM()
		VMOVDQU8(code, x)
		VPSRLW(Imm(4), x, y)
		VPTERNLOGD(Imm(0xea), lowTable, s.low, x) // x & low | lowTable
		VPTERNLOGD(Imm(0xea), highTable, s.low, y)
		VPERMB(table, x, x)
		VPERMB(table, y, y)
		VPADDB(y, x, x)
		return x
	}
	Label("any_block")
	sums, zero := zmms(2), ZMM()
	clear(s.low, sums...)
	table, left := copyOf(s.lut), copyOf(s.size)
	SUBQ(U32(128), left)
	JL(LabelRef("any_tail"))
	Label("any_lines")
	PREFETCHT0(at(s.codes, 1024))
	PREFETCHT0(at(s.codes, 1024+64))
	s.add(line(at(s.codes, 0), at(table, 0)), line(at(s.codes, 64), at(table, 64)), sums)
	SUBQ(I32(-128), s.codes)
	SUBQ(I32(-128), table)
	SUBQ(U32(128), left)
	JGE(LabelRef("any_lines"))
	Label("any_tail")
	CMPQ(left, I32(-128))
	JE(LabelRef("any_finish"))
	clear(s.low, zero) // the other half of the pair
	s.add(line(at(s.codes, 0), at(table, 0)), zero, sums)
	ADDQ(Imm(64), s.codes)
	Label("any_finish")
	s.finish(sums, 0)
	s.next(1)
	DECQ(s.n)
	JNZ(LabelRef("any_block"))
	VZEROUPPER()
	RET()
}
