package serve

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/edged/edged"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/words"
)

// maxFilled bounds what is filled into a sentence, each title by itself, in characters: a longer one ends in an ellipsis.
const maxFilled = 60

// SetWords makes other words count from the next request on.
func (s *Server) SetWords(set *words.Set) { s.words.Store(set) }

// appendText writes the sentence of a reason, as it stands within a JSON string. code is the one that the caller is told: where it tells nothing of a
// history, neither does the sentence.
func (c *call) appendText(b []byte, code string, it *rank.Item, lift float32) (_ []byte, err error) {
	r := &it.Reason
	if boosts := r.Terms.Boost + lift; boosts > 0 && 2*boosts > it.Score {
		code = words.Boosted // else what is said would be true, and not why
	}
	sentence := c.words.In(c.req.language).Sentence(code)
	for _, part := range sentence.Parts {
		b = append(b, part.Text...)
		from := len(b)
		switch part.Place {
		case words.Item:
			b, err = c.appendTitle(b, r.Rows[0])
		case words.Items:
			b, err = c.appendTitles(b, code, r, &sentence)
		case words.Country:
			b = filled(appendString(b, c.req.country), from)
		case words.Rule:
			b = filled(appendString(b, c.ruling.plan.PinnedBy(it.Row)), from)
		}
		if err != nil {
			return b, err
		}
	}
	return b, nil
}

// appendTitles writes the titles of those of a reason's items that its code holds of: one that was viewed is not among those bought.
func (c *call) appendTitles(b []byte, code string, r *rank.Reason, sentence *words.Sentence) (_ []byte, err error) {
	left := 0
	for _, row := range r.Rows {
		if c.holds(code, row) {
			left++
		}
	}
	for _, row := range r.Rows {
		if !c.holds(code, row) {
			continue
		}
		if b, err = c.appendTitle(b, row); err != nil {
			return b, err
		}
		switch left--; left {
		case 0:
		case 1:
			b = append(b, sentence.And...)
		default:
			b = append(b, sentence.Comma...)
		}
	}
	return b, nil
}

// holds reports whether a code is true of an item of the history.
func (c *call) holds(code string, row edged.Row) bool {
	return code == rank.SimilarTo || code == rank.CodeOf(c.seeds, row)
}

// appendTitle writes an item's title, its id where the catalogue has none.
func (c *call) appendTitle(b []byte, row edged.Row) ([]byte, error) {
	m, from := c.ranker.Model(), len(b)
	b, ok, err := m.AppendField(b, row, "title")
	if err != nil {
		return b, err
	}
	if ok {
		b = trimmed(b, from)
	}
	if !ok || len(b)-from <= len(`""`) {
		b = appendString(b[:from], m.ID(row))
	}
	return filled(b, from), nil
}

// trimmed takes the blanks off both ends of the JSON string that begins at from, as they stand in catalogues, unescaped.
func trimmed(b []byte, from int) []byte {
	text := b[from+1 : len(b)-1]
	kept := bytes.TrimSpace(text)
	copy(text, kept)
	return append(b[:from+1+len(kept)], '"')
}

// filled makes of the JSON string that begins at from what stands within one, cut to maxFilled characters.
func filled(b []byte, from int) []byte {
	b = append(b[:from], b[from+1:len(b)-1]...)
	for at, n, cut := from, 0, from; at < len(b); n++ {
		switch n {
		case maxFilled - 1:
			cut = at
		case maxFilled:
			return append(b[:cut], "…"...)
		}
		at += character(b[at:])
	}
	return b
}

// character is how many bytes the first one of a JSON string's text has: it may be escaped, and as two halves.
func character(b []byte) int {
	switch {
	case b[0] != '\\':
		_, size := utf8.DecodeRune(b)
		return size
	case len(b) < 6 || b[1] != 'u':
		return 2
	case len(b) >= 12 && half(b, "89ab") && b[6] == '\\' && b[7] == 'u' && half(b[6:], "cdef"):
		return 12
	}
	return 6
}

// half reports whether an escape is half of a character, by which digits follow the d.
func half(escape []byte, digits string) bool {
	return escape[2]|0x20 == 'd' && strings.IndexByte(digits, escape[3]|0x20) >= 0
}
