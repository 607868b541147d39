//go:build !purego

package float

import "golang.org/x/sys/cpu"

//go:noescape
func observeAVX2(out, p, f *float32, rows *uint32, w *float32, n, bytes int, one float32, fetch int) float32

//go:noescape
func diagonalAVX2(out, gram, p *float32, bytes int, ridge float32)

//go:noescape
func dotAVX2(a, b *float32, bytes int) float32

//go:noescape
func advanceAVX2(x, r, p, q, inverse *float32, bytes int, alpha float32) float32

//go:noescape
func directAVX2(p, r, inverse *float32, bytes int, beta float32)

//go:noescape
func preconditionAVX2(inverse, gram, c *float32, bytes int, weight, ridge float32)

//go:noescape
func rotateAVX2(a, b *float64, bytes int, cos, sin float64)

//go:noescape
func tileAVX2(c, a, b *float32, k int, cRow, aRow, aCol, bRow int)

func archVariants() (v []variant) {
	x := &cpu.X86
	if x.HasAVX2 && x.HasFMA {
		v = append(v, variant{
			name: "avx2", observe: observeBy(observeAVX2), diagonal: diagonalBy(diagonalAVX2), dot: dotBy(dotAVX2),
			advance: advanceBy(advanceAVX2), direct: directBy(directAVX2), precondition: preconditionBy(preconditionAVX2),
			rotate: rotateBy(rotateAVX2), tile: tileBy(tileAVX2),
		})
	}
	return v
}
