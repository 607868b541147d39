package serve

import (
	"math"
	"strconv"
	"unicode/utf8"
)

// The answer is written by appending to one buffer: no reflection, no intermediate values. The bytes are those
// encoding/json would write with HTML escaping off; a property test holds the two together.

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string. Bytes that are no UTF-8 become U+FFFD.
func appendString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	start, plain := 0, plainPrefix(s)
	for i := plain; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			// At most four bytes: the conversion stays on the stack.
			r, size := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, s[start:i]...), `\ufffd`...)
				start = i + 1
			} else if r == '\u2028' || r == '\u2029' {
				dst = append(append(dst, s[start:i]...), `\u202`...)
				dst = append(dst, hexDigits[r&0xf])
				start = i + size
			}
			i += size
			continue
		}
		if c >= 0x20 && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = appendEscaped(append(dst, s[start:i]...), c)
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}

// plainPrefix returns how many bytes at the front of s are copied as they are, as far as whole words of eight tell.
func plainPrefix[T string | []byte](s T) (n int) {
	for n+8 <= len(s) && !special(word(s, n)) {
		n += 8
	}
	return n
}

// word returns the eight bytes from i on.
func word[T string | []byte](s T, i int) uint64 {
	_ = s[i+7]
	return uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
		uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
}

// special reports whether one of eight bytes is a control character, a quotation mark, a backslash or no ASCII.
func special(w uint64) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	quote, slash := w^'"'*ones, w^'\\'*ones
	return (w|(w-' '*ones)|(quote-ones)&^quote|(slash-ones)&^slash)&high != 0
}

func appendEscaped(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
}

// appendFloat appends the shortest decimal that reads back as the same float32. What JSON can't say becomes null.
func appendFloat(dst []byte, f float32) []byte {
	x := float64(f)
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return append(dst, "null"...)
	}
	if a := float32(math.Abs(x)); a == 0 || a >= 1e-6 && a < 1e21 {
		if digits, point, ok := shortest(f); ok {
			return appendDecimal(dst, digits, point)
		}
		return strconv.AppendFloat(dst, x, 'f', -1, 32)
	}
	dst = strconv.AppendFloat(dst, x, 'e', -1, 32)
	if n := len(dst); dst[n-4] == 'e' && dst[n-3] == '-' && dst[n-2] == '0' { // e-09 is written e-9
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

// appendStrings appends a JSON array of strings.
func appendStrings[T string | []byte](dst []byte, list []T) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, s)
	}
	return append(dst, ']')
}
