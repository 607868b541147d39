// Command _gen writes the amd64 assembly of package kernel. It is a module of its own, so that the product does not
// depend on avo; `make generate` runs it once for each variant:
//
//	go run -C internal/kernel/_gen . -variant avx512 -out ../avx512_amd64.s
//
// The Go declarations (arch_amd64.go) are written by hand: they name types of the package, and carry the contracts.
package main

import (
	"flag"
	"fmt"
	"os"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Signatures as the Go declarations have them; avo takes the offsets of arguments from here. It does not know the
// package's types: *ScanParams is four float32.
const (
	dotSig    = "func(codes []int8, q []int16) int32"
	rowsSig   = "func(dst []int32, codes []int8, q []int16)"
	gatherSig = "func(dst []int32, codes []int8, rows []uint32, q []int16)"
	batchSig  = "func(dst *int32, codes *int8, qs *int16, rows, stride, apart int)"
	scanSig   = "func(masks []uint32, codes, lut []byte, f, h []float32, p *[4]float32)"
)

// Offsets within ScanParams.
const (
	mulAt = 4 * iota
	addAt
	baseAt
	limitAt
)

// Rows of a block, and the bytes its f and its h take.
const (
	blockRows = 32
	floats    = 4 * blockRows
)

// ahead is how many rows before its use a gathered row is asked for.
const ahead = 32

func main() {
	variant := flag.String("variant", "", "avx2 or avx512")
	write := map[string]func(){"avx2": avx2, "avx512": avx512}
	flag.Parse() // avo's own too: -out
	if write[*variant] == nil {
		fmt.Fprintln(os.Stderr, "-variant must be avx2 or avx512")
		os.Exit(2)
	}
	ConstraintExpr("!purego")
	write[*variant]()
	Generate()
}

func arg(name string) reg.GPVirtual          { return Load(Param(name), GP64()).(reg.GPVirtual) }
func base(name string) reg.GPVirtual         { return Load(Param(name).Base(), GP64()).(reg.GPVirtual) }
func length(name string) reg.GPVirtual       { return Load(Param(name).Len(), GP64()).(reg.GPVirtual) }
func at(r reg.Register, disp int) Mem        { return Mem{Base: r, Disp: disp} }
func indexed(b, i reg.Register, s uint8) Mem { return Mem{Base: b, Index: i, Scale: s} }

func copyOf(r reg.Register) reg.GPVirtual {
	c := GP64()
	MOVQ(r, c)
	return c
}

func zmms(n int) (r []reg.VecVirtual) {
	for range n {
		r = append(r, ZMM())
	}
	return r
}

func ymms(n int) (r []reg.VecVirtual) {
	for range n {
		r = append(r, YMM())
	}
	return r
}
