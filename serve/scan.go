package serve

import (
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// scanner reads JSON strictly: RFC 8259 syntax, valid UTF-8, no repeated key, nothing after the value. It does not
// build values; the caller says what it expects and is told, with byte offset and field, when something else is there.
//
// Strings without escapes are returned as parts of the input; others are decoded to the arena. Both live as long as
// the call.
type scanner struct {
	b     []byte
	i     int
	arena []byte
}

// maxDepth bounds the nesting that skip follows.
const maxDepth = 32

func (s *scanner) reset(b []byte) {
	s.b, s.i, s.arena = b, 0, s.arena[:0]
}

func (s *scanner) malformed(want string) *problem {
	if s.i >= len(s.b) {
		return malformedAt(s.i, "want "+want+", got the end")
	}
	_, n := utf8.DecodeRune(s.b[s.i:])
	return malformedAt(s.i, "want "+want+", got "+quote(s.b[s.i:s.i+n]))
}

// malformedAt is a problem of the text itself: the offset says where, so no field is named.
func malformedAt(i int, what string) *problem {
	p := bad("malformed JSON at byte %d: %s", i, what)
	p.syntax = true
	return p
}

// wrong says that a well-formed value has the wrong type.
func (s *scanner) wrong(want string) *problem {
	return bad("want %s, got %s", want, kindOf(s.peek()))
}

// kindOf names the type of the value that begins with c.
func kindOf(c byte) string {
	switch {
	case c == '"':
		return "a string"
	case c == '{':
		return "an object"
	case c == '[':
		return "an array"
	case c == 't' || c == 'f':
		return "a boolean"
	case c == 'n':
		return "null"
	}
	return "a number"
}

// startsValue reports whether a JSON value can begin with c.
func startsValue(c byte) bool {
	switch c {
	case '"', '{', '[', 't', 'f', 'n', '-':
		return true
	}
	return c >= '0' && c <= '9'
}

// peek skips white space and returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return c
		}
	}
	return 0
}

// expect checks that a value of the wanted kind begins here.
func (s *scanner) expect(first byte, want string) *problem {
	c := s.peek()
	switch {
	case c == first:
		return nil
	case !startsValue(c):
		return s.malformed(want)
	}
	return s.wrong(want)
}

// end checks that only white space is left.
func (s *scanner) end() *problem {
	if s.peek(); s.i < len(s.b) {
		return s.malformed("nothing more")
	}
	return nil
}

// object reads an object whose keys must be among known, each once, and calls field with the key's place in known.
func (s *scanner) object(known []string, field func(k int) *problem) *problem {
	seen := uint64(0)
	return s.members(func(key []byte) *problem {
		k := indexOf(known, key)
		if k < 0 {
			return unknown("key", string(key), known)
		}
		if seen&(1<<k) != 0 {
			return badField(known[k], "given twice")
		}
		seen |= 1 << k
		if p := field(k); p != nil {
			return p.in(known[k])
		}
		return nil
	})
}

func indexOf(known []string, key []byte) int {
	for k, name := range known {
		if name == string(key) {
			return k
		}
	}
	return -1
}

// in names the field of a value's problem, unless the text is malformed: then the offset says where.
func (p *problem) in(field string) *problem {
	if p.syntax {
		return p
	}
	return p.at(field)
}

// members reads an object and calls member at each value.
func (s *scanner) members(member func(key []byte) *problem) *problem {
	if p := s.expect('{', "an object"); p != nil {
		return p
	}
	s.i++
	if s.peek() == '}' {
		s.i++
		return nil
	}
	for {
		if s.peek() != '"' {
			return s.malformed("a key in double quotes")
		}
		key, p := s.stringValue()
		if p != nil {
			return p
		}
		if s.peek() != ':' {
			return s.malformed(`":" after the key`)
		}
		s.i++
		if p := member(key); p != nil {
			return p
		}
		switch s.peek() {
		case ',':
			s.i++
		case '}':
			s.i++
			return nil
		default:
			return s.malformed(`"," or "}"`)
		}
	}
}

