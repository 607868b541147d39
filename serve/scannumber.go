package serve

import (
	"math"
	"strconv"
)

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
