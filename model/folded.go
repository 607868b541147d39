package model

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/edged/edged/snapshot"
)

// Folded is an entry of an overlay that the catalogue was made with: nodes no longer need it, nor older ones of the same register.
type Folded struct {
	Key   string // of the register
	Stamp uint64
	Node  string // who wrote it
}

const foldedSize = 24

// folded are a catalogue's, by key.
type folded []foldedEntry

type foldedEntry struct{ key, stamp, node uint64 } // key and node by XXH64

// Folds reports whether the catalogue was made with an entry of an overlay, or with one that replaced it.
func (m *Model) Folds(key string, stamp uint64, node string) bool {
	if len(m.catalogue.folded) == 0 {
		return false
	}
	hash := xxhash.Sum64String(key)
	i, ok := slices.BinarySearchFunc(m.catalogue.folded, hash, func(e foldedEntry, key uint64) int { return cmp.Compare(e.key, key) })
	if !ok {
		return false
	}
	e := m.catalogue.folded[i]
	return stamp < e.stamp || stamp == e.stamp && xxhash.Sum64String(node) == e.node
}

func (b *Build) foldedSection() ([]snapshot.Section, error) {
	if len(b.Folded) == 0 {
		return nil, nil
	}
	list := make(folded, 0, len(b.Folded))
	for _, f := range b.Folded {
		list = append(list, foldedEntry{xxhash.Sum64String(f.Key), f.Stamp, xxhash.Sum64String(f.Node)})
	}
	slices.SortFunc(list, func(a, b foldedEntry) int { return cmp.Compare(a.key, b.key) })
	var out []byte
	for _, e := range list {
		for _, x := range [...]uint64{e.key, e.stamp, e.node} {
			out = binary.LittleEndian.AppendUint64(out, x)
		}
	}
	if _, err := decodeFolded(out); err != nil {
		return nil, err
	}
	return []snapshot.Section{{Name: secFolded, Flags: snapshot.Hot, Elem: 8, Data: out}}, nil
}

func decodeFolded(b []byte) (folded, error) {
	if len(b)%foldedSize != 0 {
		return nil, fmt.Errorf("%s: %d bytes are no multiple of %d", secFolded, len(b), foldedSize)
	}
	list := make(folded, 0, len(b)/foldedSize)
	for ; len(b) > 0; b = b[foldedSize:] {
		e := foldedEntry{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])}
		if len(list) > 0 && list[len(list)-1].key >= e.key {
			return nil, fmt.Errorf("%s: entry %d is out of order", secFolded, len(list))
		}
		list = append(list, e)
	}
	return list, nil
}

// maxFolded bounds the section, in bytes.
const maxFolded = foldedSize << 20

// openFolded reads which entries of an overlay the catalogue was made with; there need not be any.
func (c *catalogue) openFolded(sec *sections) (err error) {
	if _, ok := sec.file.Len(secFolded); !ok {
		return nil
	}
	b := sec.bytes(secFolded, maxFolded)
	if sec.err != nil {
		return sec.err
	}
	c.folded, err = decodeFolded(b)
	return err
}
