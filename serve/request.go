package serve

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rules"
)

// Limits of a request beyond those of the root package. Breaking one is a 400 that names it, except for maxSeeds,
// which only MaxBody keeps anyone from reaching.
const (
	defaultN   = 10
	maxExclude = 1000
	maxFields  = 32
	maxTimeout = 60_000 // milliseconds
)

// request is what a caller asked, decoded but not yet looked up in a release. Its bytes belong to the fasthttp
// request or the call's arena and live as long as the call.
type request struct {
	n             int
	recent        []seed // as given: newest first, unless all have times
	recentGiven   bool
	exclude       [][]byte
	fields        [][]byte
	explain       bool
	goal          model.Goal // empty: not said
	user, session []byte
	slot, window  []byte
	country       []byte
	within        []byte // a category
	timeout       time.Duration
	paged         bool   // a cursor was given, if only an empty one
	cursor        []byte // its bytes
	given         uint64 // scalar parameters seen so far
	device        []byte
	referrer      []byte
	localHour     []byte
	language      []byte // of sentences, BCP 47
	segment       []byte
	visitor       []rules.Attribute // the rest of the context
	keys          [][]byte          // of the context, seen so far
	wishes
}

// languageKey says in a context, and in a query, which language sentences are to be in.
const languageKey = "language"

var languageName = []byte(languageKey)

// seed is an item the visitor met.
type seed struct {
	item []byte
	typ  []byte // event type; empty: not said
	time int64  // Unix milliseconds; 0: not said
}

func (q *request) reset() {
	w := q.wishes
	w.reset()
	*q = request{wishes: w, n: defaultN, recent: q.recent[:0], exclude: q.exclude[:0], fields: q.fields[:0], keys: q.keys[:0], visitor: q.visitor[:0], cursor: q.cursor[:0]}
}

// newest orders seeds by time, newest first, where every one has a time, and cuts them to those that count.
func (q *request) newest() {
	timed := len(q.recent) > 0
	for i := range q.recent {
		timed = timed && q.recent[i].time != 0
	}
	if timed {
		slices.SortStableFunc(q.recent, func(a, b seed) int { return cmp.Compare(b.time, a.time) })
	}
	q.recent = q.recent[:min(len(q.recent), edged.MaxRecent)]
}

// The names a POST body may have, and those of one object in recent.
var (
	recommendKeys = append([]string{"user", "session", "recent", "exclude", "n", "goal", "fields", "explain", "context", "slot", "timeoutMs", "cursor"}, wishKeys...)
	seedKeys      = []string{"item", "type", "time"}
)

// goals are what a list may be for.
var goals = []string{string(model.GoalNew), string(model.GoalAny), string(model.GoalNext)}

func (q *request) setGoal(v []byte) *problem {
	k := indexOf(goals, v)
	if k < 0 {
		return bad("want new, any or next, got %s", quote(v))
	}
	q.goal = model.Goal(goals[k])
	return nil
}

// body decodes the JSON body of /v1/recommend.
func (c *call) body(b []byte) *problem {
	s := &c.scan
	s.reset(b)
	p := s.object(recommendKeys, func(k int) *problem { return c.member(recommendKeys[k]) })
	if p == nil {
		p = s.end()
	}
	return p
}

// member decodes the value of one of recommendKeys.
func (c *call) member(key string) (p *problem) {
	q, s := &c.req, &c.scan
	switch key {
	case "user":
		q.user, p = s.id()
	case "session":
		q.session, p = s.id()
	case "recent":
		q.recentGiven = true
		p = s.array(func(int) *problem { return c.seed() })
	case "exclude":
		q.exclude, p = s.list(q.exclude, maxExclude)
	case "n":
		q.n, p = s.integer(1, edged.MaxN)
	case "goal":
		var v []byte
		if v, p = s.text(edged.MaxTypeLen); p == nil {
			p = q.setGoal(v)
		}
	case "fields":
		q.fields, p = s.list(q.fields, maxFields)
	case "explain":
		q.explain, p = s.boolean()
	case "context":
		p = c.context()
	case "slot":
		q.slot, p = s.text(edged.MaxTypeLen)
	case "cursor":
		var v []byte
		if v, p = s.text(maxCursor); p == nil {
			p = q.setCursor(v)
		}
	case "timeoutMs":
		var ms int
		ms, p = s.integer(1, maxTimeout)
		q.timeout = time.Duration(ms) * time.Millisecond
	default:
		p = c.wish(key)
	}
	return p
}

