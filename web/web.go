// Package web holds the pages as files, embedded in the binary: the carousel web component and the demo's storefront.
//
// They are written by hand and served as they are; there is no build step. Nothing in them loads anything from elsewhere, and
// they work under a Content-Security-Policy without 'unsafe-inline' (the tests keep both true). The bytes are
// shared by all callers: do not change them.
package web

import (
	"embed"
	"io/fs"
)

// Carousel is /edged.js, the component <edged-carousel>: an ES module without dependencies.
//
//go:embed assets/edged.js
var Carousel []byte

//go:embed assets
var assets embed.FS

// Storefront is the demo's page: index.html, style.css, shop.js, edged.js, icon.svg.
func Storefront() fs.FS {
	sub, err := fs.Sub(assets, "assets")
	if err != nil {
		panic("BUG: embedded assets: " + err.Error())
	}
	return sub
}
