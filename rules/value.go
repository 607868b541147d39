package rules

import (
	"bytes"
	"cmp"
	"strconv"
)

// Value is text, a number, true or false, a list of those, or, as the zero Value, missing.
type Value struct {
	kind   kind
	flag   bool
	number float64
	text   []byte
	list   []Value
}

type kind uint8

const (
	kindMissing kind = iota
	kindText
	kindNumber
	kindBool
	kindList
)

// Text is a text value. It keeps b.
func Text(b []byte) Value { return Value{kind: kindText, text: b} }

// Number is a number.
func Number(x float64) Value { return Value{kind: kindNumber, number: x} }

// Bool is true or false.
func Bool(b bool) Value { return Value{kind: kindBool, flag: b} }

var yes = Bool(true)

// maxNumberText bounds the text that is read as a number.
const maxNumberText = 32

// asNumber reads the value as a number.
func (v *Value) asNumber() (float64, bool) {
	switch {
	case v.kind == kindNumber:
		return v.number, true
	case v.kind == kindText && len(v.text) > 0 && len(v.text) <= maxNumberText && (v.text[0] <= '9'):
		x, err := strconv.ParseFloat(string(v.text), 64)
		return x, err == nil
	}
	return 0, false
}

// asBool reads the value as true or false.
func (v *Value) asBool() (is, ok bool) {
	switch v.kind {
	case kindBool:
		return v.flag, true
	case kindText:
		is = string(v.text) == "true"
		return is, is || string(v.text) == "false"
	}
	return false, false
}

// equal reports whether the values mean the same. What is missing equals nothing; a list equals what it holds one of.
func (v *Value) equal(o *Value) bool {
	switch {
	case v.kind == kindMissing || o.kind == kindMissing:
		return false
	case v.kind == kindList:
		return v.holdsOne(o)
	case o.kind == kindList:
		return o.holdsOne(v)
	case v.kind == kindText && o.kind == kindText:
		return bytes.Equal(v.text, o.text)
	case v.kind == kindNumber || o.kind == kindNumber:
		a, okA := v.asNumber()
		b, okB := o.asNumber()
		return okA && okB && a == b
	}
	a, okA := v.asBool()
	b, okB := o.asBool()
	return okA && okB && a == b
}

// incomparable is what compare returns for values without an order.
const incomparable = 2

// compare orders numbers and texts: −1, 0 or 1.
func (v *Value) compare(o *Value) int {
	if v.kind == kindText && o.kind == kindText {
		return bytes.Compare(v.text, o.text)
	}
	a, okA := v.asNumber()
	b, okB := o.asNumber()
	if !okA || !okB || a != a || b != b {
		return incomparable
	}
	return cmp.Compare(a, b)
}

// holdsOne reports whether the list v holds o, or, where o is a list itself, one of its values.
func (v *Value) holdsOne(o *Value) bool {
	if v.kind != kindList {
		return v.equal(o)
	}
	for i := range v.list {
		if v.list[i].equal(o) {
			return true
		}
	}
	return false
}