// seed reads one element of recent: an id, or an object with the item and, optionally, type and time.
func (c *call) seed() *problem {
	s := &c.scan
	var x seed
	var p *problem
	switch s.peek() {
	case '"':
		x.item, p = s.id()
	case '{':
		p = s.object(seedKeys, func(k int) (p *problem) {
			switch seedKeys[k] {
			case "item":
				x.item, p = s.id()
			case "type":
				x.typ, p = s.text(edged.MaxTypeLen)
			case "time":
				x.time, p = s.time()
			}
			return p
		})
		if p == nil && x.item == nil {
			p = badField("item", "missing")
		}
	default:
		p = s.expect('"', "an id or an object with an item")
	}
	c.req.recent = append(c.req.recent, x)
	return p
}

// context reads an object of strings: what ranking and rules know of the moment.
func (c *call) context() *problem {
	s, q := &c.scan, &c.req
	return s.members(func(key []byte) *problem {
		if len(q.keys) == edged.MaxContext {
			return bad("more than %d entries", edged.MaxContext)
		}
		if slices.ContainsFunc(q.keys, func(k []byte) bool { return bytes.Equal(k, key) }) {
			return bad("given twice").in(string(key))
		}
		q.keys = append(q.keys, key)
		if len(key) > edged.MaxContextLen {
			return bad("a key of more than %d bytes", edged.MaxContextLen)
		}
		value, p := s.text(edged.MaxContextLen)
		if p != nil {
			return p.in(string(key))
		}
		switch string(key) {
		case edged.Country:
			q.country = value
		case edged.Device:
			q.device = value
		case "segment":
			q.segment = value
		default:
			q.visitor = append(q.visitor, rules.Attribute{Name: key, Value: rules.Text(value)})
			switch string(key) {
			case edged.Referrer:
				q.referrer = value
			case edged.LocalHour:
				q.localHour = value
				if p := checkHour(value); p != nil {
					return p.in(string(key))
				}
			case languageKey:
				q.language = value
			}
		}
		return nil
	})
}

// checkHour refuses what is no hour of a clock; the empty one says nothing.
func checkHour[T string | []byte](hour T) *problem {
	if len(hour) == 0 || len(hour) <= 2 && edged.DaypartOf(string(hour)) != "" {
		return nil
	}
	return bad("want an hour from 0 to 23, got %s", quote([]byte(hour)))
}

// id reads an id.
func (s *scanner) id() ([]byte, *problem) {
	t, p := s.text(edged.MaxIDLen)
	if p == nil && len(t) == 0 {
		p = bad("empty")
	}
	return t, p
}

// list reads an array of at most limit ids.
func (s *scanner) list(dst [][]byte, limit int) ([][]byte, *problem) {
	p := s.array(func(i int) *problem {
		if i == limit {
			return bad("more than %d entries", limit)
		}
		t, p := s.id()
		dst = append(dst, t)
		return p
	})
	return dst, p
}

// time reads RFC 3339 text, or Unix seconds or milliseconds, as Unix milliseconds.
func (s *scanner) time() (int64, *problem) {
	var t []byte
	var p *problem
	if s.peek() == '"' {
		t, p = s.stringValue()
	} else {
		t, p = s.number("a time")
	}
	if p != nil {
		return 0, p
	}
	ms, err := edged.ParseTime(string(t))
	if err != nil {
		return 0, bad("want RFC 3339, Unix seconds or milliseconds, got %s", quote(t))
	}
	return ms, nil
}

// The query parameters of each endpoint.
var (
	recommendParams = append([]string{"recent", "n", "exclude", "goal", "fields", "explain", "country", languageKey, "slot", "timeoutMs", "cursor"}, wishParams...)
	similarParams   = []string{"n", "fields"}
	trendingParams  = []string{"country", "category", "window", "n", "fields"}
	popularParams   = []string{"category", "n", "fields"}
	itemParams      = []string{"fields"}
)

