package serve

import (
	"github.com/edged/edged/rank"
)

// reasonUnnamed is the code of an item for which speaks what is not for the caller to know.
const reasonUnnamed = rank.ForYou

// appendReason writes why an item is there: in numbers, in a sentence, and which rule put it where it is, whatever its score.
func (c *call) appendReason(b []byte, it *rank.Item, lift float32) (_ []byte, err error) {
	code := it.Reason.Code
	if c.unnamed && it.Level <= rank.Session {
		code = codeUnnamed(code)
		b = appendUnnamed(b, code, &it.Reason, lift)
	} else {
		b = c.appendNumbers(b, it, lift)
	}
	if by := c.ruling.plan.PinnedBy(it.Row); by != "" {
		b = appendString(append(b, `,"pinned":`...), by)
	}
	b, err = c.appendText(append(b, `,"text":"`...), code, it, lift)
	return append(b, `"}`...), err
}

// appendNumbers writes the items an item follows from most, best first; what each adds to the score, all others together, and the terms that follow
// from the item itself (all of these sum to the score); and the part that the named ones have in all that speaks for the item.
func (c *call) appendNumbers(b []byte, it *rank.Item, lift float32) []byte {
	r := &it.Reason
	b = appendString(append(b, `{"code":`...), r.Code)
	named := float32(0)
	if len(r.Rows) > 0 {
		b = c.appendNamed(b, r)
		for _, share := range r.Shares {
			named += share
		}
	}
	if it.Level > rank.Session {
		return appendTerms(b, &rank.Terms{}, lift)
	}
	b = appendFloat(append(b, `,"rest":`...), r.Rest)
	if all := named + max(r.Rest, 0) + max(r.Terms.Popular, 0) + r.Terms.Repeat + r.Terms.Past + max(r.Terms.Boost, 0) + max(lift, 0); named > 0 {
		b = appendFloat(append(b, `,"share":`...), named/all)
	}
	return appendTerms(b, &r.Terms, lift)
}

// codeUnnamed is the code of a reason that tells nothing of a history.
func codeUnnamed(code string) string {
	if code == rank.Popular {
		return code
	}
	return reasonUnnamed
}

// appendUnnamed is appendNumbers that tells nothing of a history: not what is in it, how much each adds, nor whether the item itself is.
func appendUnnamed(b []byte, code string, r *rank.Reason, lift float32) []byte {
	terms := r.Terms
	rest := r.Rest + terms.Repeat + terms.Past
	for _, share := range r.Shares {
		rest += share
	}
	terms.Repeat, terms.Past = 0, 0
	b = appendString(append(b, `{"code":`...), code)
	b = appendFloat(append(b, `,"rest":`...), rest)
	return appendTerms(b, &terms, lift)
}

// appendNamed writes the items of a reason and their shares.
func (c *call) appendNamed(b []byte, r *rank.Reason) []byte {
	m := c.ranker.Model()
	b = append(b, `,"items":[`...)
	for i, row := range r.Rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, m.ID(row))
	}
	b = append(b, `],"shares":[`...)
	for i, share := range r.Shares {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendFloat(b, share)
	}
	return append(b, ']')
}

// appendTerms writes the terms that are not 0, nothing where all are.
func appendTerms(b []byte, terms *rank.Terms, lift float32) []byte {
	if *terms == (rank.Terms{}) && lift == 0 {
		return b
	}
	b = append(b, `,"terms":{`...)
	for _, t := range [...]struct {
		key   string
		value float32
	}{{`"popular":`, terms.Popular}, {`"repeat":`, terms.Repeat}, {`"past":`, terms.Past}, {`"boost":`, terms.Boost}, {`"rules":`, lift}} {
		if t.value == 0 {
			continue
		}
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = appendFloat(append(b, t.key...), t.value)
	}
	return append(b, '}')
}
