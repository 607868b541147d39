package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rowLoop is what DotRows and DotGather have in common on both instruction sets: going over rows, four at a time.
type rowLoop struct {
	dst, codes, q, dim, n reg.GPVirtual
	rows                  reg.GPVirtual // the numbers of the rows; nil where they lie one after the other
	at                    string        // names the labels of the part being written
}

func newRowLoop(gather bool) *rowLoop {
	r := &rowLoop{dst: base("dst"), codes: base("codes"), q: base("q"), dim: length("q")}
	if gather {
		r.rows, r.n = base("rows"), length("rows")
	} else {
		r.n = length("dst")
	}
	return r
}

func (r *rowLoop) label(name string) string { return r.at + "_" + name }

// loop goes over all rows. body writes the code that turns pointers to four rows into their four sums; it is written
// two or three times. dim is the length of a row where the loop is for that length only, otherwise 0.
func (r *rowLoop) loop(name string, dim int, body func(p []reg.GPVirtual) reg.VecVirtual) {
	step := func() {
		ADDQ(Imm(16), r.dst)
		if r.rows != nil {
			ADDQ(Imm(16), r.rows)
		}
	}
	if r.rows != nil && dim > 0 {
		// As long as there are rows far enough ahead, ask for them.
		r.at = name + "_ahead"
		r.prefetchFirst(dim)
		SUBQ(Imm(4+ahead), r.n)
		JL(LabelRef(r.label("end")))
		Label(r.label("loop"))
		p := r.pointers(dim, nil)
		for i := range 4 {
			next := GP64()
			MOVL(at(r.rows, 4*(ahead+i)), next.As32())
			r.scale(next, dim)
			for line := 0; line < dim; line += 64 {
				PREFETCHT0(Mem{Base: r.codes, Index: next, Scale: 1, Disp: line})
			}
		}
		VMOVDQU(body(p), at(r.dst, 0))
		step()
		SUBQ(Imm(4), r.n)
		JGE(LabelRef(r.label("loop")))
		Label(r.label("end"))
		ADDQ(Imm(4+ahead), r.n)
	}
	r.at = name + "_four"
	SUBQ(Imm(4), r.n)
	JL(LabelRef(r.label("end")))
	Label(r.label("loop"))
	VMOVDQU(body(r.pointers(dim, nil)), at(r.dst, 0))
	step()
	if r.rows == nil {
		LEAQ(indexed(r.codes, r.dim, 4), r.codes)
	}
	SUBQ(Imm(4), r.n)
	JGE(LabelRef(r.label("loop")))
	Label(r.label("end"))

	// One to three rows are left: the last one stands in for those beyond it, and their sums are not written.
	r.at = name + "_last"
	ADDQ(Imm(4), r.n)
	JZ(LabelRef(r.label("end")))
	last := GP64()
	LEAQ(at(r.n, -1), last)
	sums := body(r.pointers(dim, last))
	VMOVD(sums, at(r.dst, 0))
	CMPQ(r.n, Imm(2))
	JL(LabelRef(r.label("end")))
	VPEXTRD(Imm(1), sums, at(r.dst, 4))
	JE(LabelRef(r.label("end")))
	VPEXTRD(Imm(2), sums, at(r.dst, 8))
	Label(r.label("end"))
	VZEROUPPER()
	RET()
}

// pointers returns the addresses of the next four rows, or of those up to the last.
func (r *rowLoop) pointers(dim int, last reg.GPVirtual) (p []reg.GPVirtual) {
	for i := range 4 {
		row := GP64()
		switch {
		case last == nil && r.rows == nil:
			switch i {
			case 0:
				MOVQ(r.codes, row)
			case 1:
				LEAQ(indexed(r.codes, r.dim, 1), row)
			case 2:
				LEAQ(indexed(r.codes, r.dim, 2), row)
			case 3:
				LEAQ(indexed(p[1], r.dim, 2), row)
			}
			p = append(p, row)
			continue
		case last == nil:
			MOVL(at(r.rows, 4*i), row.As32())
		default:
			MOVQ(U32(uint32(i)), row)
			CMPQ(row, last)
			CMOVQGT(last, row)
			if r.rows != nil {
				MOVL(indexed(r.rows, row, 4), row.As32())
			}
		}
		r.scale(row, dim)
		ADDQ(r.codes, row)
		p = append(p, row)
	}
	return p
}

// scale turns the number of a row into its offset.
func (r *rowLoop) scale(row reg.GPVirtual, dim int) {
	switch dim {
	case 64:
		SHLQ(Imm(6), row)
	case 128:
		SHLQ(Imm(7), row)
	default:
		IMULQ(r.dim, row)
	}
}

// prefetchFirst asks for the rows that come before those the loop asks for.
func (r *rowLoop) prefetchFirst(dim int) {
	i, end, next := GP64(), GP64(), GP64()
	XORQ(i, i)
	MOVQ(U32(ahead), end)
	CMPQ(r.n, end)
	CMOVQLT(r.n, end)
	Label(r.label("first"))
	MOVL(indexed(r.rows, i, 4), next.As32())
	r.scale(next, dim)
	for line := 0; line < dim; line += 64 {
		PREFETCHT0(Mem{Base: r.codes, Index: next, Scale: 1, Disp: line})
	}
	INCQ(i)
	CMPQ(i, end)
	JL(LabelRef(r.label("first")))
}
