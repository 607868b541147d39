package data

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/edged/edged"
)

// Bits of an event record, in the order the fields are written. FORMAT.md has the table.
const (
	hasKey = 1 << iota
	hasID
	hasUser
	hasSession
	hasItem
	hasType
	hasTime
	hasValue
	hasQuantity
	hasRecommendation
	hasPosition
	hasSlot
	hasChannel
	hasContext

	knownFields = hasContext<<1 - 1
)

// maxRecord bounds one record.
const maxRecord = 1 << 20

var errRecord = errors.New("data: malformed event record")

// key is the identity of an event within its day: 16 bytes of a derived id, or a hash of a text id.
type key [16]byte

// parseKey reads an id of 32 lower-case hexadecimal digits.
func parseKey(id string) (k key, ok bool) {
	if len(id) != 2*len(k) {
		return k, false
	}
	for i := range len(id) {
		c := id[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return k, false
		}
	}
	_, err := hex.Decode(k[:], []byte(id))
	return k, err == nil
}

// eventFields returns the bit set of the fields of e that are not empty.
func eventFields(e *edged.Event, hex bool) (bits uint64) {
	for _, f := range [...]struct {
		bit  uint64
		here bool
	}{
		{hasKey, hex}, {hasID, e.ID != "" && !hex}, {hasUser, e.User != ""}, {hasSession, e.Session != ""},
		{hasItem, e.Item != ""}, {hasType, e.Type != ""}, {hasTime, e.Time != 0}, {hasValue, e.Value != 0},
		{hasQuantity, e.Quantity != 0}, {hasRecommendation, e.Recommendation != ""}, {hasPosition, e.Position != 0},
		{hasSlot, e.Slot != ""}, {hasChannel, e.Channel != ""}, {hasContext, len(e.Context) > 0},
	} {
		if f.here {
			bits |= f.bit
		}
	}
	return bits
}

// AppendEventRecord appends the record of e, which CheckEvent must have found good.
func AppendEventRecord(dst []byte, e *edged.Event) []byte {
	k, isKey := parseKey(e.ID)
	bits := eventFields(e, isKey)
	dst = binary.AppendUvarint(dst, bits)
	if isKey {
		dst = append(dst, k[:]...)
	}
	dst = appendTexts(dst, bits, hasID, e.ID, e.User, e.Session, e.Item, string(e.Type))
	if bits&hasTime != 0 {
		dst = binary.AppendVarint(dst, e.Time)
	}
	if bits&hasValue != 0 {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(e.Value))
	}
	if bits&hasQuantity != 0 {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(e.Quantity))
	}
	dst = appendTexts(dst, bits, hasRecommendation, e.Recommendation)
	if bits&hasPosition != 0 {
		dst = binary.AppendUvarint(dst, uint64(e.Position))
	}
	dst = appendTexts(dst, bits, hasSlot, e.Slot, e.Channel)
	return appendContext(dst, e.Context)
}

