package trend

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/edged/edged"
)

// A cell travels as key and value. The key is country, NUL, item. The value, little-endian:
//
//	offset     bytes  meaning
//	0          1      version, 2
//	1          8      reference time, Unix milliseconds
//	9          1      number of counters n, 1 to 4
//	10         12·n   counters: half-life in seconds (u32, ascending), value (f64, finite, ≥ 0)
//	10 + 12·n  4      id of the key under which visitors are hashed
//	14 + 12·n  1      number of visitors m, 0 to 64
//	15 + 12·n  8·m    visitors: hash (u32), time in Unix seconds, made coarse (u32, not after the reference time); the newest first, of the same time the larger
//	                  hash first, no hash twice
//
// A reader takes the counters whose half-life it has, and reads 0 for those that are missing. Version 1 ends before the key's id and has no
// visitors; it is read, not written.
const (
	wireVersion    = 2
	wireWithoutWho = 1
	headerLen      = 10
	counterLen     = 12
	whoLen         = len(keyID{}) + 1
	visitorLen     = 8
	maxValue       = 1e9
	maxHalfLife    = math.MaxUint32 * time.Second
)

func (k cellKey) String() string { return k.country + "\x00" + k.item }

func parseKey(s string) (cellKey, error) {
	country, item, ok := strings.Cut(s, "\x00")
	switch {
	case !ok:
		return cellKey{}, fmt.Errorf("trend key: no separator between country and item")
	case item == "" || len(item) > edged.MaxIDLen:
		return cellKey{}, fmt.Errorf("trend key: item of %d bytes, want 1 to %d", len(item), edged.MaxIDLen)
	case len(country) > maxCountryLen:
		return cellKey{}, fmt.Errorf("trend key: country of %d bytes, at most %d", len(country), maxCountryLen)
	case !utf8.ValidString(s):
		return cellKey{}, fmt.Errorf("trend key: not UTF-8")
	}
	return cellKey{strings.Clone(country), strings.Clone(item)}, nil
}

func appendCell(dst []byte, c *cell, windows []window) []byte {
	dst = append(dst, wireVersion)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(c.ref))
	dst = append(dst, byte(len(windows)))
	for i, w := range windows {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(w.halfLife/time.Second))
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(c.value[i]))
	}
	dst = append(append(dst, c.key[:]...), byte(len(c.crowd)))
	for _, v := range c.crowd {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(v))
	}
	return dst
}

// decodeCell reads a cell that refers to a time up to now (and a little skew of clocks), keeping the counters of windows and most
// visitors.
func decodeCell(b []byte, windows []window, most int, now int64) (cell, error) {
	if len(b) < headerLen || b[0] != wireVersion && b[0] != wireWithoutWho {
		return cell{}, fmt.Errorf("trend cell of %d bytes: neither version %d nor %d", len(b), wireWithoutWho, wireVersion)
	}
	ref := binary.LittleEndian.Uint64(b[1:])
	if ref > uint64(now+maxSkew.Milliseconds()) {
		return cell{}, fmt.Errorf("trend cell: lies more than %v in the future: check the sender's clock", maxSkew)
	}
	n := int(b[9])
	who := headerLen + n*counterLen
	if n < 1 || n > maxWindows || len(b) < who {
		return cell{}, fmt.Errorf("trend cell of %d bytes: %d counters", len(b), n)
	}
	c := cell{ref: int64(ref)}
	if err := c.decodeCounters(b[headerLen:who], windows); err != nil {
		return cell{}, err
	}
	switch {
	case b[0] == wireVersion:
		return c, c.decodeVisitors(b[who:], most)
	case len(b) > who:
		return c, fmt.Errorf("trend cell of version %d: %d bytes too many", wireWithoutWho, len(b)-who)
	}
	return c, nil
}

// decodeVisitors reads what follows the counters.
func (c *cell) decodeVisitors(b []byte, most int) error {
	if len(b) < whoLen || int(b[whoLen-1]) > MaxVisitors || len(b) != whoLen+int(b[whoLen-1])*visitorLen {
		return fmt.Errorf("trend cell: %d bytes of visitors", len(b))
	}
	b = b[copy(c.key[:], b)+1:]
	var room [MaxVisitors]visitor
	got := crowd(room[:0])
	for ; len(b) > 0; b = b[visitorLen:] {
		v := visitor(binary.LittleEndian.Uint64(b))
		n := len(got)
		if n > 0 && v >= got[n-1] || v.at() > seconds(c.ref) || got.index(v) >= 0 {
			return fmt.Errorf("trend cell: visitor %d is out of order, twice, or of a later time than the cell", n)
		}
		got = append(got, v)
	}
	c.crowd = slices.Clone(got[:min(len(got), most)])
	return nil
}

func (c *cell) decodeCounters(b []byte, windows []window) error {
	var last uint32
	for ; len(b) > 0; b = b[counterLen:] {
		seconds := binary.LittleEndian.Uint32(b)
		value := math.Float64frombits(binary.LittleEndian.Uint64(b[4:]))
		if seconds <= last {
			return fmt.Errorf("trend cell: half-lives are not ascending")
		}
		if !(value >= 0 && value <= maxValue) {
			return fmt.Errorf("trend cell: value %v, want 0 to %g", value, maxValue)
		}
		last = seconds
		for i, w := range windows {
			if uint32(w.halfLife/time.Second) == seconds {
				c.value[i] = value
			}
		}
	}
	return nil
}
