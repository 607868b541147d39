package serve

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/edged/edged/web"
)

// carouselTag is the strong ETag of /edged.js.
var carouselTag = func() string {
	sum := sha256.Sum256(web.Carousel)
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}()

// carousel answers GET /edged.js: the web component that shows what this API answers.
func (s *Server) carousel(c *call) *problem {
	c.out = append(c.out, web.Carousel...)
	c.contentType = "text/javascript; charset=utf-8"
	c.cacheable = releaseMaxAge
	c.etag = append(c.etag, carouselTag...)
	return nil
}
