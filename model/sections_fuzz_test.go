package model

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/testkit"
	"github.com/edged/edged/snapshot"
)

// withSections is a snapshot with some of its sections' bytes replaced, cut to whole elements, checksums and all.
func withSections(t testing.TB, b []byte, kind string, data map[string][]byte) []byte {
	t.Helper()
	list := sectionsOf(t, b, kind)
	for name, bytes := range data {
		i := slices.IndexFunc(list, func(s snapshot.Section) bool { return s.Name == name })
		list[i].Data = bytes[:len(bytes)/int(list[i].Elem)*int(list[i].Elem)]
	}
	return assemble(t, kind, list)
}

// sectionRoom is what opening a release of files of n bytes may allocate (FORMAT.md).
func sectionRoom(n int) int { return 64*n + 64<<10 }

// mapped is a sample with a map from words to vectors, and a catalogue made with an overlay.
func mapped(t testing.TB) (model, catalogue []byte) {
	t.Helper()
	b := sample(9)
	b.Content = &Content{Features: []string{"brand acme", "mug", "red mug"}, Rarity: []float32{1, 2, 3}}
	for i := range 3 * b.Meta.Dim {
		b.Content.Vectors = append(b.Content.Vectors, float32(i)-7)
	}
	b.Folded = []Folded{{Key: "aone", Stamp: 7, Node: "n"}, {Key: "ptwo", Stamp: 8, Node: "m"}}
	return b.bytes(t)
}

// A map from words to vectors is refused, or gives every item a vector; opening it takes memory in proportion.
func FuzzWords(f *testing.F) {
	model, catalogue := mapped(f)
	var good [5][]byte
	for _, s := range sectionsOf(f, model, ModelKind) {
		if i := slices.Index(contentSections(), s.Name); i >= 0 {
			good[i] = s.Data
		}
	}
	f.Add(good[0], good[1], good[2], good[3], good[4])
	f.Add(binary.LittleEndian.AppendUint32(good[0][:12:12], 1<<31), good[1], good[2], good[3], good[4])
	many := make([]byte, 4*4000)
	f.Add(many, []byte{}, many[4:], many[4:], many[4:])
	item := edged.Item{ID: "new", Title: "Red mugs", Brand: "Acme"}
	f.Fuzz(func(t *testing.T, offs, text, rarity, codes, scales []byte) {
		spoilt := map[string][]byte{}
		for i, b := range [][]byte{offs, text, rarity, codes, scales} {
			spoilt[contentSections()[i]] = b
		}
		file := withSections(t, model, ModelKind, spoilt)
		var m *Model
		var err error
		testkit.Bounded(t, sectionRoom(len(file)+len(catalogue)), func() { m, err = Parse(file, catalogue) })
		if err != nil {
			return
		}
		v, err := m.AppendContent(nil, &item)
		if err != nil || len(v) != m.Dim() {
			t.Fatalf("%d numbers, %v", len(v), err)
		}
		again := &Build{ContentOf: m}
		sections, err := again.encodeContent()
		if err != nil || m.MapsContent() && len(sections) != len(spoilt) {
			t.Fatalf("%d sections, %v", len(sections), err)
		}
		for _, s := range sections {
			if want := spoilt[s.Name]; !bytes.HasPrefix(want, s.Data) {
				t.Fatalf("%s: other bytes than were read", s.Name)
			}
		}
	})
}

// Which entries of an overlay a catalogue was made with is refused, or is what is asked for.
func FuzzFolded(f *testing.F) {
	model, catalogue := mapped(f)
	list := sectionsOf(f, catalogue, CatalogueKind)
	good := list[slices.IndexFunc(list, func(s snapshot.Section) bool { return s.Name == secFolded })].Data
	f.Add(good)
	f.Add(good[:foldedSize-8])
	f.Add(slices.Concat(good[foldedSize:], good[:foldedSize]))
	f.Add(make([]byte, 1<<16))
	f.Fuzz(func(t *testing.T, b []byte) {
		file := withSections(t, catalogue, CatalogueKind, map[string][]byte{secFolded: b})
		var m *Model
		var err error
		testkit.Bounded(t, sectionRoom(len(model)+len(file)), func() { m, err = Parse(model, file) })
		if err != nil {
			return
		}
		var last uint64
		for i := range len(b) / foldedSize {
			e := b[i*foldedSize:]
			key, stamp := binary.LittleEndian.Uint64(e), binary.LittleEndian.Uint64(e[8:])
			if i > 0 && key <= last {
				t.Fatalf("entry %d is out of order, and taken", i)
			}
			if last = key; m.catalogue.folded[i] != (foldedEntry{key, stamp, binary.LittleEndian.Uint64(e[16:])}) {
				t.Fatalf("entry %d is %+v", i, m.catalogue.folded[i])
			}
		}
		m.Folds("aone", 7, "n")
	})
}
