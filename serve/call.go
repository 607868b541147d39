package serve

import (
	"time"

	"github.com/valyala/fasthttp"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
	"github.com/edged/edged/profile"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/rules"
	"github.com/edged/edged/words"
)

// call is what one request works with. It belongs to one goroutine at a time and is reused, so nothing in it may be
// kept by anyone else after the handler returned.
type call struct {
	ctx   *fasthttp.RequestCtx
	heads heads
	asks  []byte // the query string
	guard *guard
	clock func() time.Time
	start time.Time
	ended time.Time // when the answer was made; zero: it isn't
	id    []byte    // {id} of the path, decoded
	who   caller
	req   request
	scan  scanner
	arena []byte // decoded parts of the URL
	out   []byte // the answer's body

	ranker  *rank.Ranker // loaded once
	words   *words.Set   // likewise
	faulty  bool         // a part of it could not be read
	ask     rank.Request
	named   [][]byte    // ids to be looked up together
	rows    []edged.Row // what they are
	seeds   []rank.Recent
	exclude []edged.Row
	missing [][]byte
	profile []profile.Recent
	best    float32 // score found for the visitor in the first slot or page, by which minRelevance goes; 0: none was
	bestFor model.Goal
	unnamed bool    // what the profile holds is not for the caller to know
	visitor visitor // what a token says
	ruling  ruling
	lasting []uint32  // rules that hold for everyone
	slots   []slotAsk // of a batch
	fields  []string  // the asked ones, from catalogueFields
	answer  rank.Answer
	scratch *rank.Scratch // of the server's; nil: while the call waits for its turn, or for a request
	names   names
	hosts   names // of referrers, nearly all of which differ
	touched byte  // nothing but what keeps the touching of memory from being left out

	status      int
	contentType string
	cacheable   time.Duration // 0: not
	etag        []byte
	key         []byte // under which the answer is kept; empty: it is not
	basis       basis  // of the answer, where it is kept
	timed       bool   // the answer says how long it took in its head, too
}

// took is how long the answer took to make.
func (c *call) took() time.Duration { return max(0, c.ended.Sub(c.start)) }

// maxKept bounds what a reused call may hold on to after an unusually large request.
const maxKept = 64 << 10

// reset makes a call ready for a request.
func (c *call) reset() {
	c.ctx, c.start, c.ended, c.heads = nil, time.Time{}, time.Time{}, heads{}
	c.id, c.asks, c.ranker, c.words, c.faulty = nil, nil, nil, nil, false
	c.who = caller{}
	c.timed, c.unnamed = false, false
	c.best, c.bestFor = 0, ""
	c.visitor.reset()
	c.slots = c.slots[:0]
	c.ruling.names, c.ruling.lifts, c.ruling.context = c.ruling.names[:0], c.ruling.lifts[:0], rules.Context{}
	c.req.reset()
	c.scan.reset(nil)
	c.arena, c.out, c.etag = c.arena[:0], c.out[:0], c.etag[:0]
	c.key, c.basis = c.key[:0], basis{}
	c.seeds, c.exclude, c.missing = c.seeds[:0], c.exclude[:0], c.missing[:0]
	c.profile, c.fields = c.profile[:0], c.fields[:0]
	c.status, c.contentType, c.cacheable = fasthttp.StatusOK, "application/json", 0
}

// release lets go of everything a later request must not see or keep alive, and leaves the call ready for it.
func (c *call) release() {
	clear(c.profile[:cap(c.profile)])
	clear(c.missing[:cap(c.missing)])
	clear(c.named[:cap(c.named)])
	clear(c.slots[:cap(c.slots)])
	clear(c.fields[:cap(c.fields)])
	c.reset()
	c.guard = nil
	c.ask = rank.Request{}
	c.ruling.letGo()
}

// oversized reports whether a large request left buffers not worth keeping.
func (c *call) oversized() bool {
	return cap(c.out) > 16*maxKept || cap(c.arena)+cap(c.scan.arena) > maxKept || cap(c.req.recent) > 4*edged.MaxRecent
}

// names remembers short strings made from bytes, so that a country named in every request is allocated once.
type names map[string]string

const maxNames = 256

func (n names) of(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if s, ok := n[string(b)]; ok {
		return s
	}
	if len(n) >= maxNames {
		clear(n)
	}
	s := string(b)
	n[s] = s
	return s
}
