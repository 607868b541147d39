package serve

import (
	"strconv"
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
