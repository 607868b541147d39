//go:build !purego

#include "textflag.h"

// Instructions the Go assembler has no name for.
#define SXTL(n, d) WORD $(0x0f08a400 | (n)<<5 | (d))            // d.8H = n.8B
#define SXTL2(n, d) WORD $(0x4f08a400 | (n)<<5 | (d))           // d.8H = upper half of n.16B
#define SMLAL(m, n, d) WORD $(0x0e608000 | (m)<<16 | (n)<<5 | (d))  // d.4S += n.4H * m.4H
#define SMLAL2(m, n, d) WORD $(0x4e608000 | (m)<<16 | (n)<<5 | (d)) // d.4S += upper halves of n.8H * m.8H
#define SDOT(m, n, d) WORD $(0x4e809400 | (m)<<16 | (n)<<5 | (d))   // d.4S += n.16B * m.16B, four by four
#define MUL4(m, n, d) WORD $(0x4ea09c00 | (m)<<16 | (n)<<5 | (d))   // d.4S = n * m
#define UCVTF(n, d) WORD $(0x6e21d800 | (n)<<5 | (d))           // d.4S = float32(n.4S)
#define SCVTF(n, d) WORD $(0x4e21d800 | (n)<<5 | (d))           // d.4S = float32(n.4S), signed
#define FMUL(m, n, d) WORD $(0x6e20dc00 | (m)<<16 | (n)<<5 | (d))   // d.4S = n * m
#define FADD(m, n, d) WORD $(0x4e20d400 | (m)<<16 | (n)<<5 | (d))   // d.4S = n + m
#define FCMGT(m, n, d) WORD $(0x6ea0e400 | (m)<<16 | (n)<<5 | (d))  // d.4S = n > m
#define FCMGE(m, n, d) WORD $(0x6e20e400 | (m)<<16 | (n)<<5 | (d))  // d.4S = n >= m

// WIDE adds the products of 16 codes in V(x) with the query in V20, V21 to V(acc).
#define WIDE(x, acc) \
	SXTL(x, 22)          \
	SXTL2(x, 23)         \
	SMLAL(20, 22, acc)   \
	SMLAL2(20, 22, acc)  \
	SMLAL(21, 23, acc)   \
	SMLAL2(21, 23, acc)

// HALF does it for 8 codes and V20.
#define HALF(x, acc) \
	SXTL(x, 22)         \
	SMLAL(20, 22, acc)  \
	SMLAL2(20, 22, acc)

// DOT4 turns four rows, which R4 to R7 point to, into their four sums in V0. R3 is the query, R11 the length.
#define DOT4(chunk, tail, done) \
	VEOR V0.B16, V0.B16, V0.B16 \
	VEOR V1.B16, V1.B16, V1.B16 \
	VEOR V2.B16, V2.B16, V2.B16 \
	VEOR V3.B16, V3.B16, V3.B16 \
	MOVD R3, R8 \
	SUBS $16, R11, R9 \
	BLT  tail \
chunk: \
	VLD1.P 32(R8), [V20.H8, V21.H8] \
	VLD1.P 16(R4), [V16.B16] \
	VLD1.P 16(R5), [V17.B16] \
	VLD1.P 16(R6), [V18.B16] \
	VLD1.P 16(R7), [V19.B16] \
	WIDE(16, 0) \
	WIDE(17, 1) \
	WIDE(18, 2) \
	WIDE(19, 3) \
	SUBS $16, R9, R9 \
	BGE  chunk \
tail: \
	CMN  $16, R9 \
	BEQ  done \
	VLD1 (R8), [V20.H8] \
	VLD1 (R4), [V16.B8] \
	VLD1 (R5), [V17.B8] \
	VLD1 (R6), [V18.B8] \
	VLD1 (R7), [V19.B8] \
	HALF(16, 0) \
	HALF(17, 1) \
	HALF(18, 2) \
	HALF(19, 3) \
