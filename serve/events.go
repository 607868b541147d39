package serve

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/data"
)

const (
	maxEvents = 10_000          // events in one request
	maxAhead  = 5 * time.Minute // how far an event's time may lie ahead of the clock
)

// rejection says why one event of a request was not taken.
type rejection struct {
	index  int
	reason int
	detail string
}

// intake collects the events of one request.
type intake struct {
	now      int64                   // Unix milliseconds
	may      func(*edged.Event) bool // whether the caller may act for the event's user
	count    int
	events   []edged.Event
	rejected []rejection
}

// events answers POST /v1/events: one object, an array of them, or one a line. What it answers 202 to is durable.
//
// An event that can't be taken is named by its index and does not harm the others; where none could be taken, the
// answer is a 400 that lists them. Text that is no JSON at all has no indexes: then nothing is taken.
func (s *Server) events(c *call) *problem {
	if s.cfg.Events == nil {
		return unavailable("this node takes no events")
	}
	if p := c.checkBody(s.cfg.MaxBody); p != nil {
		return p
	}
	if p := c.params(c.asks, nil); p != nil {
		return p
	}
	s.openToken(c)
	in := intake{now: c.start.UnixMilli(), may: func(e *edged.Event) bool { return s.settleEvent(c, e) }}
	if p := in.read(c); p != nil {
		s.metrics.rejected[reasonMalformed].Inc()
		return p
	}
	out := 0
	if c.who.optedOut {
		out, in.events = len(in.events), nil
		s.metrics.optedOut.Add(out)
	}
	if p := s.store(c, &in); p != nil {
		return p
	}
	for _, r := range in.rejected {
		s.metrics.rejected[r.reason].Inc()
	}
	if len(in.events)+out == 0 && len(in.rejected) > 0 {
		p := bad("no event could be taken; the first: %s", in.rejected[0].detail)
		p.rejected = in.rejected
		return p
	}
	c.out = append(c.out, `{"accepted":`...)
	c.out = strconv.AppendInt(c.out, int64(len(in.events)), 10)
	c.out = append(c.out, `,"rejected":`...)
	c.out = appendRejected(c.out, in.rejected)
	if out > 0 {
		c.out = strconv.AppendInt(append(c.out, `,"optedOut":`...), int64(out), 10)
	}
	c.out = append(c.out, '}')
	c.status = http.StatusAccepted
	return nil
}

