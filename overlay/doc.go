// Package overlay holds what is to be different from the release until the next one: items that are not available, prices, boosts, and
// new items.
//
// It is a map of registers, one for each field of each item. Whoever writes a register replaces what any node wrote there before, if its write is
// newer: by stamp (hybrid logical time), then by node, then by value. So nodes that have heard the same writes, in whatever order and however
// often, hold the same. A write counts until a time it names, and is remembered for Remember after it was made: no older one outlives it.
//
// A Store is the registers of one node: durable before Write returns, and what others wrote within a moment (Flush). Spreading them is
// package cluster's; what they do to answers is package rank's. FORMAT.md has the bytes.
package overlay

import (
	"errors"
	"time"
)

// Limits of an overlay, the same on all nodes.
const (
	MaxEntries = 10_000 // that count; a Write of more is refused
	MaxItems   = 500    // new items among them
	MaxBoosts  = 500    // boosts among them
	MaxFactor  = 100    // of a boost, and its inverse the least
	MaxPrice   = 1e12
	MaxChanges = 1000 // of one Write

	// Remember is how long a write is remembered, and so how long it may count at most.
	Remember = 30 * 24 * time.Hour

	maxAhead   = 5 * time.Minute // of the clock, for a write of another node
	maxHeld    = 2 * MaxEntries  // what is remembered, removals and what was written elsewhere at once included
	maxNode    = 64              // bytes of a node's name
	maxContent = 2 << 10         // bytes of a new item, packed
	maxItem    = 8 << 10         // bytes of its JSON
)

// ErrFull is wrapped by the error of a Write for which there is no room.
var ErrFull = errors.New("overlay is full")
