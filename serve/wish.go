package serve

import (
	"bytes"
	"errors"
	"strconv"

	"github.com/cespare/xxhash/v2"

	"github.com/edged/edged/rank"
	"github.com/edged/edged/rules"
)

// wishes are what a request wants of its list, as it said them.
type wishes struct {
	filter    []byte // nil: not said
	boosts    []boostAsk
	diversity float32 // below 0: not said, as the next
	explore   float32
	relevance float32
	category  int // cap; 0: none
	brand     int
}

// boostAsk is one boost: of what, and by which factor.
type boostAsk struct {
	where []byte
	by    float32
}

func (w *wishes) reset() { *w = wishes{boosts: w.boosts[:0], diversity: -1, explore: -1} }

// Names of wishes in a body and in a query, those of one boost, and those of a cap.
var (
	wishKeys   = []string{"filter", "boost", "diversity", "explore", "minRelevance", "cap"}
	wishParams = []string{"filter", "boost", "diversity", "explore", "minRelevance", "capCategory", "capBrand"}
	boostKeys  = []string{"where", "by"}
	capKeys    = []string{"category", "brand"}
)

const (
	maxBoosts     = 16
	maxConditions = 2 * rules.MaxNodes // that filter and boosts of a request are made of together: each new one is asked of the whole catalogue
)

// wish decodes the value of one of wishKeys.
func (c *call) wish(key string) (p *problem) {
	w, s := &c.req.wishes, &c.scan
	switch key {
	case "filter":
		w.filter, p = s.condition()
	case "boost":
		p = s.array(func(i int) *problem { return c.boost(i) })
	case "diversity":
		w.diversity, p = s.fraction(0, 1)
	case "explore":
		w.explore, p = s.fraction(0, 1)
	case "minRelevance":
		w.relevance, p = s.fraction(0, 1)
	case "cap":
		p = s.object(capKeys, func(k int) (p *problem) {
			to := &w.category
			if capKeys[k] == "brand" {
				to = &w.brand
			}
			*to, p = s.integer(1, rules.MaxCap)
			return p
		})
	}
	return p
}

func (c *call) boost(i int) *problem {
	if i == maxBoosts {
		return bad("more than %d boosts", maxBoosts)
	}
	s, b := &c.scan, boostAsk{}
	p := s.object(boostKeys, func(k int) (p *problem) {
		if boostKeys[k] == "where" {
			b.where, p = s.condition()
			return p
		}
		b.by, p = s.fraction(1./rules.MaxFactor, rules.MaxFactor)
		return p
	})
	switch {
	case p != nil:
	case b.where == nil:
		p = badField("where", "missing")
	case b.by == 0:
		p = badField("by", "missing")
	}
	c.req.boosts = append(c.req.boosts, b)
	return p
}

// condition reads an expression.
func (s *scanner) condition() ([]byte, *problem) {
	t, p := s.text(rules.MaxSource)
	if p == nil && len(t) == 0 {
		p = bad("empty")
	}
	return t, p
}

// fraction reads a number.
func (s *scanner) fraction(lo, hi float64) (float32, *problem) {
	t, p := s.number("a number")
	if p != nil {
		return 0, p
	}
	return parseFraction(t, lo, hi)
}

func parseFraction(t []byte, lo, hi float64) (float32, *problem) {
	x, err := strconv.ParseFloat(string(t), 64)
	if err != nil || !plainNumber(t) || !(x >= lo && x <= hi) {
		return 0, bad("want a number from %v to %v, got %s", lo, hi, short(t))
	}
	return float32(x), nil
}

// plainNumber reports whether t is made of what JSON makes numbers of: Go takes 0x1p-1, 1_0 and inf as well.
func plainNumber(t []byte) bool {
	for _, b := range t {
		if (b < '0' || b > '9') && b != '.' && b != '-' && b|0x20 != 'e' && b != '+' {
			return false
		}
	}
	return len(t) > 0 && t[0] != '+'
}

// wishParam decodes the value of one of wishParams.
func (q *request) wishParam(name string, v []byte) (p *problem) {
	w := &q.wishes
	switch name {
	case "filter":
		if w.filter, p = shortText(v, rules.MaxSource); p == nil && len(v) == 0 {
			p = bad("empty")
		}
	case "diversity":
		w.diversity, p = parseFraction(v, 0, 1)
	case "explore":
		w.explore, p = parseFraction(v, 0, 1)
	case "minRelevance":
		w.relevance, p = parseFraction(v, 0, 1)
	case "capCategory":
		w.category, p = parseWhole(v, 1, rules.MaxCap)
	case "capBrand":
		w.brand, p = parseWhole(v, 1, rules.MaxCap)
	}
	return p
}

// boostParam reads a factor and an expression, as in 1.5:brand == "b1".
func (q *request) boostParam(v []byte) *problem {
	if len(q.boosts) == maxBoosts {
		return bad("more than %d boosts", maxBoosts)
	}
	factor, where, ok := bytes.Cut(v, []byte{':'})
	if !ok || len(where) == 0 || len(where) > rules.MaxSource {
		return bad(`want a factor and an expression of at most %d bytes, as in 1.5:brand == "b1", got %s`, rules.MaxSource, quote(v))
	}
	by, p := parseFraction(factor, 1./rules.MaxFactor, rules.MaxFactor)
	q.boosts = append(q.boosts, boostAsk{where, by})
	return p
}

