package data

import (
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds how deep JSON may nest.
const maxDepth = 32

// scanner reads one JSON document, stricter than encoding/json: no invalid UTF-8, no lone surrogates, no repeated
// keys, no trailing bytes, no case-insensitive names. It reads without reflection, several times as fast.
type scanner struct {
	b     []byte
	i     int
	depth int
}

func (s *scanner) fail(format string, args ...any) error {
	return fmt.Errorf("byte %d: %s", s.i, fmt.Sprintf(format, args...))
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

// peek returns the next significant byte, 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.i == len(s.b) {
		return 0
	}
	return s.b[s.i]
}

func (s *scanner) accept(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.i++
	return true
}

// end fails unless nothing but space is left.
func (s *scanner) end() error {
	if s.space(); s.i != len(s.b) {
		return s.fail("something after the end of the object")
	}
	return nil
}

// object calls field for every key; field reads the value. Whether a key repeats is the caller's to see.
func (s *scanner) object(field func(key string) error) error {
	if !s.accept('{') {
		return s.fail("want an object, found %s", s.found())
	}
	return s.list('}', func(int) error {
		key, err := s.str()
		if err != nil {
			return err
		}
		if !s.accept(':') {
			return s.fail("want ':' after key %q", clip(key))
		}
		s.space()
		return field(key)
	})
}

// array calls elem for every element; elem reads it.
func (s *scanner) array(elem func(i int) error) error {
	if !s.accept('[') {
		return s.fail("want an array")
	}
	return s.list(']', elem)
}

// list reads comma separated elements up to the closing byte.
func (s *scanner) list(closing byte, elem func(i int) error) error {
	if s.depth++; s.depth > maxDepth {
		return s.fail("nested deeper than %d", maxDepth)
	}
	defer func() { s.depth-- }()
	if s.accept(closing) {
		return nil
	}
	for n := 0; ; n++ {
		s.space()
		if err := elem(n); err != nil {
			return err
		}
		if s.accept(closing) {
			return nil
		}
		if !s.accept(',') {
			return s.fail("want ',' or '%c'", closing)
		}
	}
}

// null accepts null.
func (s *scanner) null() bool { return s.literal("null") }

func (s *scanner) literal(word string) bool {
	s.space()
	if len(s.b)-s.i < len(word) || string(s.b[s.i:s.i+len(word)]) != word {
		return false
	}
	s.i += len(word)
	return true
}

func (s *scanner) boolean() (bool, error) {
	switch {
	case s.literal("true"):
		return true, nil
	case s.literal("false"):
		return false, nil
	}
	return false, s.fail("want true or false, found %s", s.found())
}

// str reads a string.
func (s *scanner) str() (string, error) {
	if !s.accept('"') {
		return "", s.fail("want a string, found %s", s.found())
	}
	start := s.i
	for s.i < len(s.b) {
		switch c := s.b[s.i]; {
		case c == '"':
			text := s.b[start:s.i]
			if !utf8.Valid(text) {
				return "", s.fail("not UTF-8")
			}
			s.i++
			return string(text), nil
		case c == '\\':
			return s.escaped(start)
		case c < ' ':
			return "", s.fail("control character in a string")
		}
		s.i++
	}
	return "", s.fail("string without end")
}

// escaped goes on with a string that has its first backslash at s.i.
func (s *scanner) escaped(start int) (string, error) {
	out := append([]byte(nil), s.b[start:s.i]...)
	for s.i < len(s.b) {
		c := s.b[s.i]
		s.i++
		switch {
		case c == '"':
			if !utf8.Valid(out) {
				return "", s.fail("not UTF-8")
			}
			return string(out), nil
		case c == '\\':
			r, err := s.escape()
			if err != nil {
				return "", err
			}
			out = utf8.AppendRune(out, r)
		case c < ' ':
			return "", s.fail("control character in a string")
		default:
			out = append(out, c)
		}
	}
	return "", s.fail("string without end")
}

