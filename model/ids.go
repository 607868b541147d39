package model

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"

	"github.com/cespare/xxhash/v2"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/kernel"
)

// ids maps rows to item ids and back. It is immutable.
type ids struct {
	text string   // all ids, one after the other
	offs []uint32 // row i: text[offs[i]:offs[i+1]]
	hash []uint32 // open addressing: a row, or noRow
}

const noRow = uint32(edged.NoRow)

func (t *ids) len() int { return len(t.offs) - 1 }

func (t *ids) id(row edged.Row) string { return t.text[t.offs[row]:t.offs[row+1]] }

func (t *ids) row(id string) (edged.Row, bool) {
	return t.find(xxhash.Sum64String(id), func(row uint32) bool { return t.id(edged.Row(row)) == id })
}

func (t *ids) rowOfBytes(id []byte) (edged.Row, bool) {
	return t.find(xxhash.Sum64(id), func(row uint32) bool { return t.id(edged.Row(row)) == string(id) })
}

// find probes from the hash's own slot on; check has seen that an empty slot ends every chain.
func (t *ids) find(hash uint64, is func(row uint32) bool) (edged.Row, bool) {
	mask := uint64(len(t.hash) - 1)
	for slot := hash & mask; ; slot = (slot + 1) & mask {
		switch row := t.hash[slot]; {
		case row == noRow:
			return edged.NoRow, false
		case is(row):
			return edged.Row(row), true
		}
	}
}

// appendRows finds ids together: slots, offsets and texts of all are fetched before the first of them is waited for.
func (t *ids) appendRows(dst []edged.Row, ids [][]byte) []edged.Row {
	var hashes [together]uint64
	for ; len(ids) > 0; ids = ids[min(len(ids), together):] {
		some := ids[:min(len(ids), together)]
		for i, id := range some {
			hashes[i] = xxhash.Sum64(id)
			kernel.Fetch(t.hash[hashes[i]&uint64(len(t.hash)-1):][:1])
		}
		for i := range some {
			if row := t.hash[hashes[i]&uint64(len(t.hash)-1)]; row != noRow {
				kernel.Fetch(t.offs[row : row+1])
			}
		}
		for i := range some { // an id's own slot nearly always has it
			if row := t.hash[hashes[i]&uint64(len(t.hash)-1)]; row != noRow {
				kernel.FetchText(t.text[t.offs[row]:t.offs[row+1]])
			}
		}
		for i, id := range some {
			row, _ := t.find(hashes[i], func(row uint32) bool { return t.id(edged.Row(row)) == string(id) })
			dst = append(dst, row)
		}
	}
	return dst
}

const together = 64

// hashSize is the least power of two ≥ 2n, at least 2: half of the slots stay empty.
func hashSize(n int) int {
	if n < 1 {
		return 2
	}
	return 1 << bits.Len(uint(2*n-1))
}

func newIDs(list []string) (*ids, error) {
	t := &ids{offs: make([]uint32, 1, len(list)+1), hash: make([]uint32, hashSize(len(list)))}
	var text []byte
	for _, id := range list {
		text = append(text, id...)
		if uint64(len(text)) > maxText {
			return nil, fmt.Errorf("ids: more than %d bytes", uint64(maxText))
		}
		t.offs = append(t.offs, uint32(len(text)))
	}
	t.text = string(text)
	for i := range t.hash {
		t.hash[i] = noRow
	}
	for row, id := range list {
		t.enter(uint32(row), id)
	}
	return t, t.check()
}

func (t *ids) enter(row uint32, id string) {
	mask := uint64(len(t.hash) - 1)
	slot := xxhash.Sum64String(id) & mask
	for t.hash[slot] != noRow {
		slot = (slot + 1) & mask
	}
	t.hash[slot] = row
}

// check makes every later lookup safe: offsets in range, ids valid, and the hash table holding each row once, where its
// id finds it, so that no id is there twice.
func (t *ids) check() error {
	if err := checkOffsets(t.offs, len(t.text)); err != nil {
		return fmt.Errorf("ids.offs: %w", err)
	}
	for row := range edged.Row(t.len()) {
		if err := edged.ValidID(t.id(row)); err != nil {
			return fmt.Errorf("ids.text: row %d: %w", row, err)
		}
	}
	return t.checkHash()
}

func (t *ids) checkHash() error {
	if want := hashSize(t.len()); len(t.hash) != want {
		return fmt.Errorf("ids.hash: %d slots, want %d", len(t.hash), want)
	}
	used := 0
	for slot, row := range t.hash {
		if row == noRow {
			continue
		}
		if uint64(row) >= uint64(t.len()) {
			return fmt.Errorf("ids.hash: slot %d holds row %d of %d", slot, row, t.len())
		}
		used++
	}
	if used != t.len() {
		return fmt.Errorf("ids.hash: %d slots taken, want %d", used, t.len())
	}
	for row := range edged.Row(t.len()) {
		if got, ok := t.row(t.id(row)); !ok || got != row {
			return fmt.Errorf("ids.hash: id %q of row %d is not found", t.id(row), row)
		}
	}
	return nil
}

// digest names the row space: files about the same rows carry the same digest.
func (t *ids) digest() string {
	h := sha256.New()
	var size [4]byte
	for row := range edged.Row(t.len()) {
		id := t.id(row)
		binary.LittleEndian.PutUint32(size[:], uint32(len(id)))
		h.Write(size[:])
		h.Write([]byte(id))
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// checkOffsets checks n+1 offsets into size bytes: from 0, never falling, to the end.
func checkOffsets(offs []uint32, size int) error {
	if len(offs) == 0 || offs[0] != 0 {
		return fmt.Errorf("does not begin with 0")
	}
	for i := 1; i < len(offs); i++ {
		if offs[i] < offs[i-1] {
			return fmt.Errorf("entry %d: %d after %d", i, offs[i], offs[i-1])
		}
	}
	if last := offs[len(offs)-1]; uint64(last) != uint64(size) {
		return fmt.Errorf("ends with %d, want %d", last, size)
	}
	return nil
}
