package serve

import (
	"bytes"
	"unicode/utf8"
)

// query reads raw as application/x-www-form-urlencoded, strictly: bad escapes, invalid UTF-8 and names that are not
// among known are problems. param is called with each name's place in known and its decoded value, which lives in
// the call's arena.
func (c *call) query(raw []byte, known []string, param func(k int, value []byte) *problem) *problem {
	for len(raw) > 0 {
		var pair []byte
		pair, raw, _ = bytes.Cut(raw, []byte{'&'})
		if len(pair) == 0 {
			continue
		}
		name, value, _ := bytes.Cut(pair, []byte{'='})
		if c.who.inQuery && string(name) == "key" {
			continue
		}
		name, p := c.unescape(name, true)
		if p != nil {
			return p.at("query")
		}
		k := indexOf(known, name)
		if k < 0 {
			return unknownParam(name, known)
		}
		if value, p = c.unescape(value, true); p == nil {
			p = param(k, value)
		}
		if p != nil {
			return p.at(known[k])
		}
	}
	return nil
}

// unknownParam says why personal ids are refused; other names get the nearest known one.
func unknownParam(name []byte, known []string) *problem {
	if s := string(name); s == "user" || s == "session" {
		return badField(s, "personal ids stay out of URLs; send it in the body of a POST")
	}
	return unknown("query parameter", string(name), known)
}

// unescape decodes %zz, and + as a space where plus is set. What needs no decoding is returned as it is.
func (c *call) unescape(t []byte, plus bool) ([]byte, *problem) {
	if i := bytes.IndexByte(t, '%'); i >= 0 || plus && bytes.IndexByte(t, '+') >= 0 {
		from := len(c.arena)
		for i := 0; i < len(t); i++ {
			b := t[i]
			switch {
			case b == '%':
				if i+2 >= len(t) || unhex(t[i+1]) < 0 || unhex(t[i+2]) < 0 {
					return nil, bad("bad percent escape %s", quote(t[i:min(i+3, len(t))]))
				}
				b = byte(unhex(t[i+1])<<4 | unhex(t[i+2]))
				i += 2
			case b == '+' && plus:
				b = ' '
			}
			c.arena = append(c.arena, b)
		}
		t = c.arena[from:len(c.arena):len(c.arena)]
	}
	if !utf8.Valid(t) {
		return nil, bad("not UTF-8")
	}
	return t, nil
}