func appendRejected(dst []byte, list []rejection) []byte {
	dst = append(dst, '[')
	for i, r := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"index":`...)
		dst = strconv.AppendInt(dst, int64(r.index), 10)
		dst = append(dst, `,"error":`...)
		dst = append(appendString(dst, r.detail), '}')
	}
	return append(dst, ']')
}

// store makes the events durable and tells trends and profiles of those not seen before.
func (s *Server) store(c *call, in *intake) *problem {
	if len(in.events) == 0 {
		return nil
	}
	fresh, err := s.cfg.Events(context.Background(), in.events)
	if err == nil && len(fresh) != len(in.events) {
		err = fmt.Errorf("BUG: the sink told of %d events, given %d", len(fresh), len(in.events))
	}
	if err != nil {
		s.metrics.rejected[reasonStore].Add(len(in.events))
		s.cfg.Logger.Error("serve: events could not be stored", "events", len(in.events), "error", err)
		return unavailable("events can't be stored now; send them again")
	}
	for i := range in.events {
		if !fresh[i] {
			s.metrics.duplicate.Inc()
			continue
		}
		if s.cfg.Trends != nil {
			s.cfg.Trends.Add(&in.events[i])
		}
		if s.cfg.Profiles != nil {
			s.cfg.Profiles.Add(&in.events[i])
		}
	}
	s.tokenEvents(c, in.events, fresh)
	s.metrics.accepted.Add(len(in.events))
	return nil
}

// read tells the three forms apart, by content type where that says it and by content otherwise.
func (in *intake) read(c *call) *problem {
	body := c.ctx.Request.Body()
	s := &c.scan
	s.reset(body)
	if typ := mediaType(c.ctx); bytes.HasSuffix(typ, []byte("ndjson")) || bytes.HasSuffix(typ, []byte("jsonl")) {
		return in.lines(s, body)
	}
	switch s.peek() {
	case '[':
		return in.array(s)
	case '{':
	default:
		return s.malformed("an event, an array of events, or an event a line")
	}
	first, p := s.skip()
	if p != nil {
		return p
	}
	rest := s.b[s.i:]
	if line, _, more := bytes.Cut(rest, []byte{'\n'}); more && len(bytes.TrimSpace(line)) == 0 && len(bytes.TrimSpace(rest)) > 0 {
		return in.lines(s, body)
	}
	if p := s.end(); p != nil {
		return p
	}
	return in.add(s, first)
}

// array takes every element of an array.
func (in *intake) array(s *scanner) *problem {
	body := s.b
	p := s.array(func(int) *problem {
		raw, p := s.skip()
		if p != nil {
			return p
		}
		after := s.i
		p = in.add(s, raw)
		s.b, s.i = body, after
		return p
	})
	if p == nil {
		p = s.end()
	}
	return p
}

// lines takes every line that is not blank. A malformed line is one rejected event.
func (in *intake) lines(s *scanner, body []byte) *problem {
	for len(body) > 0 {
		var line []byte
		line, body, _ = bytes.Cut(body, []byte{'\n'})
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if p := in.add(s, line); p != nil {
			return p
		}
	}
	if in.count == 0 {
		return bad("no event in the body")
	}
	return nil
}

// add takes or rejects one event. Only too many of them are a problem.
func (in *intake) add(s *scanner, raw []byte) *problem {
	if in.count++; in.count > maxEvents {
		return withStatus(http.StatusRequestEntityTooLarge, "more than %d events in one request", maxEvents)
	}
	e, r := in.parse(s, raw)
	if r != nil {
		r.index = in.count - 1
		in.rejected = append(in.rejected, *r)
		return nil
	}
	in.events = append(in.events, e)
	return nil
}

// parse reads one event; without a time, or with null for one, it happened now. The event is a copy and keeps nothing of raw.
func (in *intake) parse(s *scanner, raw []byte) (edged.Event, *rejection) {
	s.reset(raw)
	timed, null := false, 0 // where a time that is null ends
	p := s.members(func(key []byte) *problem {
		value, p := s.skip()
		if string(key) == "time" {
			timed = true
			if string(value) == "null" {
				null = s.i
			}
		}
		return p
	})
	if p == nil {
		p = s.end()
	}
	if p != nil {
		return edged.Event{}, &rejection{reason: reasonMalformed, detail: p.detail}
	}
	switch {
	case !timed:
		raw = withTime(raw, in.now)
	case null > 0:
		raw = slices.Concat(raw[:null-len("null")], strconv.AppendInt(nil, in.now, 10), raw[null:])
	}
	e, err := data.ParseEvent(raw)
	if err != nil {
		return e, &rejection{reason: reasonInvalid, detail: err.Error()}
	}
	if p := checkHour(e.Context[edged.LocalHour]); p != nil {
		return e, &rejection{reason: reasonInvalid, detail: "event: context." + edged.LocalHour + ": " + p.detail}
	}
	if !in.may(&e) {
		return e, &rejection{reason: reasonUser, detail: "event: user: believed only from a secret key, or with an assertion for this user"}
	}
	if ahead := e.Time - in.now; ahead > maxAhead.Milliseconds() { // in milliseconds: a Duration ends after 292 years
		return e, &rejection{reason: reasonFuture, detail: fmt.Sprintf("event: time: %d s ahead of the clock, at most %v", ahead/1000, maxAhead)}
	}
	return e, nil
}

// withTime returns a copy of the object raw with a time added as its last member, so that offsets in errors stay right.
func withTime(raw []byte, now int64) []byte {
	body := bytes.TrimSpace(raw[:bytes.LastIndexByte(raw, '}')])
	out := append(make([]byte, 0, len(raw)+32), body...)
	if body[len(body)-1] != '{' {
		out = append(out, ',')
	}
	out = append(out, `"time":`...)
	out = strconv.AppendInt(out, now, 10)
	return append(out, '}')
}
