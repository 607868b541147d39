package kernel

import (
	"fmt"
	"os"
	"strings"
)

// Variant is one implementation of all kernels. The exported functions of the package check the lengths before they
// call it: a variant may trust them, and must not write beyond them.
type Variant struct {
	Name      string
	Dot       func(codes []int8, q []int16) int32
	DotRows   func(dst []int32, codes []int8, q []int16)
	DotGather func(dst []int32, codes []int8, rows []uint32, q []int16)
	DotBatch  func(dst []int32, codes []int8, qs []int16, stride int)
	Scan      func(masks []uint32, codes, lut []byte, f, h []float32, p *ScanParams)
	Above     func(masks []uint32, dots []int32, scales []float32, add, limit float32) // nil: the reference is used

	// Those of the fold-in; nil: the reference is used.
	Dots     func(dst []float64, x, rows []float32)
	Triangle func(dst []float64, rows []float32, n int)
	Widen    func(dst []float32, high, low []int8, scale float32, by []float32)
	Weighed  func(dst, rows, weights, by []float32)

	// Those of columns and lists; nil: the reference is used. Those that return a number return −1 where a row is beyond its column,
	// perhaps after some of the work.
	AddAt     func(sums []float32, rows []uint32, codes []int8, scale float32, fresh []uint32) int
	AddFrom   func(dst, column []float32, rows []uint32, weight float32) int
	AtLeast   func(places []uint32, x []float32, limit float32) int
	Through   func(dst, table []float32, classes []uint16, at []uint32) int
	Bound     func(bounds, likely, sums, factor []float32, rows []uint32, briefs []Brief, popular, byLength float32) int
	Most      func(most []float32, places []uint32, dots []int32, sums, factor []float32, rows []uint32, briefs []Brief, p *MostParams) int
	Promise   func(dst []float32, dots []int32, most, least, scales, wide []float32, scale, more float32) float32
	Fetch     func(p *byte, n int)                         // nil: nothing is fetched
	FetchEach func(p *byte, size int, rows *uint32, n int) // nil: nothing is fetched

	// Those of query.go; nil: the reference is used.
	Order     func(dst, keys []uint64)
	Peak      func(x []float32) float32
	Quantise  func(codes []int16, x []float32, by float64) int64
	Pairs     func(w []int32) (peak int64, norm float64)
	TwoBits   func(lut []byte, w []int32, inverse uint64) uint64
	DotTurned func(dst []int32, codes []int8, bias []int32, q []int16)
	Shrink    func(dst, gram []float32, a0, more float32)
	Expect    func(best *[16]uint32, dots []int32, scales []float32, scale float64, less float32, part float64)
}

// variants lists what this CPU can run, slowest first; archVariants is empty where there is no assembly.
var variants = append([]Variant{generic}, archVariants()...)

var active = choose(os.Getenv(forcedBy))

// forcedBy is the environment variable that forces a variant.
const forcedBy = "EDGED_SIMD"

// Forced reports whether EDGED_SIMD names a variant this CPU does not run; the reference is in use then.
func Forced() error { return known(os.Getenv(forcedBy)) }

func known(name string) error {
	if name == "" || find(name) != nil {
		return nil
	}
	return fmt.Errorf("%s is %q, but this CPU runs %s: unset it for the fastest", forcedBy, name, strings.Join(Names(), ", "))
}

// choose returns the variant asked for, or the fastest where none is. One the CPU cannot run becomes generic.
func choose(name string) *Variant {
	if name == "" {
		return &variants[len(variants)-1]
	}
	if v := find(name); v != nil {
		return v
	}
	return &variants[0]
}

func find(name string) *Variant {
	for i := range variants {
		if variants[i].Name == name {
			return &variants[i]
		}
	}
	return nil
}

// Active names the variant in use.
func Active() string { return active.Name }

// Names lists the variants this CPU can run, slowest first.
func Names() []string {
	var names []string
	for _, v := range variants {
		names = append(names, v.Name)
	}
	return names
}

// Use makes the named variant the active one and returns what undoes it. It is for tests and benchmarks: nothing may
// search meanwhile.
func Use(name string) (restore func(), err error) {
	v := find(name)
	if v == nil {
		return nil, fmt.Errorf("kernel: no variant %q on this CPU, which runs %v", name, Names())
	}
	before := active
	active = v
	return func() { active = before }, nil
}