// settleWishes finds out what the request's wishes mean in the release. A filter takes the time it takes, for without it an answer were wrong; boosts
// that nobody asked for lately are left out once the time is over.
func (s *Server) settleWishes(c *call) *problem {
	w, r := &c.req.wishes, &c.ruling
	r.wish = rules.Wish{Boosts: r.wish.Boosts[:0], Category: w.category, Brand: w.brand, Diversity: w.diversity, Explore: w.explore}
	c.ask.Relevance = w.relevance
	if field := c.unheard(); field != "" {
		switch {
		case s.turn(c, c.waits()):
			defer s.turns.end()
		case field == "filter" || !c.late():
			return tooMany(field)
		}
	}
	if p := c.weighWishes(); p != nil {
		return p
	}
	if w.filter != nil {
		only, err := c.ranker.Where(w.filter)
		if err != nil {
			return badField("filter", "%v", err)
		}
		c.ask.Only = only
	}
	for i := range w.boosts {
		if c.passesOver(&w.boosts[i]) {
			continue
		}
		of, err := c.ranker.Where(w.boosts[i].where)
		if err != nil {
			return badField(c.boostName(i), "%v", err)
		}
		r.wish.Boosts = append(r.wish.Boosts, rules.Lift{Of: of, By: w.boosts[i].by})
	}
	return nil
}

// passesOver reports whether it is too late to look up what a boost is of.
func (c *call) passesOver(b *boostAsk) bool { return !c.ranker.Knows(b.where) && c.late() }

// weighWishes finds what is wrong with filter and boosts before the catalogue is asked for any.
func (c *call) weighWishes() *problem {
	left := maxConditions
	weigh := func(condition []byte) error {
		n, err := c.ranker.Weigh(condition)
		if left -= n; err == nil && left < 0 {
			err = errTooMany
		}
		return err
	}
	w := &c.req.wishes
	if w.filter != nil {
		if err := weigh(w.filter); err != nil {
			return badField("filter", "%v", err)
		}
	}
	for i := range w.boosts {
		if c.passesOver(&w.boosts[i]) {
			continue
		}
		if err := weigh(w.boosts[i].where); err != nil {
			return badField(c.boostName(i), "%v", err)
		}
	}
	return nil
}

var errTooMany = errors.New("more conditions than may be asked in one request")

// boostName is what the request calls the condition of a boost.
func (c *call) boostName(i int) string {
	if c.ctx.IsPost() {
		return "boost[" + strconv.Itoa(i) + "].where"
	}
	return "boost"
}

// unheard names what the release has to be asked for, the filter before boosts; empty: nothing.
func (c *call) unheard() string {
	w := &c.req.wishes
	if w.filter != nil && !c.ranker.Knows(w.filter) {
		return "filter"
	}
	for i := range w.boosts {
		if !c.ranker.Knows(w.boosts[i].where) {
			return c.boostName(i)
		}
	}
	return ""
}

// seed is what exploration draws by: the same for one visitor in one slot for an hour; of one who opted out it asks no name.
func (c *call) seed64() uint64 {
	var d xxhash.Digest
	d.Reset()
	user, session := c.req.user, c.req.session
	if c.who.optedOut {
		user, session = nil, nil
	}
	for _, part := range [][]byte{user, session, c.req.slot} {
		_, _ = d.Write(part)
		_, _ = d.Write([]byte{0xff}) // in no text
	}
	for i := range c.seeds {
		row := c.seeds[i].Row
		_, _ = d.Write([]byte{byte(row), byte(row >> 8), byte(row >> 16), byte(row >> 24)})
	}
	const hour = 60 * 60
	return d.Sum64() + uint64(c.start.Unix()/hour)
}

// explore draws new items, where they are wanted: nothing was found for the visitor that minRelevance could let them in by.
func (c *call) explore() {
	r := &c.ruling
	r.scope.Fresh, r.scope.Places = nil, nil
	if share := r.plan.Explore(); share > 0 && !(c.ask.Relevance > 0) {
		c.ranker.Explore(&r.exploration, c.scratch, &c.ask, c.req.n, share, c.seed64())
		r.scope.Fresh, r.scope.Places = r.exploration.Rows, r.exploration.Places
	}
}

// reasonNew is the code of an item that is there to learn of it.
const reasonNew = "new"

// itemOf is what the answer has of an item that rules put there, apart from what the ranker said.
func itemOf(it *rules.Item) rank.Item {
	if it.Fresh {
		return rank.Item{Row: it.Row, Source: rank.SourceExplore, Level: rank.Global, Reason: rank.Reason{Code: reasonNew}}
	}
	return rank.Item{Row: it.Row, Source: sourcePinned, Level: rank.Global, Reason: rank.Reason{Code: string(sourcePinned)}}
}
