package model

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/edged/edged"
	"github.com/edged/edged/index"
	"github.com/edged/edged/snapshot"
)

// sectionsOf takes a snapshot apart.
func sectionsOf(t testing.TB, b []byte, kind string) []snapshot.Section {
	t.Helper()
	f, err := snapshot.Parse(b, kind, nil)
	if err != nil {
		t.Fatal(err)
	}
	list := f.Sections()
	for i := range list {
		n, _ := f.Len(list[i].Name)
		if list[i].Data, err = f.ReadAt(nil, list[i].Name, 0, n); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

func assemble(t testing.TB, kind string, list []snapshot.Section) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := snapshot.Write(&b, kind, list); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// spoil changes one section and writes the file again, checksums and all.
func spoil(t testing.TB, b []byte, kind, name string, change func([]byte) []byte) []byte {
	t.Helper()
	list := sectionsOf(t, b, kind)
	for i := range list {
		if list[i].Name == name {
			list[i].Data = change(slices.Clone(list[i].Data))
			return assemble(t, kind, list)
		}
	}
	t.Fatalf("no section %s", name)
	return nil
}

func put32(at int, v uint32) func([]byte) []byte {
	return func(b []byte) []byte { binary.LittleEndian.PutUint32(b[4*at:], v); return b }
}

func putFloat(at int, v float64) func([]byte) []byte { return put32(at, math.Float32bits(float32(v))) }

func replace(old, new string) func([]byte) []byte {
	return func(b []byte) []byte {
		if !bytes.Contains(b, []byte(old)) {
			panic("nothing to replace: " + old)
		}
		return bytes.Replace(b, []byte(old), []byte(new), 1)
	}
}

func swap32(i, j int) func([]byte) []byte {
	return func(b []byte) []byte {
		v := snapshot.U32s(b)
		v[i], v[j] = v[j], v[i]
		return snapshot.Bytes(v)
	}
}

func TestOpenRefusesAModelThatLies(t *testing.T) {
	model, catalogue := sample(70).bytes(t)
	for _, tc := range []struct {
		section string
		change  func([]byte) []byte
		want    string
	}{
		{secMeta, replace(`"format":4`, `"format":5`), "format 5"},
		{secMeta, replace(`"items":70`, `"items":71`), secIDOffs},
		{secMeta, replace(`"items":70`, `"items":-1`), "items is -1"},
		{secMeta, replace(`"dim":5`, `"dim":0`), "dim is 0"},
		{secMeta, replace(`"dim":5`, `"dim":9`), secCodes},
		{secMeta, replace(`"reg":0.01`, `"reg":0`), "reg is 0"},
		{secMeta, replace(`"nu":1`, `"nu":99`), "nu is 99"},
		{secMeta, replace(`"neighbours":2`, `"neighbours":3`), secNeighbours},
		{secMeta, replace(`"rows":"sha256:`, `"rows":"sha256:0`), "the ids give"},
		{secMeta, func(b []byte) []byte { return b[:len(b)-1] }, "unexpected end"},
		{secIDOffs, put32(0, 1), "begin with 0"},
		{secIDOffs, put32(5, 1<<31), secIDOffs},
		{secIDOffs, put32(70, 5), secIDOffs},
		{secIDOffs, put32(1, 0), "row 0: id: empty"},
		{secIDText, replace("item-0005", "item-0004"), "not found"},
		{secIDText, replace("item-0005", "\xfftem-0005"), "not UTF-8"},
		{secIDText, func(b []byte) []byte { return b[1:] }, secIDOffs},
		{secIDHash, func(b []byte) []byte { return b[:len(b)/2] }, "want 1024"},
		{secIDHash, func(b []byte) []byte { return fill32(b, 3) }, "slots taken"},
		{secIDHash, func(b []byte) []byte { return fill32(b, 70) }, "row 70 of 70"},
		{secIDHash, swapTaken, "not found"},
		{secCodes, func(b []byte) []byte { return b[8:] }, secCodes},
		{secCodes, func(b []byte) []byte { return append(b[:8*69], 127, 127, 127, 127, 127, 127, 127, 127) }, "must come before"},
		{secScales, putFloat(3, math.NaN()), "scale NaN"},
		{secScales, putFloat(3, -1), "scale -1"},
		{secScales, putFloat(0, 1e-9), "must come before"},
		{secOrder, put32(3, 70), "row 70 of 70"},
		{secOrder, swap32(0, 1), secPlace},
		{secOrder, func(b []byte) []byte { return put32(1, snapshot.U32s(b)[0])(b) }, "twice"},
		{secPlace, swap32(0, 1), secPlace},
		{secPlace, put32(0, 1<<30), secPlace},
		{secGram, putFloat(2, math.Inf(1)), secGram},
		{secGram, putFloat(2, -1), secGram},
		{secPopularity, putFloat(2, math.NaN()), secPopularity},
		{secPopularity, putFloat(2, 1e9), "out of order"},
		{secPopular, swap32(3, 4), "out of order"},
		{secPopular, put32(3, 70), "row 70 of 70"},
		{secTrendLists, replace(`"hits":3`, `"hits":4`), secTrendHits},
		{secTrendLists, replace(`"hits":3`, `"hits":2`), secTrendHits},
		{secTrendLists, replace(`"hits":3`, `"hits":-3`), secTrendLists},
		{secTrendLists, replace(`"hits":3`, `"hits":501`), secTrendLists},
		{secTrendLists, replace(`GB`, `AB`), "does not come after"},
		{secTrendLists, replace(`{`, `[`), secTrendLists},
		{secTrendHits, put32(0, 70), "row 70 of 70"},
		{secTrendHits, put32(0, 2), "twice"},
		{secTrendHits, putFloat(1, math.Inf(1)), "score +Inf"},
		{secTrendHits, putFloat(1, 0), "out of order"},
		{secNeighbours, put32(0, 0), "its own neighbour"},
		{secNeighbours, put32(0, 70), "row 70 of 70"},
		{secNeighbours, putFloat(1, -9), secNeighbours},
		{secNeighbours, put32(0, ^uint32(0)), "behind the last"},
		{secChecks, put32(0, 999), "at most 256"},
		{secChecks, put32(0, 3), "too short"},
		{secChecks, put32(0, 1), "too long"},
		{secChecks, put32(1, 1e9), "at most 200"},
		{secChecks, put32(2, 400), "bytes for"},
		{secChecks, put32(3, 70), "recent row 70"},
		{secChecks, put32(5, 70), "row 70 of 70"},
	} {
		_, err := Parse(spoil(t, model, ModelKind, tc.section, tc.change), catalogue)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q in it", tc.section, err, tc.want)
		}
	}
}

func fill32(b []byte, v uint32) []byte {
	for i := range len(b) / 4 {
		put32(i, v)(b)
	}
	return b
}

// swapTaken exchanges an empty slot with a taken one.
func swapTaken(b []byte) []byte {
	v := snapshot.U32s(b)
	taken := slices.IndexFunc(v, func(row uint32) bool { return row != noRow })
	empty := slices.Index(v, noRow)
	v[taken], v[empty] = v[empty], v[taken]
	return snapshot.Bytes(v)
}

func TestOpenRefusesACatalogueThatLies(t *testing.T) {
	model, catalogue := sample(70).bytes(t)
	for _, tc := range []struct {
		section string
		change  func([]byte) []byte
		want    string
	}{
		{secMeta, replace(`"format":1`, `"format":0`), "format 0"},
		{secMeta, replace(`"items":70`, `"items":69`), "another model"},
		{secMeta, replace(`"title"`, `"titel"`), "titel"},
		{secMeta, replace(`"title"`, `"price"`), "price"},
		{secMeta, replace(`{`, ``), "meta"},
		{secAvailable, func(b []byte) []byte { return b[8:] }, secAvailable},
		{secAvailable, func(b []byte) []byte { b[15] = 0x80; return b }, "behind row 69"},
		{secExpires, func(b []byte) []byte { return append(b[16:32], b[:16]...) }, "out of order"},
		{secExpires, put32(2, 70), "row 70 of 70"},
		{secExpires, put32(1, 1<<31), "time -"},
		{secExpires, put32(3, 1), secExpires},
		{"title.offs", func(b []byte) []byte { return b[4:] }, "title.offs"},
		{"title.offs", put32(0, 1), "title.offs"},
		{"title.offs", put32(1, 5), "title.json: row 0: not a JSON value"},
		{"title.offs", put32(1, 1<<30), "title.offs"},
		{"title.offs", put32(70, 1), "title.offs"},
		{"title.json", func(b []byte) []byte { return b[:len(b)-1] }, "title.offs"},
		{"title.json", func(b []byte) []byte { return append(b, '1') }, "title.offs"},
		{"title.json", replace("☕", "\xff\xff\xff"), "not a JSON value"},
		{"title.json", replace(`"`, `x`), "not a JSON value"},
	} {
		_, err := Parse(model, spoil(t, catalogue, CatalogueKind, tc.section, tc.change))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q in it", tc.section, err, tc.want)
		}
	}
}

