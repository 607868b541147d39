package snapshot

import "unsafe"

// hotRoom returns memory for all hot sections, one after the other. It is the collector's, like any other, and stays as long as somebody
// holds one of them. Being one piece, it is in large pages where the system has such: a search touches it all over, and with small ones
// most of what it touches costs a walk through the page table, too.
func (f *File) hotRoom() []byte {
	size := uint64(0)
	for i := range f.entries {
		if e := &f.entries[i]; e.flags&Hot != 0 {
			size += padded(e.length)
		}
	}
	if size < largePage {
		return aligned(size, align)
	}
	room := aligned(size, largePage)
	wantLargePages(room[:cap(room)])
	return room
}

// largePage is what a page of the larger kind has on amd64 and arm64, as Linux mostly has them.
const largePage = 2 << 20

// aligned returns zeroed memory that begins at a multiple of a power of two; what there is behind it up to the next multiple is its capacity.
func aligned(size, to uint64) []byte {
	whole := (size + to - 1) &^ (to - 1)
	buf := make([]byte, whole+to-1)
	skip := -uint64(uintptr(unsafe.Pointer(unsafe.SliceData(buf)))) & (to - 1)
	return buf[skip : skip+size : skip+whole]
}

// alignedCopy copies b to memory that begins at a multiple of 64.
func alignedCopy(b []byte) []byte {
	c := aligned(uint64(len(b)), align)
	copy(c, b)
	return c
}
