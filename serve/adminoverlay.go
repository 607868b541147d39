package serve

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/overlay"
)

// Overlay is what is to be different from the release.
type Overlay interface {
	Write(changes []overlay.Change) (overlay.Result, error) // durable when it returns
	Show(after string, n int) any
	File() []byte // all of it, for a release to be made with
}

const (
	maxOverlayBody = 1 << 20
	overlayShown   = 1000 // entries of one answer
)

// The names a body of POST /v1/admin/overlay may have, and those of one entry.
var (
	overlayKeys = []string{"entries", "time", "ttl"}
	changeKeys  = []string{"id", "available", "price", "boost", "item", "remove", "time", "ttl"}
)

// overlayWrite answers POST /v1/admin/overlay.
func (s *Server) overlayWrite(w http.ResponseWriter, r *http.Request) {
	body, p := adminBody(w, r, maxOverlayBody)
	var changes []overlay.Change
	if p == nil {
		changes, p = parseChanges(body)
	}
	if p != nil {
		s.adminProblem(w, p)
		return
	}
	result, err := s.cfg.Admin.Overlay.Write(changes)
	switch {
	case errors.Is(err, overlay.ErrFull):
		s.adminProblem(w, withStatus(http.StatusConflict, "%v", err))
	case errors.Is(err, overlay.ErrChange):
		s.adminProblem(w, bad("%s", strings.TrimPrefix(err.Error(), overlay.ErrChange.Error()+": ")))
	case err != nil:
		s.cfg.Logger.Error("serve: overlay", "error", err)
		s.adminProblem(w, unavailable("the overlay can't be written: %v", err))
	default:
		s.adminJSON(w, result)
	}
}

// overlayShow answers GET /v1/admin/overlay.
func (s *Server) overlayShow(w http.ResponseWriter, r *http.Request) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		s.adminProblem(w, bad("malformed query"))
		return
	}
	n := overlayShown
	for name := range query {
		if name != "after" && name != "n" {
			s.adminProblem(w, unknown("query parameter", name, []string{"after", "n"}))
			return
		}
	}
	if text := query.Get("n"); text != "" {
		var p *problem
		if n, p = parseWhole([]byte(text), 0, overlayShown); p != nil {
			s.adminProblem(w, p.at("n"))
			return
		}
	}
	s.adminJSON(w, s.cfg.Admin.Overlay.Show(query.Get("after"), n))
}

// overlayFile answers GET /v1/admin/overlay/file.
func (s *Server) overlayFile(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(s.cfg.Admin.Overlay.File()) // a caller that has gone is no fault of ours
}

// parseChanges reads {"entries": […]}. A time and a ttl beside them hold for all that say nothing else.
func parseChanges(body []byte) ([]overlay.Change, *problem) {
	var s scanner
	s.reset(body)
	var list []overlay.Change
	var common overlay.Change
	p := s.object(overlayKeys, func(k int) (p *problem) {
		switch overlayKeys[k] {
		case "entries":
			p = s.array(func(i int) *problem {
				if i == overlay.MaxChanges {
					return bad("more than %d entries", overlay.MaxChanges)
				}
				c, p := s.change()
				list = append(list, c)
				return p
			})
		case "time":
			common.Time, p = s.time()
		case "ttl":
			common.TTL, p = s.duration()
		}
		return p
	})
	if p == nil {
		p = s.end()
	}
	if p == nil && len(list) == 0 {
		p = badField("entries", "missing")
	}
	for i := range list {
		if list[i].Time == 0 {
			list[i].Time = common.Time
		}
		if list[i].TTL == 0 {
			list[i].TTL = common.TTL
		}
	}
	return list, p
}

// change reads one entry.
func (s *scanner) change() (c overlay.Change, p *problem) {
	var item []byte
	p = s.object(changeKeys, func(k int) *problem {
		if f, ok := fieldNamed(changeKeys[k]); ok && s.null() {
			c.Take(f)
			return nil
		}
		return s.changeField(&c, changeKeys[k], &item)
	})
	switch {
	case p != nil:
	case c.ID == "":
		p = badField("id", "missing")
	case c.All && (c.Says() || item != nil):
		p = badField("remove", "beside what is to be")
	case !c.All && !c.Says() && item == nil:
		p = bad("says nothing: want available, price, boost, item or remove")
	case item != nil:
		it, err := overlay.ParseItem(c.ID, item)
		if err != nil {
			return c, badField("item", "%v", err)
		}
		c.Item = &it
	}
	return c, p
}

func fieldNamed(key string) (overlay.Field, bool) {
	for _, f := range overlay.Fields() {
		if f.String() == key {
			return f, true
		}
	}
	return 0, false
}

func (s *scanner) changeField(c *overlay.Change, key string, item *[]byte) (p *problem) {
	switch key {
	case "id":
		var id []byte
		id, p = s.id()
		c.ID = string(id)
	case "available":
		var is bool
		is, p = s.boolean()
		c.Available = &is
	case "price":
		c.Price, p = s.finite()
	case "boost":
		var by *float64
		if by, p = s.finite(); p == nil {
			narrow := float32(*by)
			c.Boost = &narrow
		}
	case "item":
		var text []byte
		text, p = s.skip()
		*item = append([]byte{}, text...)
	case "remove":
		c.All, p = s.boolean()
	case "time":
		c.Time, p = s.time()
	case "ttl":
		c.TTL, p = s.duration()
	}
	return p
}

// null takes null, where it is there.
func (s *scanner) null() bool {
	return s.peek() == 'n' && s.literal("null") == nil
}

func (s *scanner) finite() (*float64, *problem) {
	x, p := s.float()
	return &x, p
}

// duration reads a duration as Go writes it.
func (s *scanner) duration() (time.Duration, *problem) {
	t, p := s.text(edged.MaxTypeLen)
	if p != nil {
		return 0, p
	}
	d, err := time.ParseDuration(string(t))
	if err != nil || d < time.Second || d > overlay.Remember {
		return 0, bad(`want a duration such as "36h", from 1s to %v, got %s`, overlay.Remember, quote(t))
	}
	return d, nil
}