// appendTexts appends those of the texts whose bit, from first on, is set.
func appendTexts(dst []byte, bits, first uint64, texts ...string) []byte {
	for _, s := range texts {
		if bits&first != 0 {
			dst = appendText(dst, s)
		}
		first <<= 1
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendContext(dst []byte, context map[string]string) []byte {
	switch len(context) {
	case 0:
		return dst
	case 1: // the usual case, without sorting
		for k, v := range context {
			dst = appendText(appendText(append(dst, 1), k), v)
		}
		return dst
	}
	dst = binary.AppendUvarint(dst, uint64(len(context)))
	for _, k := range slices.Sorted(maps.Keys(context)) {
		dst = appendText(appendText(dst, k), context[k])
	}
	return dst
}

// CheckEvent fails when e breaks a limit; what passes can be written, and what was written can be read.
func CheckEvent(e *edged.Event) error {
	if e.Position > math.MaxInt32 {
		return fmt.Errorf("position: above %d", math.MaxInt32)
	}
	return e.Validate()
}

// decoder reads event records. Equal strings of one decoder share memory, and so do equal contexts.
type decoder struct {
	b        []byte
	bad      bool
	strings  map[string]string
	contexts map[string]map[string]string
	scratch  []byte
}

// maxInterned bounds the strings a decoder remembers; beyond it starts afresh.
const maxInterned = 1 << 15

func newDecoder() *decoder {
	return &decoder{strings: map[string]string{}, contexts: map[string]map[string]string{}}
}

// event decodes one record. It keeps no reference to rec.
func (d *decoder) event(e *edged.Event, rec []byte) error {
	d.b, d.bad = rec, false
	bits := d.uvarint()
	if bits > knownFields || bits&(hasKey|hasID) == hasKey|hasID {
		return errRecord
	}
	*e = edged.Event{}
	if bits&hasKey != 0 {
		e.ID = hex.EncodeToString(d.bytes(len(key{})))
	}
	if bits&hasID != 0 {
		e.ID = string(d.text())
	}
	d.texts(bits, hasUser, &e.User, &e.Session, &e.Item, (*string)(&e.Type))
	d.numbers(e, bits)
	d.texts(bits, hasSlot, &e.Slot, &e.Channel)
	if bits&hasContext != 0 {
		e.Context = d.context()
	}
	if d.bad || len(d.b) != 0 {
		return errRecord
	}
	return d.canonical(e, rec)
}

// numbers decodes the fields from time to position.
func (d *decoder) numbers(e *edged.Event, bits uint64) {
	if bits&hasTime != 0 {
		e.Time = d.varint()
	}
	if bits&hasValue != 0 {
		e.Value = d.float()
	}
	if bits&hasQuantity != 0 {
		e.Quantity = d.float()
	}
	d.texts(bits, hasRecommendation, &e.Recommendation)
	if bits&hasPosition != 0 {
		v := d.uvarint()
		d.bad = d.bad || v > math.MaxInt32
		e.Position = int(v)
	}
}

// canonical fails when e would be written otherwise, or breaks a limit.
func (d *decoder) canonical(e *edged.Event, rec []byte) error {
	d.scratch = AppendEventRecord(d.scratch[:0], e)
	if string(d.scratch) != string(rec) || CheckEvent(e) != nil {
		return errRecord
	}
	return nil
}

func (d *decoder) texts(bits, first uint64, dst ...*string) {
	for _, s := range dst {
		if bits&first != 0 {
			*s = d.intern(d.text())
		}
		first <<= 1
	}
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) bytes(n int) []byte {
	if n > len(d.b) {
		d.bad, d.b = true, nil
		return nil
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) text() []byte {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.bad, d.b = true, nil
		return nil
	}
	return d.bytes(int(n))
}

func (d *decoder) float() float64 {
	b := d.bytes(8)
	if b == nil {
		return 0
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b))
}

func (d *decoder) intern(b []byte) string {
	if s, ok := d.strings[string(b)]; ok {
		return s
	}
	if len(d.strings) >= maxInterned {
		clear(d.strings)
	}
	s := string(b)
	d.strings[s] = s
	return s
}

// context decodes the last field, and remembers it by its bytes.
func (d *decoder) context() map[string]string {
	if c, ok := d.contexts[string(d.b)]; ok {
		d.b = nil
		return c
	}
	raw := d.b
	n := d.uvarint()
	if n == 0 || n > edged.MaxContext {
		d.bad = true
		return nil
	}
	c := make(map[string]string, n)
	for range n {
		k := d.intern(d.text())
		c[k] = d.intern(d.text())
	}
	if !d.bad && len(d.b) == 0 {
		d.remember(raw, c)
	}
	return c
}

func (d *decoder) remember(raw []byte, c map[string]string) {
	if len(d.contexts) >= maxInterned/16 {
		clear(d.contexts)
	}
	d.contexts[string(raw)] = c
}
