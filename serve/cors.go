package serve

import (
	"net/http"
	"slices"

	"github.com/valyala/fasthttp"
)

// cors says which pages may read answers in a browser. No credentials are ever allowed: nothing here goes by cookies.
type cors struct {
	any     bool
	origins []string
}

func newCORS(origins []string) cors {
	return cors{any: slices.Contains(origins, "*"), origins: origins}
}

// headers are those of every answer. Where the answer depends on the Origin, caches are told.
func (o *cors) headers(ctx *fasthttp.RequestCtx) {
	h := &ctx.Response.Header
	if o.any {
		h.Set("Access-Control-Allow-Origin", "*")
		return
	}
	h.Set("Vary", "Origin")
	origin := ctx.Request.Header.Peek("Origin")
	for _, allowed := range o.origins {
		if string(origin) == allowed {
			h.Set("Access-Control-Allow-Origin", allowed)
			return
		}
	}
}

// preflight answers OPTIONS.
func (o *cors) preflight(c *call, r *route) *problem {
	h := &c.ctx.Response.Header
	h.Set("Allow", r.allow())
	h.Set("Access-Control-Allow-Methods", r.allow())
	h.Set("Access-Control-Allow-Headers", "Content-Type, If-None-Match")
	h.Set("Access-Control-Max-Age", "86400")
	c.status = http.StatusNoContent
	return nil
}