done: \
	VADDP V1.S4, V0.S4, V0.S4 \
	VADDP V3.S4, V2.S4, V2.S4 \
	VADDP V2.S4, V0.S4, V0.S4

// func dotNEON(codes []int8, q []int16) int32
// The length is a multiple of 8.
TEXT ·dotNEON(SB), NOSPLIT, $0-52
	MOVD codes_base+0(FP), R4
	MOVD codes_len+8(FP), R9
	MOVD q_base+24(FP), R8
	VEOR V0.B16, V0.B16, V0.B16
	SUBS $16, R9, R9
	BLT  tail

chunk:
	VLD1.P 32(R8), [V20.H8, V21.H8]
	VLD1.P 16(R4), [V16.B16]
	WIDE(16, 0)
	SUBS   $16, R9, R9
	BGE    chunk

tail:
	CMN  $16, R9
	BEQ  done
	VLD1 (R8), [V20.H8]
	VLD1 (R4), [V16.B8]
	HALF(16, 0)

done:
	VADDV V0.S4, V0
	FMOVS F0, R0
	MOVW  R0, ret+48(FP)
	RET

// func dotRows4NEON(dst *int32, codes *int8, q *int16, n, dim int)
// n is a multiple of 4 and positive.
TEXT ·dotRows4NEON(SB), NOSPLIT, $0-40
	MOVD dst+0(FP), R0
	MOVD codes+8(FP), R1
	MOVD q+16(FP), R3
	MOVD n+24(FP), R10
	MOVD dim+32(FP), R11

rows:
	MOVD R1, R4
	ADD  R11, R4, R5
	ADD  R11, R5, R6
	ADD  R11, R6, R7
	ADD  R11, R7, R1
	DOT4(chunk, tail, done)
	VST1.P [V0.S4], 16(R0)
	SUBS $4, R10, R10
	BNE  rows
	RET

// OFFSET gets the offset of the next row.
#define OFFSET(row) \
	MOVWU.P 4(R2), row \
	MUL  R11, row, row \
	ADD  R1, row, row

// ASK asks for the row that is used eight rows on.
#define ASK(n) \
	MOVWU (16+4*n)(R2), R12 \
	MUL  R11, R12, R12 \
	ADD  R1, R12, R12 \
	PRFM (R12), PLDL1KEEP \
	PRFM 64(R12), PLDL1KEEP

// func dotGather4NEON(dst *int32, codes *int8, rows *uint32, q *int16, n, dim int)
// n is a multiple of 4 and positive.
TEXT ·dotGather4NEON(SB), NOSPLIT, $0-48
	MOVD dst+0(FP), R0
	MOVD codes+8(FP), R1
	MOVD rows+16(FP), R2
	MOVD q+24(FP), R3
	MOVD n+32(FP), R10
	MOVD dim+40(FP), R11

rows:
	OFFSET(R4)
	OFFSET(R5)
	OFFSET(R6)
	OFFSET(R7)
	CMP  $12, R10
	BLT  near
	ASK(0)
	ASK(1)
	ASK(2)
	ASK(3)

near:
	DOT4(chunk, tail, done)
	VST1.P [V0.S4], 16(R0)
	SUBS $4, R10, R10
	BNE  rows
	RET

// func splitNEON(hi, lo *int8, q *int16, n int) (sign int)
// It writes sign·q = 256·hi + lo, both parts from -128 to 127, which 32640 and more has none of: sign is -1 where there
// is a q so large, and 0 where there is one at each end. n is a multiple of 8 and positive.
TEXT ·splitNEON(SB), NOSPLIT, $0-40
	MOVD hi+0(FP), R0
	MOVD lo+8(FP), R1
	MOVD q+16(FP), R2
	MOVD n+24(FP), R3
	MOVD R2, R4
	MOVD R3, R5
	VLD1 (R2), [V0.H8]
	VMOV V0.B16, V1.B16

