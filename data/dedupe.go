package data

import (
	"context"
	"crypto/sha256"
	"encoding/binary"

	"github.com/edged/edged"
)

// keyOf returns the identity of an event record that has an id, and false where it has none.
func keyOf(rec []byte) (k key, ok bool) {
	bits, w := binary.Uvarint(rec)
	switch {
	case w <= 0:
		return k, false
	case bits&hasKey != 0:
		return key(rec[w:]), true
	case bits&hasID != 0:
		n, v := binary.Uvarint(rec[w:])
		return textKey(rec[w+v:][:n]), true
	}
	return k, false
}

// textKey is the identity of an id that is no derived one.
func textKey(id []byte) key {
	h := sha256.Sum256(id)
	return key(h[:])
}

// derive returns the id of the k-th of equal rows whose hash is h.
func derive(h *[sha256.Size]byte, k uint64) (id key) {
	var b [sha256.Size + 8]byte
	copy(b[:], h[:])
	binary.LittleEndian.PutUint64(b[sha256.Size:], k)
	second := sha256.Sum256(b[:])
	copy(id[:4], h[:4])
	copy(id[4:], second[:])
	return id
}

// withKey returns a record without id as one with a derived id.
func withKey(dst, rec []byte, id key) []byte {
	bits, w := binary.Uvarint(rec)
	dst = binary.AppendUvarint(dst[:0], bits|hasKey)
	return append(append(dst, id[:]...), rec[w:]...)
}

// deduper drops from a day's rows those the directory, or an earlier row, has.
type deduper struct {
	known  map[key]struct{}
	counts map[key]uint64 // by hash of the row: how many like it the current file had
	file   int
	pass   uint32
	passes uint32
	rec    []byte
}

// passesFor returns how many passes keep the ids of n events within the limit.
func passesFor(n, limit int64) uint32 { return uint32((n + limit - 1) / limit) }

func newDeduper(pass, passes uint32) *deduper {
	return &deduper{known: map[key]struct{}{}, counts: map[key]uint64{}, pass: pass, passes: passes, file: -1}
}

// mine says whether a key belongs to this pass.
func (d *deduper) mine(k key) bool {
	return binary.LittleEndian.Uint32(k[:])%d.passes == d.pass
}

// learn remembers what the directory already has.
func (d *deduper) learn(rec []byte) {
	if k, ok := keyOf(rec); ok && d.mine(k) {
		d.known[k] = struct{}{}
	}
}

// fresh returns the record, with an id, of a row that is new. ours is false when the row belongs to another pass.
// The record is valid until the next call.
func (d *deduper) fresh(file int, rec []byte) (out []byte, ours bool) {
	if file != d.file {
		clear(d.counts)
		d.file = file
	}
	id, has := keyOf(rec)
	if !has {
		h := sha256.Sum256(rec)
		row := key(h[:])
		if !d.mine(row) {
			return nil, false
		}
		id = derive(&h, d.counts[row])
		d.counts[row]++
		d.rec = withKey(d.rec, rec, id)
		rec = d.rec
	}
	if !d.mine(id) {
		return nil, false
	}
	if _, known := d.known[id]; known {
		return nil, true
	}
	d.known[id] = struct{}{}
	return rec, true
}

// daySegments returns the segments of a day.
func (d *Dir) daySegments(day string) (list []segment, events int64) {
	for _, s := range d.m.Events {
		if s.Day == day {
			list = append(list, s)
			events += s.Count
		}
	}
	return list, events
}

// learnDay teaches a deduper a day's events.
func (d *Dir) learnDay(ctx context.Context, list []segment, to *deduper) error {
	for i := range list {
		err := d.scan(ctx, eventsDir, &list[i], EventSegment, func(r *SegmentReader, rec []byte) error {
			var e edged.Event
			if err := r.dec.event(&e, rec); err != nil {
				return r.corrupt(err)
			}
			to.learn(rec)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