func TestOpenRefusesWithoutAnySection(t *testing.T) {
	model, catalogue := sample(70).bytes(t)
	for _, s := range sectionsOf(t, model, ModelKind) {
		if _, err := Parse(without(t, model, ModelKind, s.Name, false), catalogue); err == nil {
			t.Errorf("model without %s: no error", s.Name)
		}
		if s.Flags&snapshot.Hot == 0 {
			continue
		}
		if _, err := Parse(without(t, model, ModelKind, s.Name, true), catalogue); err == nil {
			t.Errorf("model with cold %s: no error", s.Name)
		}
	}
	for _, s := range sectionsOf(t, catalogue, CatalogueKind) {
		if _, err := Parse(model, without(t, catalogue, CatalogueKind, s.Name, false)); err == nil {
			t.Errorf("catalogue without %s: no error", s.Name)
		}
	}
}

// without leaves a section out, or only takes its hot flag.
func without(t *testing.T, b []byte, kind, name string, keepCold bool) []byte {
	list := sectionsOf(t, b, kind)
	i := slices.IndexFunc(list, func(s snapshot.Section) bool { return s.Name == name })
	if keepCold {
		list[i].Flags &^= snapshot.Hot
	} else {
		list = slices.Delete(list, i, i+1)
	}
	return assemble(t, kind, list)
}

