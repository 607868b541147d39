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

// hasOwnID says whether a record came with an id.
func hasOwnID(rec []byte) bool {
	bits, _ := binary.Uvarint(rec)
	return bits&(hasKey|hasID) != 0
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

// withoutKey returns the record a derived id was derived from, and false where the id can be no derived one.
func withoutKey(dst, rec []byte) ([]byte, bool) {
	bits, w := binary.Uvarint(rec)
	if bits&hasKey == 0 {
		return dst, false
	}
	dst = binary.AppendUvarint(dst[:0], bits&^hasKey)
	return append(dst, rec[w+len(key{}):]...), true
}

// deduper drops from a day's rows those the directory, or an earlier row, has.
//
// Equal rows have ids that follow from the row and a count. Where a directory has the first n of them, as it does unless
// events were brought with ids, that number stands for them: a million equal rows take the room of one.
type deduper struct {
	rows   map[key]equals // by hash of the row
	ids    map[key]bool   // others: true where the day has it, false where the input will ask for it
	pass   uint32
	passes uint32
	rec    []byte
	bare   []byte
}

// equals counts equal rows.
type equals struct {
	known uint64 // the day has the ids of the first so many
	seen  uint64 // so many were in the file that is read
	file  int
}

// passesFor returns how many passes keep the ids of n events within the limit.
func passesFor(n, limit int64) uint32 { return uint32((n + limit - 1) / limit) }

func newDeduper(pass, passes uint32) *deduper {
	return &deduper{rows: map[key]equals{}, ids: map[key]bool{}, pass: pass, passes: passes}
}

// mine says whether a key belongs to this pass.
func (d *deduper) mine(k key) bool {
	return binary.LittleEndian.Uint32(k[:])%d.passes == d.pass
}

// expect prepares for a row of the input. All that have an id are to be expected before anything is learned: what is
// known by number alone is looked up by id no more.
func (d *deduper) expect(rec []byte) {
	if id, has := keyOf(rec); has && d.mine(id) {
		d.ids[id] = false
	}
}

// learn remembers what the directory already has.
func (d *deduper) learn(rec []byte) {
	id, has := keyOf(rec)
	if !has || !d.mine(id) {
		return
	}
	if !d.next(rec, id) {
		d.ids[id] = true
		return
	}
	d.meet(id)
}

// next counts a record whose id is the next that follows from its row, and says whether it is one.
func (d *deduper) next(rec []byte, id key) bool {
	var derived bool
	if d.bare, derived = withoutKey(d.bare, rec); !derived {
		return false
	}
	h := sha256.Sum256(d.bare)
	row := key(h[:])
	e := d.rows[row]
	if string(id[:4]) != string(h[:4]) || id != derive(&h, e.known) {
		return false
	}
	e.known++
	d.rows[row] = e
	return true
}

// meet notes that the day has an id that a number stands for, if anyone will ask for it.
func (d *deduper) meet(id key) {
	if _, asked := d.ids[id]; asked {
		d.ids[id] = true
	}
}

// fresh returns the record, with an id, of a row that is new. ours is false when the row belongs to another pass.
// The record is valid until the next call.
func (d *deduper) fresh(file int, rec []byte) (out []byte, ours bool) {
	id, has := keyOf(rec)
	if !has {
		return d.freshRow(file, rec)
	}
	if !d.mine(id) {
		return nil, false
	}
	if d.ids[id] {
		return nil, true
	}
	d.ids[id] = true
	return rec, true
}

// freshRow is fresh for a row without id: the next of those equal to it in its file.
func (d *deduper) freshRow(file int, rec []byte) (out []byte, ours bool) {
	h := sha256.Sum256(rec)
	row := key(h[:])
	if !d.mine(row) {
		return nil, false
	}
	e := d.rows[row]
	if e.file != file {
		e.seen, e.file = 0, file
	}
	k := e.seen
	e.seen++
	known := k < e.known
	if !known {
		e.known = e.seen
		id := derive(&h, k)
		if known = d.ids[id]; !known {
			d.meet(id)
			d.rec = withKey(d.rec, rec, id)
		}
	}
	d.rows[row] = e
	if known {
		return nil, true
	}
	return d.rec, true
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
