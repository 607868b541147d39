package snapshot

import (
	"encoding/binary"
	"unsafe"
)

var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// Number is what a section can be an array of.
type Number interface {
	~int8 | ~uint8 | ~int16 | ~uint16 | ~int32 | ~uint32 | ~int64 | ~uint64 | ~float32 | ~float64
}

// View returns b as an array of T, sharing its memory; bytes beyond the last whole element are left out. Where b is not
// aligned for T (hot sections always are), it is a copy.
func View[T Number](b []byte) []T {
	size := unsafe.Sizeof(*new(T))
	n := uintptr(len(b)) / size
	if n == 0 {
		return nil
	}
	if uintptr(unsafe.Pointer(unsafe.SliceData(b)))%size != 0 {
		b = alignedCopy(b)
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// Bytes returns v as the bytes of a section, sharing its memory.
func Bytes[T Number](v []T) []byte {
	if len(v) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), uintptr(len(v))*unsafe.Sizeof(v[0]))
}

// U32s is View of uint32.
func U32s(b []byte) []uint32 { return View[uint32](b) }

// F32s is View of float32.
func F32s(b []byte) []float32 { return View[float32](b) }

// I8s is View of int8.
func I8s(b []byte) []int8 { return View[int8](b) }