// array reads an array and calls element at each value.
func (s *scanner) array(element func(i int) *problem) *problem {
	if p := s.expect('[', "an array"); p != nil {
		return p
	}
	s.i++
	if s.peek() == ']' {
		s.i++
		return nil
	}
	for i := 0; ; i++ {
		if p := element(i); p != nil {
			return p.in("[" + strconv.Itoa(i) + "]")
		}
		switch s.peek() {
		case ',':
			s.i++
		case ']':
			s.i++
			return nil
		default:
			return s.malformed(`"," or "]"`)
		}
	}
}

// text reads a string of at most limit bytes.
func (s *scanner) text(limit int) ([]byte, *problem) {
	if p := s.expect('"', "a string"); p != nil {
		return nil, p
	}
	t, p := s.stringValue()
	if p == nil && len(t) > limit {
		p = tooLong(len(t), limit)
	}
	return t, p
}

func tooLong(n, limit int) *problem { return bad("%d bytes, at most %d", n, limit) }

// stringValue reads the string that begins here.
func (s *scanner) stringValue() ([]byte, *problem) {
	start, all := s.i+1, byte(0)
	for i := start + plainPrefix(s.b[start:]); i < len(s.b); i++ {
		c := s.b[i]
		all |= c
		switch {
		case c == '"':
			s.i = i + 1
			if all < utf8.RuneSelf {
				return s.b[start:i], nil
			}
			return s.checked(s.b[start:i], start)
		case c == '\\':
			return s.escaped(start, i)
		case c < 0x20:
			s.i = i
			return nil, s.malformed("no control character in a string")
		}
	}
	s.i = len(s.b)
	return nil, s.malformed("the end of a string")
}

// checked returns t unless it is no UTF-8.
func (s *scanner) checked(t []byte, start int) ([]byte, *problem) {
	if utf8.Valid(t) {
		return t, nil
	}
	for i := 0; i < len(t); {
		r, n := utf8.DecodeRune(t[i:])
		if r == utf8.RuneError && n == 1 {
			return nil, malformedAt(start+i, "not UTF-8")
		}
		i += n
	}
	return t, nil
}

// escaped reads on a string that has an escape at i.
func (s *scanner) escaped(start, i int) ([]byte, *problem) {
	from := len(s.arena)
	for {
		plain, p := s.checked(s.b[start:i], start)
		if p != nil {
			return nil, p
		}
		s.arena = append(s.arena, plain...)
		s.i = i
		if s.b[i] == '"' {
			s.i++
			return s.arena[from:len(s.arena):len(s.arena)], nil
		}
		if p := s.escape(); p != nil {
			return nil, p
		}
		start = s.i
		for i = start; ; i++ {
			if i >= len(s.b) {
				s.i = i
				return nil, s.malformed("the end of a string")
			}
			if c := s.b[i]; c == '"' || c == '\\' {
				break
			} else if c < 0x20 {
				s.i = i
				return nil, s.malformed("no control character in a string")
			}
		}
	}
}

// escape decodes one escape to the arena.
func (s *scanner) escape() *problem {
	s.i++ // the backslash
	if s.i >= len(s.b) {
		return s.malformed("an escape")
	}
	c := s.b[s.i]
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		s.i++
		return s.unicodeEscape()
	default:
		return s.malformed(`an escape among "\/bfnrtu`)
	}
	s.i++
	s.arena = append(s.arena, c)
	return nil
}

// unicodeEscape decodes the four hex digits here and, for a high surrogate, the escape that must follow.
func (s *scanner) unicodeEscape() *problem {
	at := s.i
	r, p := s.hex4()
	if p != nil {
		return p
	}
	if utf16.IsSurrogate(r) {
		low := rune(0)
		if s.i+1 < len(s.b) && s.b[s.i] == '\\' && s.b[s.i+1] == 'u' {
			s.i += 2
			if low, p = s.hex4(); p != nil {
				return p
			}
		}
		if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
			return malformedAt(at-2, "half a surrogate pair")
		}
	}
	s.arena = utf8.AppendRune(s.arena, r)
	return nil
}

