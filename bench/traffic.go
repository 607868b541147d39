package bench

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// catalogue is the items to ask about, most popular first, in the three spellings a request needs.
type catalogue struct {
	path, query, quoted []string // of a URL path, of a query value, of JSON
	comma               []bool   // has a comma, so it can't stand in a comma-separated list
}

// newCatalogue joins the node's ids and the caller's, each once.
func newCatalogue(lists ...[]string) (*catalogue, error) {
	c := &catalogue{}
	seen := map[string]bool{}
	for _, list := range lists {
		for _, id := range list {
			if id != "" && !seen[id] {
				seen[id] = true
				c.add(id)
			}
		}
	}
	if len(c.path) == 0 {
		return nil, errors.New("the node names no popular items, and no ids were given")
	}
	return c, nil
}

func (c *catalogue) add(id string) {
	quoted, _ := json.Marshal(id) // a string always has a JSON form
	c.path = append(c.path, url.PathEscape(id))
	c.query = append(c.query, url.QueryEscape(id))
	c.quoted = append(c.quoted, string(quoted))
	c.comma = append(c.comma, strings.Contains(id, ","))
}

// recentItems is how many items back a visitor's list goes, sessionEnd the chance that an event is a session's last.
const (
	recentItems = 10
	sessionEnd  = 1.0 / 20
)

// visitor is one simulated person: what the page would know of the session so far.
type visitor struct {
	recent  [recentItems]int32 // ring of rows in the catalogue
	seen    int                // items in this session so far
	session int
}

// traffic draws requests. It is for one goroutine.
type traffic struct {
	cfg      *LoadConfig
	items    *catalogue
	rand     *rand.Rand
	who      *rand.Zipf
	what     *rand.Zipf
	visitors []visitor
	events   int
	run      string // makes event ids of this run differ from those of another
}

func newTraffic(cfg *LoadConfig, items *catalogue, r *rand.Rand, started time.Time) *traffic {
	return &traffic{
		cfg: cfg, items: items, rand: r,
		who:      rand.NewZipf(r, cfg.UserSkew, 1, uint64(cfg.Users-1)),
		what:     rand.NewZipf(r, cfg.ItemSkew, 1, uint64(len(items.path)-1)),
		visitors: make([]visitor, cfg.Users),
		run:      strconv.FormatInt(started.UnixNano(), 36) + "-" + strconv.FormatUint(r.Uint64(), 36),
	}
}

// fill makes the next request.
func (t *traffic) fill(j *job) {
	user := int(t.who.Uint64())
	v := &t.visitors[user]
	kind := t.cfg.Mix.pick(t.rand.Float64())
	if kind == RecommendGet && t.anyComma(v) {
		kind = RecommendPost
	}
	switch kind {
	case RecommendGet:
		t.recommendGet(j, v)
	case RecommendPost:
		t.recommendPost(j, v, user)
	case Similar:
		j.get(Similar)
		j.uri = append(j.uri, "/v1/items/"...)
		j.uri = append(j.uri, t.items.path[t.what.Uint64()]...)
		j.uri = append(j.uri, "/similar?n="...)
		j.uri = strconv.AppendInt(j.uri, int64(t.cfg.N), 10)
	case Trending:
		t.list(j, Trending, "/v1/trending")
		if c := t.country(user); c != "" {
			j.uri = append(append(j.uri, "&country="...), url.QueryEscape(c)...)
		}
	case Popular:
		t.list(j, Popular, "/v1/popular")
	case Events:
		t.event(j, v, user)
	}
}

func (t *traffic) list(j *job, kind Kind, path string) {
	j.get(kind)
	j.uri = append(append(j.uri, path...), "?n="...)
	j.uri = strconv.AppendInt(j.uri, int64(t.cfg.N), 10)
}

func (t *traffic) anyComma(v *visitor) bool {
	for i := range v.len() {
		if t.items.comma[v.at(i)] {
			return true
		}
	}
	return false
}

func (t *traffic) recommendGet(j *job, v *visitor) {
	t.list(j, RecommendGet, "/v1/recommend")
	for i := range v.len() {
		sep := ","
		if i == 0 {
			sep = "&recent="
		}
		j.uri = append(append(j.uri, sep...), t.items.query[v.at(i)]...)
	}
}

func (t *traffic) recommendPost(j *job, v *visitor, user int) {
	j.post(RecommendPost)
	j.uri = append(j.uri, "/v1/recommend"...)
	j.body = append(j.body, `{"user":"`...)
	j.body = appendUser(j.body, user)
	j.body = append(j.body, `","recent":[`...)
	for i := range v.len() {
		if i > 0 {
			j.body = append(j.body, ',')
		}
		j.body = append(j.body, t.items.quoted[v.at(i)]...)
	}
	j.body = append(j.body, `],"n":`...)
	j.body = strconv.AppendInt(j.body, int64(t.cfg.N), 10)
	j.body = append(j.body, '}')
}

// event is one view, which the visitor's list remembers.
func (t *traffic) event(j *job, v *visitor, user int) {
	if t.rand.Float64() < sessionEnd {
		v.seen = 0
		v.session++
	}
	item := int32(t.what.Uint64())
	v.see(item)
	t.events++
	j.post(Events)
	j.uri = append(j.uri, "/v1/events"...)
	j.body = append(j.body, `{"id":"bench-`...)
	j.body = append(append(j.body, t.run...), '-')
	j.body = strconv.AppendInt(j.body, int64(t.events), 36)
	j.body = append(j.body, `","user":"`...)
	j.body = appendUser(j.body, user)
	j.body = append(j.body, `","session":"`...)
	j.body = appendUser(j.body, user)
	j.body = append(j.body, '-')
	j.body = strconv.AppendInt(j.body, int64(v.session), 10)
	j.body = append(j.body, `","type":"view","item":`...)
	j.body = append(j.body, t.items.quoted[item]...)
	j.body = append(j.body, `,"time":`...)
	j.body = strconv.AppendInt(j.body, time.Now().UnixMilli(), 10)
	if c := t.country(user); c != "" {
		quoted, _ := json.Marshal(c)
		j.body = append(append(append(j.body, `,"context":{"country":`...), quoted...), '}')
	}
	j.body = append(j.body, '}')
}

func appendUser(dst []byte, user int) []byte {
	return strconv.AppendInt(append(dst, "bench-user-"...), int64(user), 10)
}

// country is the same for a visitor always.
func (t *traffic) country(user int) string {
	if len(t.cfg.Countries) == 0 {
		return ""
	}
	return t.cfg.Countries[user%len(t.cfg.Countries)]
}

func (v *visitor) see(item int32) {
	v.recent[v.seen%recentItems] = item
	v.seen++
}

func (v *visitor) len() int { return min(v.seen, recentItems) }

// at is the i-th newest item.
func (v *visitor) at(i int) int32 { return v.recent[(v.seen-1-i)%recentItems] }
