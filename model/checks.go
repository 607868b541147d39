package model

import (
	"encoding/binary"
	"fmt"

	"github.com/edged/edged"
)

// encodeChecks returns the section checks.
func encodeChecks(checks []Check) []byte {
	out := binary.LittleEndian.AppendUint32(nil, uint32(len(checks)))
	for _, c := range checks {
		out = binary.LittleEndian.AppendUint32(out, uint32(len(c.Recent)))
		out = binary.LittleEndian.AppendUint32(out, uint32(len(c.Hits)))
		for _, row := range c.Recent {
			out = binary.LittleEndian.AppendUint32(out, uint32(row))
		}
		for _, h := range c.Hits {
			out = appendHit(out, h.Row, h.Score)
		}
	}
	return out
}

// words takes u32 after u32 off a section; past the end it gives zeros and remembers.
type words struct {
	b     []byte
	short bool
}

func (w *words) next() uint32 {
	if len(w.b) < 4 {
		w.short = true
		return 0
	}
	v := binary.LittleEndian.Uint32(w.b)
	w.b = w.b[4:]
	return v
}

// decodeChecks reads the section over n rows.
func decodeChecks(b []byte, n int) ([]Check, error) {
	w := &words{b: b}
	count := w.next()
	if count > MaxChecks {
		return nil, fmt.Errorf("checks: %d of them, at most %d", count, MaxChecks)
	}
	var checks []Check
	for i := range count {
		c, err := decodeCheck(w, n)
		if err != nil {
			return nil, fmt.Errorf("checks: %d: %w", i, err)
		}
		checks = append(checks, c)
	}
	if w.short || len(w.b) > 0 {
		return nil, fmt.Errorf("checks: too short, or %d bytes too long", len(w.b))
	}
	return checks, nil
}

func decodeCheck(w *words, n int) (c Check, err error) {
	recent, found := w.next(), w.next()
	if recent > edged.MaxRecent || found > edged.MaxN {
		return c, fmt.Errorf("%d recent rows and %d hits, at most %d and %d", recent, found, edged.MaxRecent, edged.MaxN)
	}
	if uint64(len(w.b)) < 4*uint64(recent)+hitSize*uint64(found) {
		return c, fmt.Errorf("%d bytes for %d recent rows and %d hits", len(w.b), recent, found)
	}
	for range recent {
		row := edged.Row(w.next())
		if uint64(row) >= uint64(n) {
			return c, fmt.Errorf("recent row %d of %d", row, n)
		}
		c.Recent = append(c.Recent, row)
	}
	for range found {
		c.Hits = append(c.Hits, readHit(w.b))
		w.b = w.b[hitSize:]
	}
	return c, checkHits(c.Hits, n)
}
