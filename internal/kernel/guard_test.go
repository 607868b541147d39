//go:build linux || darwin

package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"unsafe"
)

// guarded returns n elements between two pages that may not be touched: they end at the second page if atEnd, otherwise
// they start behind the first.
func guarded[T any](t *testing.T, n int, atEnd bool) []T {
	t.Helper()
	page := syscall.Getpagesize()
	var zero T
	bytes := n * int(unsafe.Sizeof(zero))
	inside := (bytes + page - 1) / page * page
	all, err := syscall.Mmap(-1, 0, inside+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(all) })
	for _, guard := range [][]byte{all[:page], all[page+inside:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	from := page
	if atEnd {
		from += inside - bytes
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&all[from])), n)
}

// TestNothingIsReadOutside runs every variant on memory that ends, and begins, where the arguments do.
func TestNothingIsReadOutside(t *testing.T) {
	each(t, func(t *testing.T, v *Variant) {
		rng := rand.New(rand.NewPCG(13, 1))
		for _, atEnd := range []bool{false, true} {
			t.Run(fmt.Sprintf("atEnd=%t", atEnd), func(t *testing.T) {
				for _, dim := range []int{8, 16, 24, 32, 40, 64, 72, 128, 136, 512} {
					for _, n := range []int{1, 2, 3, 4, 7, 20, 33} {
						rowsOutside(t, v, rng, dim, n, atEnd)
					}
				}
				for _, bytes := range []int{2, 4, 6, 8, 10, 16, 18, 32, 128} {
					for _, blocks := range []int{1, 2, 3, 5} {
						scanOutside(t, v, rng, bytes, blocks, atEnd)
					}
				}
				for _, n := range []int{1, 15, 16, 17, 40} {
					columnsOutside(t, v, n, atEnd)
				}
				for _, n := range []int{8, 16, 24, 256} {
					foldOutside(t, v, n, atEnd)
				}
			})
		}
	})
}

func foldOutside(t *testing.T, v *Variant, n int, atEnd bool) {
	if v.Dots == nil {
		return
	}
	const h = 7
	floats := func(n int) []float32 { return guarded[float32](t, n, atEnd) }
	rows, by := floats(h*n), floats(n)
	v.Dots(guarded[float64](t, h, atEnd), by, rows)
	v.Triangle(guarded[float64](t, h*h, atEnd), rows, n)
	v.Widen(floats(n), guarded[int8](t, n, atEnd), guarded[int8](t, n, atEnd), 2, by)
	v.Weighed(floats(n), rows, floats(h), by)
}

func rowsOutside(t *testing.T, v *Variant, rng *rand.Rand, dim, n int, atEnd bool) {
	codes, q := guarded[int8](t, n*dim, atEnd), guarded[int16](t, 5*dim, atEnd)
	extremes(rng, codes, q)
	rows := guarded[uint32](t, n, atEnd)
	for i := range rows {
		rows[i] = uint32(n - 1 - i)
	}
	want, got, batch := make([]int32, n), guarded[int32](t, n, atEnd), guarded[int32](t, 5*n, atEnd)
	dotRowsGeneric(want, codes, q[4*dim:])
	v.DotRows(got, codes, q[4*dim:])
	v.DotBatch(batch, codes, q, dim)
	if !slices.Equal(got, want) || !slices.Equal(batch[4*n:], want) {
		t.Fatalf("dim %d, %d rows: %v and %v, want %v", dim, n, got, batch[4*n:], want)
	}
	v.DotGather(got, codes, rows, q[4*dim:])
	slices.Reverse(want)
	if !slices.Equal(got, want) || v.Dot(codes[(n-1)*dim:], q[4*dim:]) != want[0] {
		t.Fatalf("dim %d, %d gathered rows: %v, want %v", dim, n, got, want)
	}
}

func columnsOutside(t *testing.T, v *Variant, n int, atEnd bool) {
	column, rows, list := guarded[float32](t, n, atEnd), guarded[uint32](t, n, atEnd), guarded[uint32](t, n, atEnd)
	for i := range rows {
		rows[i] = uint32(n - 1 - i)
	}
	if v.AddAt != nil {
		v.AddAt(column, rows, guarded[int8](t, n, atEnd), 2, list)
	}
	if v.AddFrom != nil {
		v.AddFrom(guarded[float32](t, n, atEnd), column, rows, 2)
	}
	if v.Through != nil {
		v.Through(guarded[float32](t, n, atEnd), column, guarded[uint16](t, n+1, atEnd), rows)
	}
	if v.AtLeast != nil {
		v.AtLeast(list, column, 0)
	}
	if v.Order != nil {
		keys := guarded[uint64](t, n, atEnd)
		for i := range keys {
			keys[i] = uint64(i)
		}
		v.Order(guarded[uint64](t, n, atEnd), keys)
		v.Quantise(guarded[int16](t, (n+7)&^7, atEnd), column, float64(v.Peak(column)))
		v.Shrink(guarded[float32](t, n, atEnd), column, 1, 1)
		w := guarded[int32](t, 16*n, atEnd)
		v.Expect(new([16]uint32), w[:n], column, 1, 1, 1)
		v.Pairs(w)
		v.TwoBits(guarded[byte](t, 128*n, atEnd), w, 1)
		v.DotTurned(guarded[int32](t, 64, atEnd), guarded[int8](t, 64*8*n, atEnd), guarded[int32](t, 64, atEnd), guarded[int16](t, 8*n, atEnd))
	}
	if v.Promise != nil {
		v.Promise(column, guarded[int32](t, n, atEnd), column, column, column, column, 1, 1)
	}
	if v.Fetch != nil {
		v.Fetch((*byte)(unsafe.Pointer(&list[0])), 4*n)
	}
}

func scanOutside(t *testing.T, v *Variant, rng *rand.Rand, bytes, blocks int, atEnd bool) {
	codes, lut, f, h, p := scanCase(rng, blocks, bytes)
	in := func(b []byte) []byte { c := guarded[byte](t, len(b), atEnd); copy(c, b); return c }
	fs := func(b []float32) []float32 { c := guarded[float32](t, len(b), atEnd); copy(c, b); return c }
	got, want := guarded[uint32](t, blocks, atEnd), make([]uint32, blocks)
	v.Scan(got, in(codes), in(lut), fs(f), fs(h), &p)
	scanSlowly(want, codes, lut, f, h, &p)
	if !slices.Equal(got, want) {
		t.Fatalf("Scan of %d bytes, %d blocks: %x, want %x", bytes, blocks, got, want)
	}
}
