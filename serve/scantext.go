package serve

import (
	"unicode/utf16"
	"unicode/utf8"
)

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
