package serve

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/valyala/fasthttp"

	"github.com/edged/edged/access"
)

// cors says which pages may read answers in a browser. Credentials, that is the profile cookie, are allowed to origins that are named only.
type cors struct {
	any     bool
	cookies bool
	origins []string
}

// CheckOrigins reports what is wrong with a list of pages that may read answers. A star for all of them stands alone; but where cookies carry
// profiles, others beside it are the ones that may send theirs.
func CheckOrigins(list []string, cookies bool) error {
	var faults []error
	for _, o := range list {
		if o == "*" {
			continue
		}
		if err := access.CheckOrigin(o); err != nil {
			faults = append(faults, fmt.Errorf("allowOrigins: %w", err))
		}
	}
	if len(list) > 1 && !cookies && slices.Contains(list, "*") {
		faults = append(faults, errors.New("allowOrigins: * is all pages already: name it alone, or only the others"))
	}
	return errors.Join(faults...)
}

// newCORS takes the origins of the configuration, and those that keys name: a preflight doesn't say which key comes.
func newCORS(origins []string, keys *access.Keys, cookies bool) cors {
	o := cors{any: slices.Contains(origins, "*"), cookies: cookies, origins: origins}
	if keys != nil {
		o.origins = append(slices.Clone(o.origins), keys.Origins()...)
	}
	return o
}

// headers are those of every answer. Where the answer depends on the Origin, caches are told.
func (o *cors) headers(h *fasthttp.ResponseHeader, origin []byte) {
	if o.cookies || o.any || len(origin) > 0 {
		h.SetCanonical(keyExpose, o.exposed())
	}
	if o.any && !o.cookies {
		h.SetCanonical(keyAllowOrigin, anyOrigin)
		return
	}
	h.Set("Vary", "Origin")
	switch {
	case o.names(origin):
		h.SetBytesV("Access-Control-Allow-Origin", origin)
		if o.cookies {
			h.Set("Access-Control-Allow-Credentials", "true")
		}
	case o.any:
		h.Set("Access-Control-Allow-Origin", "*")
	}
}

// exposed are the headers that pages may read beside those that browsers always show.
func (o *cors) exposed() []byte {
	if o.cookies {
		return exposedWithToken
	}
	return exposed
}

// names reports whether an origin is named, not just one of all.
func (o *cors) names(origin []byte) bool {
	for _, allowed := range o.origins {
		if string(origin) == allowed && allowed != "*" {
			return true
		}
	}
	return false
}

// Headers of most answers, in the letters they are sent in.
var (
	keyAllowOrigin   = []byte("Access-Control-Allow-Origin")
	keyCacheControl  = []byte("Cache-Control")
	keyServerTiming  = []byte("Server-Timing")
	keyETag          = []byte("Etag")
	keyExpose        = []byte("Access-Control-Expose-Headers")
	exposed          = []byte("ETag, Retry-After, Server-Timing")
	exposedWithToken = []byte("ETag, Retry-After, Server-Timing, " + headerToken)
	anyOrigin        = []byte("*")
	noStore          = []byte("no-store")
)

// preflight answers OPTIONS.
func (o *cors) preflight(c *call, r *route) *problem {
	h := &c.ctx.Response.Header
	h.Set("Allow", r.allow())
	h.Set("Access-Control-Allow-Methods", r.allow())
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-None-Match, Edged-Assertion, Edged-Profile")
	h.Set("Access-Control-Max-Age", "86400")
	c.status = http.StatusNoContent
	return nil
}
