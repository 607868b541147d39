// Package serve is the public face of a node: HTTP in, ranked items out, events in.
//
// # A request
//
//	strict HTTP checks → route → who calls, and may it → decode and check → one load of the current release → rank → append JSON
//
// The release is loaded once per request and everything in the answer comes from it, so an answer belongs wholly to
// one release, whatever is swapped meanwhile. Ids are turned into rows only after that load and never outlive it.
//
// # Memory
//
// A request works in a call: a reused set of buffers that belongs to one goroutine at a time. What the caller sent is
// read in place from fasthttp's buffers, which are reused once the handler returns; whatever outlives it (events) is
// copied. In steady state GET /v1/recommend allocates nothing.
//
// # Errors
//
// Handlers return a *problem; problemOf is the one place that maps errors to a status, and every error answer is an
// RFC 9457 document that names the parameter or key at fault. A panic is our bug: it is counted, logged and answered
// with a 500, and the node lives on.
//
// # Visitors
//
// caller.go decides who calls and for whom it may ask; an opt-out (Sec-GPC, or a token that says no) is known before anything is looked up
// or stored. token.go carries the visitor's token in and out, profile.go shows, limits and forgets it.
//
// # Admin
//
// AdminHandler serves metrics, release control, cluster members and profiles with net/http. It belongs on another
// listener, on loopback or behind a key.
package serve
