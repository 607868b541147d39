package overlay

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/edged/edged"
)

// Field is what of an item a register holds. Numbers are for ever: nodes of different versions talk with each other.
type Field byte

// The fields. A node keeps and passes on those it doesn't know.
const (
	Available Field = 'a'
	Price     Field = 'p'
	Boost     Field = 'b'
	Content   Field = 'i' // a new item
)

var fields = [...]Field{Available, Price, Boost, Content}

// Fields lists them.
func Fields() []Field { return fields[:] }

// Entry is one write of one register. It is immutable.
type Entry struct {
	ID    string
	Field Field
	Stamp uint64 // Unix milliseconds and a counter of 16 bits
	Node  string // who wrote it
	Until int64  // Unix milliseconds: it counts until then

	Removed   bool // nothing is to be different any more
	Available bool
	Price     float64
	Boost     float32
	Item      *edged.Item // its ID is set

	value []byte // as it travels
}

const (
	stampShift = 16
	untilSize  = 8
)

func stampOf(ms int64) uint64 { return uint64(ms) << stampShift }

// Written is when an entry was written, in Unix milliseconds.
func (e *Entry) Written() int64 { return int64(e.Stamp >> stampShift) }

// Forgotten is from when on an entry is not remembered.
func (e *Entry) Forgotten() int64 { return e.Written() + Remember.Milliseconds() }

// Key names an entry's register.
func (e *Entry) Key() string { return string(rune(e.Field)) + e.ID }

// Value is what is written, as it travels. It must not be changed.
func (e *Entry) Value() []byte { return e.value }

// Counts reports whether an entry says something at a time.
func (e *Entry) Counts(now int64) bool { return !e.Removed && now < e.Until }

// newer reports whether e replaces o in the same register.
func (e *Entry) newer(o *Entry) bool { return e.compare(o) > 0 }

func (e *Entry) compare(o *Entry) int {
	return cmp.Or(cmp.Compare(e.Stamp, o.Stamp), strings.Compare(e.Node, o.Node), bytes.Compare(e.value, o.value))
}

// Decode reads an entry as it travels: everything in it is judged before any of it is used.
func Decode(key string, stamp uint64, node string, value []byte) (Entry, error) {
	if len(key) < 1 || key[0] >= utf8.RuneSelf {
		return Entry{}, fmt.Errorf("entry: key of %d bytes names no field", len(key))
	}
	e := Entry{ID: key[1:], Field: Field(key[0]), Stamp: stamp, Node: node, value: bytes.Clone(value)}
	if err := edged.ValidID(e.ID); err != nil {
		return Entry{}, fmt.Errorf("entry: %w", err)
	}
	if node == "" || len(node) > maxNode || stamp == 0 || stamp > math.MaxInt64 {
		return Entry{}, fmt.Errorf("entry: stamp %d of a node with a name of %d bytes", stamp, len(node))
	}
	if len(value) < untilSize || len(value) > untilSize+maxContent {
		return Entry{}, fmt.Errorf("entry: value of %d bytes, want %d to %d", len(value), untilSize, untilSize+maxContent)
	}
	e.Until = int64(binary.LittleEndian.Uint64(value))
	if e.Until < 0 || e.Until > e.Forgotten() {
		return Entry{}, fmt.Errorf("entry: counts until %d, and is forgotten at %d", e.Until, e.Forgotten())
	}
	if err := e.read(value[untilSize:]); err != nil {
		return Entry{}, fmt.Errorf("entry: %c of %q: %w", e.Field, clip(e.ID), err)
	}
	return e, nil
}

// read takes what the register holds. Nothing is a removal.
func (e *Entry) read(b []byte) (err error) {
	if len(b) == 0 {
		e.Removed = true
		return nil
	}
	switch e.Field {
	case Available:
		if len(b) != 1 || b[0] > 1 {
			return fmt.Errorf("%d bytes, want one of 0 or 1", len(b))
		}
		e.Available = b[0] == 1
	case Price:
		if len(b) != 8 {
			return fmt.Errorf("%d bytes, want 8", len(b))
		}
		e.Price = math.Float64frombits(binary.LittleEndian.Uint64(b))
		return checkPrice(e.Price)
	case Boost:
		if len(b) != 4 {
			return fmt.Errorf("%d bytes, want 4", len(b))
		}
		e.Boost = math.Float32frombits(binary.LittleEndian.Uint32(b))
		return checkBoost(e.Boost)
	case Content:
		e.Item, err = unpack(e.ID, b)
	}
	return err
}

func checkPrice(p float64) error {
	if !(p > 0 && p <= MaxPrice) {
		return fmt.Errorf("want a number above 0, at most %g, got %v", float64(MaxPrice), p)
	}
	return nil
}

func checkBoost(b float32) error {
	if !(b >= 1./MaxFactor && b <= MaxFactor) {
		return fmt.Errorf("want a number from %g to %d, got %v", 1./MaxFactor, MaxFactor, b)
	}
	return nil
}

// String names a field as requests do.
func (f Field) String() string {
	switch f {
	case Available:
		return "available"
	case Price:
		return "price"
	case Boost:
		return "boost"
	case Content:
		return "item"
	}
	return string(rune(f))
}

// encode makes the value of an entry that says what payload does.
func encode(until int64, payload []byte) []byte {
	return append(binary.LittleEndian.AppendUint64(make([]byte, 0, untilSize+len(payload)), uint64(until)), payload...)
}

func clip(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}
