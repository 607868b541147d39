package serve

import (
	"bytes"

	"github.com/valyala/fasthttp"
)

// handler answers one route. It leaves the body in c.out, or returns a problem.
type handler func(s *Server, c *call) *problem

// route is one path and what it does by method. HEAD is GET without the body.
type route struct {
	name    string // in metrics
	pattern string // as in openapi.json
	get     handler
	post    handler
	put     handler
	remove  handler
	open    bool // no key is asked for
	always  bool // beyond MaxConcurrency, too, and on spare connections: the node must be able to say that it is full
}

func (r *route) allow() string {
	switch {
	case r.put != nil:
		return "GET, HEAD, PUT, DELETE, OPTIONS"
	case r.get != nil && r.post != nil:
		return "GET, HEAD, POST, OPTIONS"
	case r.post != nil:
		return "POST, OPTIONS"
	}
	return "GET, HEAD, OPTIONS"
}

// The routes, in the order of routeTable. other stands for every path that is none of them.
const (
	routeRecommend = iota
	routeBatch
	routeSimilar
	routeTogether
	routeItem
	routeTrending
	routePopular
	routeEvents
	routeProfile
	routeLive
	routeReady
	routeOpenAPI
	routeCarousel
	routeOther
	routeCount
)

var routeTable = [routeCount]route{
	routeRecommend: {name: "recommend", pattern: "/v1/recommend", get: (*Server).recommendGet, post: (*Server).recommendPost},
	routeBatch:     {name: "batch", pattern: "/v1/recommend/batch", post: (*Server).batch},
	routeSimilar:   {name: "similar", pattern: "/v1/items/{id}/similar", get: (*Server).similar},
	routeTogether:  {name: "together", pattern: "/v1/items/{id}/together", get: (*Server).together},
	routeItem:      {name: "item", pattern: "/v1/items/{id}", get: (*Server).item},
	routeTrending:  {name: "trending", pattern: "/v1/trending", get: (*Server).trending},
	routePopular:   {name: "popular", pattern: "/v1/popular", get: (*Server).popular},
	routeEvents:    {name: "events", pattern: "/v1/events", post: (*Server).events},
	routeProfile:   {name: "profile", pattern: "/v1/profile", get: (*Server).profileShow, put: (*Server).profileChange, remove: (*Server).profileForget},
	routeLive:      {name: "live", pattern: "/healthz/live", get: (*Server).live, always: true, open: true},
	routeReady:     {name: "ready", pattern: "/healthz/ready", get: (*Server).ready, always: true, open: true},
	routeOpenAPI:   {name: "openapi", pattern: "/openapi.json", get: (*Server).openAPI, open: true},
	routeCarousel:  {name: "carousel", pattern: "/edged.js", get: (*Server).carousel, open: true},
	routeOther:     {name: "other"},
}

// match returns the route of a raw path and the still escaped {id} in it. The path is matched as sent: what a proxy
// would clean up (dots, doubled slashes) is simply not found.
func match(path []byte) (route int, id []byte) {
	switch string(path) {
	case "/v1/recommend":
		return routeRecommend, nil
	case "/v1/recommend/batch":
		return routeBatch, nil
	case "/v1/trending":
		return routeTrending, nil
	case "/v1/popular":
		return routePopular, nil
	case "/v1/events":
		return routeEvents, nil
	case "/v1/profile":
		return routeProfile, nil
	case "/healthz/live":
		return routeLive, nil
	case "/healthz/ready":
		return routeReady, nil
	case "/openapi.json":
		return routeOpenAPI, nil
	case "/edged.js":
		return routeCarousel, nil
	}
	rest, ok := bytes.CutPrefix(path, []byte("/v1/items/"))
	if !ok {
		return routeOther, nil
	}
	route = routeItem
	if id, ok = bytes.CutSuffix(rest, []byte("/similar")); ok {
		route, rest = routeSimilar, id
	} else if id, ok = bytes.CutSuffix(rest, []byte("/together")); ok {
		route, rest = routeTogether, id
	}
	if len(rest) == 0 || bytes.IndexByte(rest, '/') >= 0 {
		return routeOther, nil
	}
	return route, rest
}

// handlerFor returns what answers the request's method, nil where nothing does.
func (r *route) handlerFor(ctx *fasthttp.RequestCtx) handler {
	switch {
	case ctx.IsGet() || ctx.IsHead():
		return r.get
	case ctx.IsPost():
		return r.post
	case ctx.IsPut():
		return r.put
	case ctx.IsDelete():
		return r.remove
	}
	return nil
}

// target returns the path and the query string of a request, as they were sent. Nearly all targets are plain: a path on a plain host. What
// others mean is fasthttp's to say.
func target(ctx *fasthttp.RequestCtx) (path, query []byte) {
	uri := ctx.Request.Header.RequestURI()
	if len(uri) < 2 || uri[0] != '/' || uri[1] == '/' || !plainHost(ctx.Request.Header.Host()) {
		return ctx.URI().PathOriginal(), ctx.URI().QueryString()
	}
	mark := len(uri)
	for i, b := range uri {
		switch {
		case b <= ' ' || b >= 0x7f || b == '#':
			return ctx.URI().PathOriginal(), ctx.URI().QueryString()
		case b == '?' && mark == len(uri):
			mark = i
		}
	}
	return uri[:mark], uri[min(mark+1, len(uri)):]
}

// plainHost reports whether a host is made of letters, digits, dots and hyphens, and perhaps a port of few digits.
func plainHost(host []byte) bool {
	name, port, _ := bytes.Cut(host, []byte{':'})
	for _, b := range name {
		if !(b|0x20 >= 'a' && b|0x20 <= 'z' || b >= '0' && b <= '9' || b == '.' || b == '-') {
			return false
		}
	}
	for _, b := range port {
		if b < '0' || b > '9' {
			return false
		}
	}
	return len(name) > 0 && len(port) < 6
}
