package serve

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/edged/edged"
	"github.com/edged/edged/rank"
)

// A cursor holds what the pages before showed, so that nothing of it comes again, whatever has changed since: the release, what trends,
// the rules, what the visitor did. It is base64url of a byte with its version, the best score found for the visitor as a float32, 0 without one, by
// which minRelevance goes on all pages, and the XXH64 of each item's id, big-endian. It says nothing that exclude and minRelevance could not say,
// and so needs no seal.
const (
	cursorVersion = 2
	cursorHead    = 1 + 4
	maxPaged      = edged.MaxN // items on all pages together
)

var cursorText = base64.RawURLEncoding.Strict()

// maxCursor is the length of the longest one's text.
var maxCursor = cursorText.EncodedLen(cursorHead + 8*maxPaged)

// setCursor decodes a cursor; an empty one begins a first page.
func (q *request) setCursor(text []byte) (p *problem) {
	q.paged = true
	if len(text) == 0 {
		return nil
	}
	if len(text) > maxCursor {
		return tooLong(len(text), maxCursor)
	}
	n := cursorText.DecodedLen(len(text))
	q.cursor = slices.Grow(q.cursor[:0], n)[:n]
	n, err := cursorText.Decode(q.cursor, text)
	if err != nil || n%8 != cursorHead%8 || n < cursorHead || q.cursor[0] != cursorVersion || !(q.best() >= 0 && q.best() <= math.MaxFloat32) {
		return bad("not a cursor that an answer gave")
	}
	return nil
}

// best is what a cursor says of scores.
func (q *request) best() float32 { return math.Float32frombits(binary.BigEndian.Uint32(q.cursor[1:])) }

// turnPage takes what a cursor says, once all of the request was read: there are no more items than may be on all pages together.
func (c *call) turnPage() {
	if q := &c.req; len(q.cursor) > 0 {
		c.best, q.n = q.best(), min(q.n, maxPaged-(len(q.cursor)-cursorHead)/8)
		c.excludeShown()
	}
}

// excludeShown excludes what a cursor holds. What the release no longer has can't come anyway.
func (c *call) excludeShown() {
	for b := c.req.cursor; len(b) > cursorHead; b = b[:len(b)-8] {
		if row, ok := c.ranker.Model().RowOfHash(binary.BigEndian.Uint64(b[len(b)-8:])); ok {
			c.exclude = append(c.exclude, row)
		}
	}
}

// appendCursor appends the cursor of the next page, nothing where there can be none.
func (c *call) appendCursor(b []byte, shown []rank.Item) []byte {
	q := &c.req
	if !q.paged || len(shown) == 0 {
		return b
	}
	if len(q.cursor) == 0 {
		q.cursor = binary.BigEndian.AppendUint32(append(q.cursor, cursorVersion), math.Float32bits(c.best))
	}
	for i := range shown {
		q.cursor = binary.BigEndian.AppendUint64(q.cursor, xxhash.Sum64String(c.ranker.Model().ID(shown[i].Row)))
	}
	if len(q.cursor) >= cursorHead+8*maxPaged {
		return b
	}
	b = append(b, `,"cursor":"`...)
	return append(cursorText.AppendEncode(b, q.cursor), '"')
}