func TestUnknownSections(t *testing.T) {
	model, catalogue := sample(70).bytes(t)
	extra := append(sectionsOf(t, model, ModelKind), snapshot.Section{Name: "new", Data: []byte("x")})
	if _, err := Parse(assemble(t, ModelKind, extra), catalogue); err != nil {
		t.Errorf("a section one may ignore: %v", err)
	}
	extra[len(extra)-1].Flags = snapshot.Critical
	if _, err := Parse(assemble(t, ModelKind, extra), catalogue); err == nil {
		t.Error("an unknown critical section: no error")
	}
}

func TestBuildRefuses(t *testing.T) {
	nan := float32(math.NaN())
	for name, change := range map[string]func(*Build){
		"ids out of order":     func(b *Build) { b.IDs[3] = "zzz" },
		"id twice":             func(b *Build) { b.IDs[3] = b.IDs[2] },
		"empty id":             func(b *Build) { b.IDs[0] = "" },
		"id too long":          func(b *Build) { b.IDs[69] = strings.Repeat("x", edged.MaxIDLen+1) },
		"vectors too short":    func(b *Build) { b.Vectors = b.Vectors[1:] },
		"NaN in a vector":      func(b *Build) { b.Vectors[7] = nan },
		"gram too short":       func(b *Build) { b.Gram = []float32{1} },
		"NaN gram":             func(b *Build) { b.Gram = []float32{1, 1, nan, 1, 1} },
		"popularity too short": func(b *Build) { b.Popularity = nil },
		"NaN popularity":       func(b *Build) { b.Popularity[4] = nan },
		"ragged neighbours":    func(b *Build) { b.Neighbours = b.Neighbours[1:] },
		"own neighbour":        func(b *Build) { b.Neighbours[0] = 0 },
		"neighbour too high":   func(b *Build) { b.Neighbours[0] = 70 },
		"neighbour twice":      func(b *Build) { b.Neighbours[0], b.Neighbours[1] = 5, 5 },
		"NaN neighbour":        func(b *Build) { b.NeighbourScores[0] = nan },
		"trend twice":          func(b *Build) { b.Trends[1].Setting.Country = "GB" },
		"setting twice":        func(b *Build) { b.Trends[4].Setting = b.Trends[3].Setting },
		"setting too high":     func(b *Build) { b.Trends[3].Rows[0] = 70 },
		"trend ragged":         func(b *Build) { b.Trends[0].Scores = nil },
		"trend too high":       func(b *Build) { b.Trends[0].Rows[0] = 70 },
		"trend too long": func(b *Build) {
			b.Trends[0] = Trend{edged.Setting{Country: "GB"}, make([]edged.Row, 501), make([]float32, 501)}
		},
		"items of another row":  func(b *Build) { b.Items[3].ID = "else" },
		"items too short":       func(b *Build) { b.Items = b.Items[1:] },
		"broken attributes":     func(b *Build) { b.Items[3].Attributes = []byte("{") },
		"endless price":         func(b *Build) { b.Items[3].Price = math.Inf(1) },
		"check too high":        func(b *Build) { b.Checks[0].Recent[0] = 70 },
		"check hits unordered":  func(b *Build) { slices.Reverse(b.Checks[0].Hits) },
		"check with many hits":  func(b *Build) { b.Checks[0].Hits = make([]index.Hit, 501) },
		"too many checks":       func(b *Build) { b.Checks = make([]Check, MaxChecks+1) },
		"no regularisation":     func(b *Build) { b.Meta.Reg = 0 },
		"no dimensions":         func(b *Build) { b.Meta.Dim = 0 },
		"negative weight of a0": func(b *Build) { b.Meta.A0 = -1 },
	} {
		b := sample(70)
		change(b)
		errModel, errCatalogue := b.WriteModel(new(bytes.Buffer)), b.WriteCatalogue(new(bytes.Buffer))
		if errModel == nil && errCatalogue == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// use calls everything there is on a model that opened: nothing may panic.
func use(m *Model) error {
	var buf, out []byte
	var s index.Scratch
	m.Index().Search(nil, &index.Query{Vector: make([]float32, m.Dim()), K: 10}, &s)
	for row := range edged.Row(m.Len()) {
		if got, ok := m.Row(m.ID(row)); !ok || got != row {
			return fmt.Errorf("row %d is not found by its id", row)
		}
		list, err := m.Neighbours(nil, row, &buf)
		if err != nil {
			return err
		}
		for _, h := range list {
			m.PopularityOf(h.Row)
		}
		for _, f := range m.Fields() {
			if out, _, err = m.AppendField(out[:0], row, f); err != nil {
				return err
			}
		}
		m.Available(row)
		m.AppendVector(nil, row)
	}
	m.Row("nobody")
	return useFilters(m)
}

func useFilters(m *Model) error {
	if m.Attributes() == nil {
		return nil
	}
	var s FilterScratch
	var got Selection
	for _, f := range []Filter{
		Or(In("categories", "home"), In("tags", "blue"), Between("price", Range{Min: 1, Max: 9}), Between("attributes.a", Range{Min: 1, Max: 1})),
		And(Not(In("brand", "Acme")), Is("available", true), Not(Between("expires", Range{Min: 0, Max: 2e12}))),
	} {
		if err := m.Select(&got, &f, &s); err != nil && !errors.Is(err, ErrFilter) && !errors.Is(err, ErrNotIndexed) {
			return err
		}
		rows, _ := got.Rows()
		for _, row := range rows {
			m.Available(row)
		}
	}
	return nil
}

// flip is one way to spoil a pair of files: bytes of one section changed, checksums made right again.
func flip(t testing.TB, files [2][]byte, file, section, at int, xor byte, cut int) (model, catalogue []byte) {
	kind := [2]string{ModelKind, CatalogueKind}[file]
	list := sectionsOf(t, files[file], kind)
	s := &list[section%len(list)]
	if len(s.Data) > 0 {
		s.Data[at%len(s.Data)] ^= xor
		s.Data = s.Data[:len(s.Data)-cut%len(s.Data)/int(s.Elem)*int(s.Elem)]
	}
	files[file] = assemble(t, kind, list)
	return files[0], files[1]
}

func TestEveryFlippedByteIsRefusedOrHarmless(t *testing.T) {
	b := sample(9)
	model, catalogue := b.bytes(t)
	for file, kind := range []string{ModelKind, CatalogueKind} {
		whole := [][]byte{model, catalogue}[file]
		for i, s := range sectionsOf(t, whole, kind) {
			for at := range s.Data {
				for _, xor := range []byte{1, 0x80, 0xff} {
					m, err := Parse(flip(t, [2][]byte{model, catalogue}, file, i, at, xor, 0))
					if err != nil {
						continue
					}
					if err := use(m); err != nil {
						t.Fatalf("%s byte %d xor %#x: %v", s.Name, at, xor, err)
					}
				}
			}
		}
	}
}

func FuzzOpen(f *testing.F) {
	model, catalogue := sample(9).bytes(f)
	f.Add(uint8(0), uint8(3), uint16(9), uint8(255), uint16(0), uint16(0), uint8(0))
	f.Add(uint8(1), uint8(1), uint16(0), uint8(1), uint16(8), uint16(30), uint8(4))
	f.Fuzz(func(t *testing.T, file, section uint8, at uint16, xor uint8, cut, at2 uint16, xor2 uint8) {
		a, b := flip(t, [2][]byte{model, catalogue}, int(file%2), int(section), int(at), xor, int(cut))
		a, b = flip(t, [2][]byte{a, b}, int(file%2), int(section), int(at2), xor2, 0)
		m, err := Parse(a, b)
		if err != nil {
			return
		}
		if err := use(m); err != nil {
			t.Fatal(err)
		}
	})
}
