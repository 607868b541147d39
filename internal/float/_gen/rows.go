package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// together is how many rows observe takes at a time, ahead how many rows before its use a row is asked for.
const (
	together = 4
	ahead    = 12
)

// observe adds Σ w (one − f·p) f to out. Four rows at a time: four dot products share the loads of p, four additions those
// of out. What is left of the rows is copied to the stack and filled up with rows of weight 0.
func observe() {
	begin("observe", "func(out, p, f *float32, rows *uint32, w *float32, n, bytes int, one float32, fetch int) float32")
	out, p, f, rows, w, n, bytes := load("out"), load("p"), load("f"), load("rows"), load("w"), load("n"), load("bytes")
	one, sum, dots := XMM(), XMM(), XMM()
	VBROADCASTSS(arg("one"), one)
	VXORPS(sum, sum, sum)
	index, weight, factor := AllocLocal(4*together), AllocLocal(4*together), AllocLocal(4*together)
	var row [together]reg.GPVirtual
	for i := range row {
		row[i] = GP64()
	}

	Label("four")
	CMPQ(n, Imm(together))
	JL(LabelRef("rest"))
	CMPQ(arg("fetch"), Imm(0))
	JE(LabelRef("now"))
	CMPQ(n, Imm(ahead+together))
	JL(LabelRef("now"))
	rowsAt(row, rows, f, bytes, 4*ahead)
	at64 := zeroed()
	Label("fetch")
	for _, r := range row {
		PREFETCHT0(indexed(r, at64, 0))
	}
	ADDQ(Imm(64), at64)
	CMPQ(at64, bytes)
	JL(LabelRef("fetch"))

	Label("now")
	rowsAt(row, rows, f, bytes, 0)
	acc := ymms(together)
	zero(acc...)
	i := zeroed()
	Label("dots")
	x := YMM()
	VMOVUPS(indexed(p, i, 0), x)
	for k, r := range row {
		VFMADD231PS(indexed(r, i, 0), x, acc[k])
	}
	ADDQ(Imm(uint64(width)), i)
	CMPQ(i, bytes)
	JL(LabelRef("dots"))

	transpose(acc, dots)
	VSUBPS(dots, one, dots)
	s := XMM()
	VMULPS(at(w, 0), dots, s)
	VFMADD231PS(s, dots, sum)
	VMOVUPS(s, factor)
	factors := ymms(together)
	for k, v := range factors {
		VBROADCASTSS(factor.Offset(4*k), v)
	}
	i = zeroed()
	Label("add")
	y := YMM()
	VMOVUPS(indexed(out, i, 0), y)
	for k, r := range row {
		VFMADD231PS(indexed(r, i, 0), factors[k], y)
	}
	VMOVUPS(y, indexed(out, i, 0))
	ADDQ(Imm(uint64(width)), i)
	CMPQ(i, bytes)
	JL(LabelRef("add"))
	ADDQ(Imm(4*together), rows)
	ADDQ(Imm(4*together), w)
	SUBQ(Imm(together), n)
	JMP(LabelRef("four"))

	Label("rest")
	TESTQ(n, n)
	JE(LabelRef("done"))
	fill(rows, w, n, index, weight)
	JMP(LabelRef("four"))

	Label("done")
	VHADDPS(sum, sum, sum)
	VHADDPS(sum, sum, sum)
	Store(sum, ReturnIndex(0))
	end()
}

// rowsAt sets row to the addresses of the rows whose numbers are at rows + skip.
func rowsAt(row [together]reg.GPVirtual, rows, f, bytes reg.GPVirtual, skip int) {
	for k, r := range row {
		MOVL(at(rows, skip+4*k), r.As32())
		IMULQ(bytes, r)
		ADDQ(f, r)
	}
}

// transpose adds up the lanes of four registers into the four lanes of one.
func transpose(acc []reg.VecVirtual, to reg.VecVirtual) {
	a, b, c, d := acc[0], acc[1], acc[2], acc[3]
	VHADDPS(b, a, a)
	VHADDPS(d, c, c)
	VHADDPS(c, a, a)
	VEXTRACTF128(Imm(1), a, to)
	VADDPS(a.AsX(), to, to)
}

// fill copies the last n < 4 rows to the stack, with the first of them and weight 0 in the places left, and points there.
func fill(rows, w, n reg.GPVirtual, index, weight Mem) {
	for k := range together {
		r, x, none := GP32(), GP32(), GP32()
		source := GP64()
		MOVQ(U32(uint32(k)), source)
		XORL(none, none)
		zero := zeroed()
		CMPQ(n, Imm(uint64(k)))
		CMOVQLE(zero, source)
		MOVL(scaled(rows, source, 4), r)
		MOVL(scaled(w, source, 4), x)
		CMPQ(n, Imm(uint64(k)))
		CMOVLLE(none, x)
		MOVL(r, index.Offset(4*k))
		MOVL(x, weight.Offset(4*k))
	}
	LEAQ(index, rows)
	LEAQ(weight, w)
	MOVQ(U32(together), n)
}
