// Command _gen writes the amd64 assembly of package float. It is a module of its own, so that the product does not depend
// on avo; `make generate` runs it:
//
//	go run -C internal/float/_gen . -out ../avx2_amd64.s
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// width is that of a register, in bytes.
const width = 32

func main() {
	ConstraintExpr("!purego")
	observe()
	diagonal()
	dot()
	advance()
	direct()
	precondition()
	rotate()
	tile()
	Generate()
}

func begin(name, signature string) { TEXT(name+"AVX2", NOSPLIT, signature) }

func end() {
	VZEROUPPER()
	RET()
}

func ymms(n int) (v []reg.VecVirtual) {
	for range n {
		v = append(v, YMM())
	}
	return v
}

func zero(vs ...reg.VecVirtual) {
	for _, v := range vs {
		VXORPS(v, v, v)
	}
}

// broadcast loads one number into every lane.
func broadcast(name string) reg.VecVirtual {
	x := YMM()
	VBROADCASTSS(arg(name), x)
	return x
}

// sum adds up the lanes of v into the lowest of the result.
func sum(v reg.VecVirtual) reg.VecVirtual {
	x := XMM()
	VEXTRACTF128(Imm(1), v, x)
	VADDPS(v.AsX(), x, x)
	VHADDPS(x, x, x)
	VHADDPS(x, x, x)
	return x
}

// arg is where an argument is, for instructions that read memory.
func arg(name string) Mem {
	b, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}

func load(name string) reg.GPVirtual { return Load(Param(name), GP64()).(reg.GPVirtual) }

func zeroed() reg.GPVirtual {
	r := GP64()
	XORQ(r, r)
	return r
}

func copied(r reg.Register) reg.GPVirtual {
	c := GP64()
	MOVQ(r, c)
	return c
}

func at(r reg.Register, disp int) Mem           { return Mem{Base: r, Disp: disp} }
func indexed(b, i reg.Register, disp int) Mem   { return Mem{Base: b, Index: i, Scale: 1, Disp: disp} }
func scaled(b, i reg.Register, scale uint8) Mem { return Mem{Base: b, Index: i, Scale: scale} }
