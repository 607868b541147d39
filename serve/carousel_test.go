package serve

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/edged/edged/web"
)

func TestCarouselIsServedAndRevalidated(t *testing.T) {
	handler := newFixture(t).server.Handler()
	ask := func(tag string) *fasthttp.RequestCtx {
		var ctx fasthttp.RequestCtx
		ctx.Request.SetRequestURI("/edged.js")
		ctx.Request.Header.SetHost("localhost")
		if tag != "" {
			ctx.Request.Header.Set("If-None-Match", tag)
		}
		overWire(t, &ctx.Request)
		handler(&ctx)
		return &ctx
	}
	first := ask("")
	if !bytes.Equal(first.Response.Body(), web.Carousel) || string(first.Response.Header.ContentType()) != "text/javascript; charset=utf-8" {
		t.Fatalf("%d bytes of %s", len(first.Response.Body()), first.Response.Header.ContentType())
	}
	again := ask(string(first.Response.Header.Peek("ETag")))
	if again.Response.StatusCode() != http.StatusNotModified || len(again.Response.Body()) > 0 {
		t.Fatalf("%d with %d bytes", again.Response.StatusCode(), len(again.Response.Body()))
	}
}