// params decodes a query string whose names are among known.
func (c *call) params(raw []byte, known []string) *problem {
	q := &c.req
	return c.query(raw, known, func(k int, v []byte) (p *problem) {
		switch known[k] {
		case "recent":
			q.recentGiven = true
			return c.commaSeeds(v)
		case "exclude":
			q.exclude, p = commaList(q.exclude, v, maxExclude)
			return p
		case "fields":
			q.fields, p = commaList(q.fields, v, maxFields)
			return p
		case "boost":
			return q.boostParam(v)
		}
		if q.given&(1<<k) != 0 {
			return bad("given twice")
		}
		q.given |= 1 << k
		return q.scalar(known[k], v)
	})
}

func (q *request) scalar(name string, v []byte) (p *problem) {
	switch name {
	case "n":
		q.n, p = parseWhole(v, 1, edged.MaxN)
	case "timeoutMs":
		var ms int
		ms, p = parseWhole(v, 1, maxTimeout)
		q.timeout = time.Duration(ms) * time.Millisecond
	case "goal":
		p = q.setGoal(v)
	case "explain":
		q.explain, p = parseBool(v)
	case "cursor":
		p = q.setCursor(v)
	case "country":
		q.country, p = shortText(v, edged.MaxContextLen)
	case languageKey:
		if q.language, p = shortText(v, edged.MaxContextLen); p == nil {
			q.visitor = append(q.visitor, rules.Attribute{Name: languageName, Value: rules.Text(v)})
		}
	case "category":
		if q.within, p = shortText(v, edged.MaxIDLen); p == nil && len(v) == 0 {
			p = bad("empty")
		}
	case "slot":
		q.slot, p = shortText(v, edged.MaxTypeLen)
	case "window":
		q.window, p = shortText(v, edged.MaxTypeLen)
	default:
		p = q.wishParam(name, v)
	}
	return p
}

func shortText(v []byte, limit int) ([]byte, *problem) {
	if len(v) > limit {
		return nil, tooLong(len(v), limit)
	}
	return v, nil
}

func parseWhole(v []byte, lo, hi int) (int, *problem) {
	n := 0
	ok := len(v) > 0 && len(v) < 10
	for _, b := range v {
		ok = ok && b >= '0' && b <= '9'
		n = n*10 + int(b-'0')
	}
	if !ok || n < lo || n > hi {
		return 0, bad("want %s, got %s", wholeFrom(lo, hi), quote(v))
	}
	return n, nil
}

func parseBool(v []byte) (bool, *problem) {
	switch string(v) {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, bad("want true or false, got %s", quote(v))
}

// commaList splits v at its commas. An empty v is an empty list.
func commaList(dst [][]byte, v []byte, limit int) ([][]byte, *problem) {
	for i := 1; len(v) > 0; i++ {
		id, rest, more := bytes.Cut(v, []byte{','})
		if p := checkID(id, i); p != nil {
			return dst, p
		}
		if len(dst) == limit {
			return dst, bad("more than %d entries", limit)
		}
		dst, v = append(dst, id), rest
		if more && len(rest) == 0 {
			return dst, checkID(rest, i+1)
		}
	}
	return dst, nil
}

// commaSeeds is commaList for recent, which has no limit: the newest count.
func (c *call) commaSeeds(v []byte) *problem {
	for i := 1; len(v) > 0; i++ {
		id, rest, more := bytes.Cut(v, []byte{','})
		if p := checkID(id, i); p != nil {
			return p
		}
		c.req.recent = append(c.req.recent, seed{item: id})
		v = rest
		if more && len(rest) == 0 {
			return checkID(rest, i+1)
		}
	}
	return nil
}

func checkID(id []byte, place int) *problem {
	switch {
	case len(id) == 0:
		return bad("entry %s is empty", strconv.Itoa(place))
	case len(id) > edged.MaxIDLen:
		return bad("entry %d: %d bytes, at most %d", place, len(id), edged.MaxIDLen)
	}
	return nil
}
