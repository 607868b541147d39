// Package kernel holds the innermost loops.
//
// Everything here is plain Go that runs on every platform, and it is the reference: a faster variant must give the
// same bits, because all arithmetic is on integers and none of it overflows (see the bound on each function).
// Functions keep no state and may be called from any goroutine.
package kernel

// MaxDim is the longest vector the kernels take: 128·32767·512 is the largest sum that fits an int32.
const MaxDim = 512

// DotI8I16 returns Σ codes[i]·q[i] over len(codes) elements. q must be at least as long, codes at most MaxDim, and no
// q below -32767; then no partial sum overflows.
func DotI8I16(codes []int8, q []int16) int32 {
	q = q[:len(codes)]
	var a, b, c, d int32
	for len(codes) >= 8 && len(q) >= 8 {
		a += int32(codes[0])*int32(q[0]) + int32(codes[4])*int32(q[4])
		b += int32(codes[1])*int32(q[1]) + int32(codes[5])*int32(q[5])
		c += int32(codes[2])*int32(q[2]) + int32(codes[6])*int32(q[6])
		d += int32(codes[3])*int32(q[3]) + int32(codes[7])*int32(q[7])
		codes, q = codes[8:], q[8:]
	}
	for i, x := range codes {
		a += int32(x) * int32(q[i])
	}
	return a + b + c + d
}

// DotRowsI8I16 writes to dst[r] the dot product of q with row r of codes, rows lying one after the other, len(q) codes
// each. codes must hold len(dst) rows.
func DotRowsI8I16(dst []int32, codes []int8, q []int16) {
	for r := range dst {
		dst[r] = DotI8I16(codes[r*len(q):][:len(q)], q)
	}
}
