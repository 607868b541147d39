// Package edged holds the words every other package speaks: events, items, rows, limits.
//
// It imports nothing of the project, so that any package may import it. See docs/ARCHITECTURE.md
// for the layers above.
package edged