// escape reads what follows a backslash.
func (s *scanner) escape() (rune, error) {
	if s.i == len(s.b) {
		return 0, s.fail("string without end")
	}
	c := s.b[s.i]
	s.i++
	switch c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		return s.unicode()
	}
	return 0, s.fail("unknown escape \\%c", c)
}

// unicode reads the four digits of \u, and the second half of a surrogate pair.
func (s *scanner) unicode() (rune, error) {
	r, err := s.hex4()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	if len(s.b)-s.i < 6 || s.b[s.i] != '\\' || s.b[s.i+1] != 'u' {
		return 0, s.fail("half a surrogate pair")
	}
	s.i += 2
	low, err := s.hex4()
	if err != nil {
		return 0, err
	}
	if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
		return 0, s.fail("half a surrogate pair")
	}
	return r, nil
}

func (s *scanner) hex4() (rune, error) {
	if len(s.b)-s.i < 4 {
		return 0, s.fail("\\u wants four hexadecimal digits")
	}
	n, err := strconv.ParseUint(string(s.b[s.i:s.i+4]), 16, 16)
	if err != nil {
		return 0, s.fail("\\u wants four hexadecimal digits")
	}
	s.i += 4
	return rune(n), nil
}

// number reads a number and returns its text as well.
func (s *scanner) number() (float64, string, error) {
	start := s.peekAt()
	if !s.numeral() {
		s.i = start
		return 0, "", s.fail("want a number, found %s", s.found())
	}
	text := string(s.b[start:s.i])
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, "", s.fail("number %s: out of range", clip(text))
	}
	return f, text, nil
}

func (s *scanner) peekAt() int { s.space(); return s.i }

// numeral steps over a number by JSON's grammar.
func (s *scanner) numeral() bool {
	s.byteIf('-')
	if !s.byteIf('0') && !s.digits() {
		return false
	}
	if s.byteIf('.') && !s.digits() {
		return false
	}
	if s.byteIf('e') || s.byteIf('E') {
		if !s.byteIf('+') {
			s.byteIf('-')
		}
		return s.digits()
	}
	return true
}

func (s *scanner) byteIf(c byte) bool {
	if s.i == len(s.b) || s.b[s.i] != c {
		return false
	}
	s.i++
	return true
}

func (s *scanner) digits() bool {
	start := s.i
	for s.i < len(s.b) && '0' <= s.b[s.i] && s.b[s.i] <= '9' {
		s.i++
	}
	return s.i > start
}

// skip steps over any value.
func (s *scanner) skip() error {
	switch c := s.peek(); {
	case c == '{':
		return s.object(func(string) error { return s.skip() })
	case c == '[':
		return s.array(func(int) error { return s.skip() })
	case c == '"':
		_, err := s.str()
		return err
	case c == '-' || '0' <= c && c <= '9':
		_, _, err := s.number()
		return err
	case s.literal("null"), s.literal("true"), s.literal("false"):
		return nil
	}
	return s.fail("want a value, found %s", s.found())
}

// raw returns the bytes of any value.
func (s *scanner) raw() ([]byte, error) {
	start := s.peekAt()
	err := s.skip()
	return s.b[start:s.i], err
}

// found names the kind of what comes next.
func (s *scanner) found() string {
	switch c := s.peek(); {
	case c == 0:
		return "the end"
	case c == '"':
		return "a string"
	case c == '{':
		return "an object"
	case c == '[':
		return "an array"
	case c == 't', c == 'f':
		return "a boolean"
	case c == 'n':
		return "null"
	case c == '-' || '0' <= c && c <= '9':
		return "a number"
	default:
		return fmt.Sprintf("%q", rune(c))
	}
}

// clip shortens what goes into an error message.
func clip(s string) string {
	if len(s) <= 40 {
		return s
	}
	n := 40
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// appendString appends s, which is UTF-8, as a JSON string.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
