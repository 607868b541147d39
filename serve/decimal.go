package serve

import "math"

// The shortest decimal of a float32, for the numbers that scores are. f = m·2ᵉ is n = m·5ᵏ/2ˢ units of 10⁻ᵏ, s = −(e+k); k is chosen so that n has nine
// digits or ten, which tell every float32 from its neighbours, and all of it fits 64 bits. f is read back from what lies within half of a step of it,
// which is 5ᵏ/2ˢ⁺¹ units. So digits are dropped as long as the nearest number with fewer lies within. Where it is not strictly nearer
// than another one, or the limit, or the step below f is a smaller one, somebody else has to decide.

const (
	maxPowerOfFive = 14
	mantissaBits   = 23
)

var powersOfFive = func() (p [maxPowerOfFive + 1]uint64) {
	p[0] = 1
	for k := 1; k < len(p); k++ {
		p[k] = 5 * p[k-1]
	}
	return p
}()

// shortest returns digits and where the point is: f = digits·10^−point. It is for f from 10⁻⁶ to 10⁸; ok is false where it does not say.
func shortest(f float32) (digits uint64, point int, ok bool) {
	b := math.Float32bits(f)
	m, e := uint64(b&(1<<mantissaBits-1)), int(b>>mantissaBits)-127-mantissaBits
	if !(f >= 1e-6 && f < 1e8) || m == 0 {
		return 0, 0, false
	}
	m |= 1 << mantissaBits
	k := 8 - (e+mantissaBits)*1233>>12 // 1233/4096 is about log10(2)
	if k < 0 || k > maxPowerOfFive || e+k > 0 {
		return 0, 0, false
	}
	half, shift := powersOfFive[k], uint(1-e-k)
	exact, unit := 2*m*half, uint64(1)<<shift // f is exact/unit of 10^−k
	for whole := exact >> shift; whole > 0; whole /= 10 {
		down := exact - whole*unit
		up := unit - down
		near := min(down, up)
		if near > half {
			break
		}
		if down == up || near == half {
			return 0, 0, false
		}
		digits, point = whole, k
		if up < down {
			digits++
		}
		k, unit = k-1, 10*unit
	}
	return digits, point, digits > 0
}

// appendDecimal appends digits·10^−point.
func appendDecimal(dst []byte, digits uint64, point int) []byte {
	for point < 0 {
		digits, point = 10*digits, point+1
	}
	var b [24]byte
	at := len(b)
	for ; point > 0 && digits%10 == 0; point-- { // an added one may have left zeros
		digits /= 10
	}
	for i := 0; digits > 0 || i <= point; i++ {
		if i == point && point > 0 {
			at--
			b[at] = '.'
		}
		at--
		b[at] = '0' + byte(digits%10)
		digits /= 10
	}
	return append(dst, b[at:]...)
}