range:
	VLD1.P 16(R4), [V2.H8]
	WORD $0x4e626400 // SMAX V0.8H, V0.8H, V2.8H
	WORD $0x4e626c21 // SMIN V1.8H, V1.8H, V2.8H
	SUBS $8, R5, R5
	BNE  range
	WORD $0x4e70a800 // SMAXV H0, V0.8H
	WORD $0x4e71a821 // SMINV H1, V1.8H
	VMOV V0.H[0], R6
	VMOV V1.H[0], R7
	SXTH R6, R6
	SXTH R7, R7
	MOVD $1, R8
	CMP  $32639, R6
	BLE  split
	MOVD $-1, R8
	CMN  $32639, R7
	BGE  split
	MOVD $0, R8
	B    done

split:
	VLD1.P 16(R2), [V2.H8]
	CMP  $0, R8
	BGT  positive
	WORD $0x6e60b842 // NEG V2.8H, V2.8H

positive:
	WORD $0x0f088c43 // RSHRN V3.8B, V2.8H, #8
	WORD $0x0e212844 // XTN V4.8B, V2.8H
	VST1.P [V3.B8], 8(R0)
	VST1.P [V4.B8], 8(R1)
	SUBS $8, R3, R3
	BNE  split

done:
	MOVD R8, sign+32(FP)
	RET

// SDOTS adds the products of four rows' codes in V16 to V19 with both parts of the query in V20, V21 to V0 to V7.
#define SDOTS \
	SDOT(20, 16, 0) \
	SDOT(20, 17, 1) \
	SDOT(20, 18, 2) \
	SDOT(20, 19, 3) \
	SDOT(21, 16, 4) \
	SDOT(21, 17, 5) \
	SDOT(21, 18, 6) \
	SDOT(21, 19, 7)

// SPLIT4 is DOT4 with a query in two parts, which R3 and R13 point to; V31 is its sign. What is loaded of half a chunk
// has zeros above.
#define SPLIT4(chunk, tail, done) \
	VEOR V0.B16, V0.B16, V0.B16 \
	VEOR V1.B16, V1.B16, V1.B16 \
	VEOR V2.B16, V2.B16, V2.B16 \
	VEOR V3.B16, V3.B16, V3.B16 \
	VEOR V4.B16, V4.B16, V4.B16 \
	VEOR V5.B16, V5.B16, V5.B16 \
	VEOR V6.B16, V6.B16, V6.B16 \
	VEOR V7.B16, V7.B16, V7.B16 \
	MOVD R3, R8 \
	MOVD R13, R14 \
	SUBS $16, R11, R9 \
	BLT  tail \
chunk: \
	VLD1.P 16(R8), [V20.B16] \
	VLD1.P 16(R14), [V21.B16] \
	VLD1.P 16(R4), [V16.B16] \
	VLD1.P 16(R5), [V17.B16] \
	VLD1.P 16(R6), [V18.B16] \
	VLD1.P 16(R7), [V19.B16] \
	SDOTS \
	SUBS $16, R9, R9 \
	BGE  chunk \
tail: \
	CMN  $16, R9 \
	BEQ  done \
	VLD1 (R8), [V20.B8] \
	VLD1 (R14), [V21.B8] \
	VLD1 (R4), [V16.B8] \
	VLD1 (R5), [V17.B8] \
	VLD1 (R6), [V18.B8] \
	VLD1 (R7), [V19.B8] \
	SDOTS \
done: \
	VADDP V1.S4, V0.S4, V0.S4 \
	VADDP V3.S4, V2.S4, V2.S4 \
	VADDP V5.S4, V4.S4, V4.S4 \
	VADDP V7.S4, V6.S4, V6.S4 \
	VADDP V2.S4, V0.S4, V0.S4 \
	VADDP V6.S4, V4.S4, V4.S4 \
	VSHL  $8, V0.S4, V0.S4 \
	VADD  V4.S4, V0.S4, V0.S4 \
	MUL4(31, 0, 0)

