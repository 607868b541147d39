package float

import (
	"fmt"
	"os"
)

// variant is one implementation of all kernels. The functions of the package check the lengths before they call it.
type variant struct {
	name         string
	observe      func(out, p, f []float32, rows []uint32, w []float32, one float32, fetch bool) float32
	diagonal     func(out, g, p []float32, ridge float32)
	dot          func(a, b []float32) float32
	advance      func(x, r, p, q, inverse []float32, alpha float32) float32
	direct       func(p, r, inverse []float32, beta float32)
	precondition func(inverse, g, c []float32, weight, ridge float32)
	rotate       func(a, b []float64, cos, sin float64)
	tile         func(c, a, b []float32, k int, at *strides)
}

// variants lists what this CPU can run, slowest first.
var variants = append([]variant{generic}, archVariants()...)

var active = choose(os.Getenv("EDGED_SIMD"))

// choose returns the reference where it is asked for by name, else the fastest: other names are those of package kernel.
func choose(name string) *variant {
	if name == generic.name {
		return &variants[0]
	}
	return &variants[len(variants)-1]
}

func find(name string) *variant {
	for i := range variants {
		if variants[i].name == name {
			return &variants[i]
		}
	}
	return nil
}

// Active names the variant in use.
func Active() string { return active.name }

// Names lists the variants this CPU can run, slowest first.
func Names() (names []string) {
	for _, v := range variants {
		names = append(names, v.name)
	}
	return names
}

// Use makes the named variant the active one and returns what undoes it. It is for tests and benchmarks: nothing may
// compute meanwhile.
func Use(name string) (restore func(), err error) {
	v := find(name)
	if v == nil {
		return nil, fmt.Errorf("float: no variant %q on this CPU, which runs %v", name, Names())
	}
	before := active
	active = v
	return func() { active = before }, nil
}