func (s *scanner) hex4() (rune, *problem) {
	r := rune(0)
	for range 4 {
		d := -1
		if s.i < len(s.b) {
			d = unhex(s.b[s.i])
		}
		if d < 0 {
			return 0, s.malformed("four hex digits")
		}
		r = r<<4 | rune(d)
		s.i++
	}
	return r, nil
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// number reads a JSON number and returns its text.
func (s *scanner) number(want string) ([]byte, *problem) {
	c := s.peek()
	if c != '-' && (c < '0' || c > '9') {
		return nil, s.expect('0', want)
	}
	start := s.i
	if c == '-' {
		s.i++
	}
	first := s.i
	if !s.digits() {
		return nil, s.malformed("a digit")
	}
	if s.b[first] == '0' && s.i > first+1 {
		s.i = first + 1
		return nil, s.malformed("no digit after a leading 0")
	}
	if s.i < len(s.b) && s.b[s.i] == '.' {
		s.i++
		if !s.digits() {
			return nil, s.malformed("a digit")
		}
	}
	if s.i < len(s.b) && s.b[s.i]|0x20 == 'e' {
		s.i++
		if s.i < len(s.b) && (s.b[s.i] == '+' || s.b[s.i] == '-') {
			s.i++
		}
		if !s.digits() {
			return nil, s.malformed("a digit")
		}
	}
	return s.b[start:s.i], nil
}

func (s *scanner) digits() bool {
	start := s.i
	for s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9' {
		s.i++
	}
	return s.i > start
}

// integer reads a whole number from lo to hi.
func (s *scanner) integer(lo, hi int) (int, *problem) {
	if c := s.peek(); c != '-' && (c < '0' || c > '9') {
		return 0, s.expect('0', wholeFrom(lo, hi))
	}
	t, p := s.number("a number")
	if p != nil {
		return 0, p
	}
	f, err := strconv.ParseFloat(string(t), 64)
	if err != nil || f != math.Trunc(f) || f < float64(lo) || f > float64(hi) {
		return 0, bad("want %s, got %s", wholeFrom(lo, hi), short(t))
	}
	return int(f), nil
}

// float reads a number.
func (s *scanner) float() (float64, *problem) {
	t, p := s.number("a number")
	if p != nil {
		return 0, p
	}
	f, err := strconv.ParseFloat(string(t), 64)
	if err != nil {
		return 0, bad("out of range: %s", short(t))
	}
	return f, nil
}

func wholeFrom(lo, hi int) string {
	return "a whole number from " + strconv.Itoa(lo) + " to " + strconv.Itoa(hi)
}

func short(t []byte) string {
	if q := quote(t); len(t) > 0 {
		return q[1 : len(q)-1]
	}
	return "nothing"
}

// boolean reads true or false.
func (s *scanner) boolean() (bool, *problem) {
	switch s.peek() {
	case 't':
		return true, s.literal("true")
	case 'f':
		return false, s.literal("false")
	}
	return false, s.expect('t', "true or false")
}

func (s *scanner) literal(word string) *problem {
	if len(s.b)-s.i < len(word) || string(s.b[s.i:s.i+len(word)]) != word {
		return s.malformed(word)
	}
	s.i += len(word)
	return nil
}

// skip reads one value of any kind, at most maxDepth deep, and returns its text.
func (s *scanner) skip() ([]byte, *problem) {
	s.peek()
	start := s.i
	p := s.skipValue(0)
	s.arena = s.arena[:0]
	return s.b[start:s.i], p
}

func (s *scanner) skipValue(depth int) *problem {
	if depth > maxDepth {
		return malformedAt(s.i, "nested more than "+strconv.Itoa(maxDepth)+" deep")
	}
	var p *problem
	switch c := s.peek(); {
	case c == '{':
		p = s.members(func([]byte) *problem { return s.skipValue(depth + 1) })
	case c == '[':
		p = s.array(func(int) *problem { return s.skipValue(depth + 1) })
	case c == '"':
		_, p = s.stringValue()
	case c == 't':
		p = s.literal("true")
	case c == 'f':
		p = s.literal("false")
	case c == 'n':
		p = s.literal("null")
	default:
		if !startsValue(c) {
			return s.malformed("a value")
		}
		_, p = s.number("a number")
	}
	return p
}