// func dotRows4SDOT(dst *int32, codes, hi, lo *int8, n, dim, sign int)
// n is a multiple of 4 and positive.
TEXT ·dotRows4SDOT(SB), NOSPLIT, $0-56
	MOVD dst+0(FP), R0
	MOVD codes+8(FP), R1
	MOVD hi+16(FP), R3
	MOVD lo+24(FP), R13
	MOVD n+32(FP), R10
	MOVD dim+40(FP), R11
	MOVD sign+48(FP), R12
	VDUP R12, V31.S4

rows:
	MOVD R1, R4
	ADD  R11, R4, R5
	ADD  R11, R5, R6
	ADD  R11, R6, R7
	ADD  R11, R7, R1
	SPLIT4(chunk, tail, done)
	VST1.P [V0.S4], 16(R0)
	SUBS $4, R10, R10
	BNE  rows
	RET

// func dotGather4SDOT(dst *int32, codes *int8, rows *uint32, hi, lo *int8, n, dim, sign int)
// n is a multiple of 4 and positive.
TEXT ·dotGather4SDOT(SB), NOSPLIT, $0-64
	MOVD dst+0(FP), R0
	MOVD codes+8(FP), R1
	MOVD rows+16(FP), R2
	MOVD hi+24(FP), R3
	MOVD lo+32(FP), R13
	MOVD n+40(FP), R10
	MOVD dim+48(FP), R11
	MOVD sign+56(FP), R12
	VDUP R12, V31.S4

rows:
	OFFSET(R4)
	OFFSET(R5)
	OFFSET(R6)
	OFFSET(R7)
	CMP  $12, R10
	BLT  near
	ASK(0)
	ASK(1)
	ASK(2)
	ASK(3)

near:
	SPLIT4(chunk, tail, done)
	VST1.P [V0.S4], 16(R0)
	SUBS $4, R10, R10
	BNE  rows
	RET

// bit r%8 of each of 16 rows
DATA rowBits<>+0(SB)/8, $0x8040201008040201
DATA rowBits<>+8(SB)/8, $0x8040201008040201
GLOBL rowBits<>(SB), RODATA|NOPTR, $16

// LOOK adds the values of 16 rows' bytes in V(x) to the sums V(a) of rows 0 to 7 and V(b) of rows 8 to 15; lo and hi are
// the tables of both halves of a byte.
#define LOOK(x, lo, hi, a, b) \
	VUSHR $4, x.B16, V24.B16 \
	VAND  V31.B16, x.B16, x.B16 \
	VTBL  V24.B16, [hi.B16], V24.B16 \
	VTBL  x.B16, [lo.B16], x.B16 \
	VADD  V24.B16, x.B16, x.B16 \
	VUADDW x.B8, a.H8, a.H8 \
	VUADDW2 x.B16, b.H8, b.H8

// PASS turns four sums in V(x) into four masks of 32 bits. V27 to V30 are Mul, Add, Base and Limit.
#define PASS(x) \
	UCVTF(x, x) \
	FMUL(27, x, x) \
	FADD(28, x, x) \
	VLD1.P 16(R4), [V24.S4] \
	VLD1.P 16(R5), [V25.S4] \
	FMUL(24, x, x) \
	FMUL(29, 25, 25) \
	FADD(25, x, x) \
	FCMGT(30, x, x)

// PASS8 turns the sums of 8 rows in V(x) into masks of 16 bits.
#define PASS8(x, number) \
	VUXTL2 x.H8, V26.S4 \
	VUXTL x.H4, x.S4 \
	PASS(number) \
	PASS(26) \
	VUZP1 V26.H8, x.H8, x.H8

