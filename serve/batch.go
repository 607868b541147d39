package serve

import (
	"github.com/edged/edged"
)

// maxSlots bounds the slots of one page.
const maxSlots = 16

// slotAsk is one slot of a batch.
type slotAsk struct {
	slot []byte
	n    int
}

// The names a batch's body may have beside what its slots have, and those of one slot.
var (
	batchKeys = append([]string{"slots", "user", "session", "recent", "exclude", "goal", "fields", "explain", "context", "timeoutMs"}, wishKeys...)
	slotKeys  = []string{"slot", "n"}
)

// batch answers POST /v1/recommend/batch: the slots of one page, in the order given, no item in two of them. The visitor is looked up once.
func (s *Server) batch(c *call) *problem {
	if p := c.checkBody(s.cfg.MaxBody); p != nil {
		return p
	}
	if p := c.params(c.asks, nil); p != nil {
		return p
	}
	if p := c.batchBody(c.ctx.Request.Body()); p != nil {
		return p
	}
	c.req.newest()
	if p := s.prepareVisitor(c); p != nil {
		return p
	}
	c.out = append(c.out, `{"answers":[`...)
	for i, ask := range c.slots {
		if i > 0 {
			c.out = append(c.out, ',')
		}
		c.req.slot, c.req.n = ask.slot, ask.n
		if p := s.answerSlot(c); p != nil {
			return p
		}
		for k := range c.answer.Items {
			c.exclude = append(c.exclude, c.answer.Items[k].Row)
		}
		c.missing = c.missing[:0] // told in the first answer
	}
	c.out = append(c.out, "]}"...)
	return nil
}

func (c *call) batchBody(b []byte) *problem {
	s := &c.scan
	s.reset(b)
	p := s.object(batchKeys, func(k int) *problem {
		if batchKeys[k] == "slots" {
			return s.array(func(i int) *problem { return c.slotAsk(i) })
		}
		return c.member(batchKeys[k])
	})
	if p == nil {
		p = s.end()
	}
	if p == nil && len(c.slots) == 0 {
		p = badField("slots", "missing")
	}
	return p
}

func (c *call) slotAsk(i int) *problem {
	if i == maxSlots {
		return bad("more than %d slots", maxSlots)
	}
	s, ask := &c.scan, slotAsk{n: defaultN}
	p := s.object(slotKeys, func(k int) (p *problem) {
		switch slotKeys[k] {
		case "slot":
			ask.slot, p = s.text(edged.MaxTypeLen)
		case "n":
			ask.n, p = s.integer(1, edged.MaxN)
		}
		return p
	})
	total := ask.n
	for _, other := range c.slots {
		total += other.n
	}
	if p == nil && total > edged.MaxN {
		p = badField("n", "more than %d items in all slots together", edged.MaxN)
	}
	c.slots = append(c.slots, ask)
	return p
}
