package kernel

import (
	"math"
	"unsafe"
)

// The functions of this file work on columns, one float32 for each row of something, and on lists of rows. A row beyond its column is
// a bug, and panics.

// AddAt adds scale·codes[i], rounded, to sums[rows[i]] for each i. Rows whose sum was 0 before go to fresh, in their order; it has
// room for as many as there are rows. AddAt returns how many these were. No row may come twice in rows.
func AddAt[R ~uint32](sums []float32, rows []R, codes []int8, scale float32, fresh []R) int {
	codes, fresh = codes[:len(rows)], fresh[:len(rows)]
	switch {
	case len(rows) == 0:
		return 0
	case active.AddAt == nil || len(sums) > math.MaxInt32:
		return addAtGeneric(sums, plain(rows), codes, scale, plain(fresh))
	}
	return inside(active.AddAt(sums, plain(rows), codes, scale, plain(fresh)))
}

// AddFrom adds weight·column[rows[i]], rounded, to dst[i] for each i.
func AddFrom[R ~uint32](dst, column []float32, rows []R, weight float32) {
	dst = dst[:len(rows)]
	switch {
	case len(rows) == 0:
	case active.AddFrom == nil || len(column) > math.MaxInt32:
		addFromGeneric(dst, column, plain(rows), weight)
	default:
		inside(active.AddFrom(dst, column, plain(rows), weight))
	}
}

// AtLeast puts the places where x is at least limit into places, ascending, and returns how many there are. A NaN is not.
func AtLeast(places []uint32, x []float32, limit float32) int {
	places = places[:len(x)]
	switch {
	case len(x) == 0:
		return 0
	case active.AtLeast == nil:
		return atLeastGeneric(places, x, limit)
	}
	return active.AtLeast(places, x, limit)
}

// Fetch asks the CPU for the memory of a list that is read soon, and doesn't wait for it. It changes nothing but time.
func Fetch[T any](list []T) {
	if len(list) > 0 && active.Fetch != nil {
		active.Fetch((*byte)(unsafe.Pointer(unsafe.SliceData(list))), len(list)*int(unsafe.Sizeof(list[0])))
	}
}

// FetchEach is Fetch for the elements of a list at some places: of each the line in which it begins. A place beyond the list is nothing to read, and
// nothing is.
func FetchEach[T any, R ~uint32](list []T, rows []R) {
	if len(list) > 0 && len(rows) > 0 && active.FetchEach != nil {
		active.FetchEach((*byte)(unsafe.Pointer(unsafe.SliceData(list))), int(unsafe.Sizeof(list[0])), &plain(rows)[0], len(rows))
	}
}

// FetchText is Fetch for a text.
func FetchText(text string) { Fetch(unsafe.Slice(unsafe.StringData(text), len(text))) }

// inside takes what a variant returns, which is below 0 where a row was beyond the column.
func inside(n int) int {
	if n < 0 {
		panic("BUG: kernel: row beyond the column")
	}
	return n
}

// Plain is the same memory.
func Plain[R ~uint32](rows []R) []uint32 { return plain(rows) }

func plain[R ~uint32](rows []R) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(rows))), len(rows))
}

func addAtGeneric(sums []float32, rows []uint32, codes []int8, scale float32, fresh []uint32) int {
	codes, fresh = codes[:len(rows)], fresh[:len(rows)]
	n := 0
	for i, row := range rows {
		before := sums[row]
		fresh[n] = row // stays if it is new; told by the sign of bits-1, which costs less than a branch nobody can foresee
		n += int((uint64(math.Float32bits(before)) - 1) >> 63)
		sums[row] = before + float32(scale*float32(codes[i]))
	}
	return n
}

func addFromGeneric(dst, column []float32, rows []uint32, weight float32) {
	dst = dst[:len(rows)]
	for i, row := range rows {
		dst[i] += float32(weight * column[row])
	}
}

func atLeastGeneric(places []uint32, x []float32, limit float32) int {
	places = places[:len(x)]
	n := 0
	for i, v := range x {
		places[n] = uint32(i)
		if v >= limit {
			n++
		}
	}
	return n
}