// func scanNEON(masks []uint32, codes, lut []byte, f, h []float32, p *ScanParams)
// A register has one byte of 16 rows: two make a line of a block, four with their tables a turn of the loop.
TEXT ·scanNEON(SB), NOSPLIT, $0-128
	MOVD masks_base+0(FP), R0
	MOVD masks_len+8(FP), R10
	MOVD codes_base+24(FP), R1
	MOVD lut_base+48(FP), R2
	MOVD lut_len+56(FP), R11
	MOVD f_base+72(FP), R4
	MOVD h_base+96(FP), R5
	MOVD p+120(FP), R6
	VLD1R.P 4(R6), [V27.S4]
	VLD1R.P 4(R6), [V28.S4]
	VLD1R.P 4(R6), [V29.S4]
	VLD1R   (R6), [V30.S4]
	MOVD $rowBits<>(SB), R6
	VLD1 (R6), [V23.B16]
	VMOVI $15, V31.B16

block:
	VEOR V0.B16, V0.B16, V0.B16
	VEOR V1.B16, V1.B16, V1.B16
	VEOR V2.B16, V2.B16, V2.B16
	VEOR V3.B16, V3.B16, V3.B16
	MOVD R2, R7
	MOVD R11, R9

lines:
	VLD1.P 64(R7), [V16.B16, V17.B16, V18.B16, V19.B16]
	VLD1.P 64(R1), [V4.B16, V5.B16, V6.B16, V7.B16]
	LOOK(V4, V16, V17, V0, V1)
	LOOK(V5, V16, V17, V2, V3)
	LOOK(V6, V18, V19, V0, V1)
	LOOK(V7, V18, V19, V2, V3)
	SUBS $64, R9, R9
	BNE  lines
	PASS8(V0, 0)
	PASS8(V1, 1)
	PASS8(V2, 2)
	PASS8(V3, 3)
	VUZP1 V1.B16, V0.B16, V0.B16
	VUZP1 V3.B16, V2.B16, V2.B16
	VAND V23.B16, V0.B16, V0.B16
	VAND V23.B16, V2.B16, V2.B16
	VADDP V2.B16, V0.B16, V0.B16
	VADDP V0.B16, V0.B16, V0.B16
	VADDP V0.B16, V0.B16, V0.B16
	FMOVS.P F0, 4(R0)
	SUBS $1, R10, R10
	BNE  block
	RET

// GE turns eight dot products into eight masks of 16 bits. V28 and V30 are add and limit.
#define GE(x) \
	VLD1.P 32(R1), [V26.S4, V27.S4] \
	VLD1.P 32(R2), [V24.S4, V25.S4] \
	SCVTF(26, 26) \
	SCVTF(27, 27) \
	FADD(28, 26, 26) \
	FADD(28, 27, 27) \
	FMUL(24, 26, 26) \
	FMUL(25, 27, 27) \
	FCMGE(30, 26, 26) \
	FCMGE(30, 27, 27) \
	VUZP1 V27.H8, V26.H8, x.H8

// func aboveNEON(masks *uint32, dots *int32, scales *float32, words int, add, limit float32)
TEXT ·aboveNEON(SB), NOSPLIT, $0-40
	MOVD masks+0(FP), R0
	MOVD dots+8(FP), R1
	MOVD scales+16(FP), R2
	MOVD words+24(FP), R10
	MOVWU add+32(FP), R3
	MOVWU limit+36(FP), R4
	VDUP R3, V28.S4
	VDUP R4, V30.S4
	MOVD $rowBits<>(SB), R6
	VLD1 (R6), [V23.B16]

word:
	GE(V0)
	GE(V1)
	GE(V2)
	GE(V3)
	VUZP1 V1.B16, V0.B16, V0.B16
	VUZP1 V3.B16, V2.B16, V2.B16
	VAND V23.B16, V0.B16, V0.B16
	VAND V23.B16, V2.B16, V2.B16
	VADDP V2.B16, V0.B16, V0.B16
	VADDP V0.B16, V0.B16, V0.B16
	VADDP V0.B16, V0.B16, V0.B16
	FMOVS.P F0, 4(R0)
	SUBS $1, R10, R10
	BNE  word
	RET
