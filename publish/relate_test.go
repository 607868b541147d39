package publish

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/model"
	"github.com/edged/edged/origin"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/release"
	"github.com/edged/edged/snapshot"
)

// grown is a release of n items, all but each skip-th of which are those of any other grown release, in vectors that drift by step.
func grown(t *testing.T, n, skip int, step float32) model.Build {
	t.Helper()
	b := model.Build{Meta: model.Meta{Dim: 16, Users: 10, A0: .1, Reg: .01, Nu: 1, Created: day}}
	for i := range n {
		if i%skip == 1 {
			continue
		}
		rng := rand.New(rand.NewPCG(9, uint64(i)))
		id := fmt.Sprintf("item-%05d", i)
		b.IDs = append(b.IDs, id)
		b.Items = append(b.Items, edged.Item{ID: id, Title: fmt.Sprintf("A thing called %x", rng.Uint64())})
		b.Popularity = append(b.Popularity, float32(rng.IntN(1000)))
		for range b.Meta.Dim {
			b.Vectors = append(b.Vectors, float32(rng.NormFloat64())+step*rng.Float32())
		}
	}
	const k = 10
	for i, id := range b.IDs {
		rng := rand.New(rand.NewPCG(xxhash.Sum64String(id), 2))
		for j := range k {
			b.Neighbours = append(b.Neighbours, edged.Row((i+1+j)%len(b.IDs)))
			b.NeighbourScores = append(b.NeighbourScores, 1/(2+float32(j)+rng.Float32()))
		}
	}
	m, err := parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	b.Checks = rank.MakeChecks(m, 3, 1)
	return b
}

// TestUpdateIsSmall: where few items come and go and vectors drift little, a node with the release before fetches a small
// part, even though rows move and everything is renumbered; and what its differences give is the release.
func TestUpdateIsSmall(t *testing.T) {
	s := newSite(t)
	old, now := grown(t, 6000, 97, 0), grown(t, 6000, 89, 0.01)
	before, err := parse(&old)
	if err != nil {
		t.Fatal(err)
	}
	now.Before = before
	m, err := parse(&now)
	if err != nil {
		t.Fatal(err)
	}
	now.Checks = rank.MakeChecks(m, 3, 1)
	writeBuild(t, s.fs, "old", 1, &old)
	writeBuild(t, s.fs, "now", 2, &now)
	first, second := s.publish(t, "old"), s.publish(t, "now")
	if first.Update != 0 || second.Update == 0 || second.Update*4 > second.Packed {
		t.Errorf("a node without the first fetches %d bytes, with it %d, want at most a quarter", second.Packed, second.Update)
	}
	var sum Section
	for _, s := range second.Sections {
		sum.Size, sum.Packed, sum.Update = sum.Size+s.Size, sum.Packed+s.Packed, sum.Update+s.Update
	}
	if sum.Size != second.Size || sum.Packed != second.Packed || sum.Update != second.Update || len(second.Sections) < 10 {
		t.Errorf("%d sections hold %+v of %+v", len(second.Sections), sum, second)
	}
	deltas := 0
	for _, c := range s.manifest(t, second).Components {
		raw, before := s.read(t, "now/"+c.Name+".snap"), s.read(t, "old/"+c.Name+".snap")
		if release.Sum(before) != c.Base.Hash {
			t.Fatalf("%s: another base", c.Name)
		}
		for _, chunk := range c.Chunks {
			want := raw[:chunk.Raw]
			raw = raw[chunk.Raw:]
			if chunk.Delta == nil {
				continue
			}
			deltas++
			packed := s.read(t, "origin/"+origin.ChunkName(chunk.Delta.Hash.Hex()))
			got, err := chunk.DecodeDelta(nil, packed, bytes.NewReader(before), int64(len(before)))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s, %d bytes before its end: %v", c.Name, len(raw), err)
			}
		}
	}
	if deltas < 6 {
		t.Errorf("%d chunks with differences", deltas)
	}
}

func (s *site) read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := vfs.ReadFile(s.fs, name, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (s *site) manifest(t *testing.T, r Result) *release.Manifest {
	t.Helper()
	trust, err := release.LoadTrust(s.fs, "keys/trust.json")
	if err != nil {
		t.Fatal(err)
	}
	m, err := release.OpenManifest(trust, s.read(t, "origin/"+origin.ManifestName(r.Manifest.Hex())))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestRelate: what each kind of section resembles, by hand: item b is new, c is gone.
func TestRelate(t *testing.T) {
	u := snapshot.Bytes[uint32]
	parse := func(list []snapshot.Section) *snapshot.File {
		var b bytes.Buffer
		if _, err := snapshot.Write(&b, "x", list); err != nil {
			t.Fatal(err)
		}
		f, err := snapshot.Parse(b.Bytes(), "x", nil)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	file := func(ids string, order, place, hit, offs, rows []uint32, text string, textOffs []uint32, trends string, trending []uint32) *snapshot.File {
		idOffs := make([]uint32, len(ids)+1)
		for i := range idOffs {
			idOffs[i] = uint32(i)
		}
		return parse([]snapshot.Section{
			{Name: "ids.offs", Elem: 4, Data: u(idOffs)}, {Name: "ids.text", Data: []byte(ids)}, {Name: "vec.order", Elem: 4, Data: u(order)},
			{Name: "vec.place", Elem: 4, Data: u(place)}, {Name: "neighbours", Elem: 8, Data: u(hit)}, {Name: "pop.score", Elem: 4, Data: u(order)},
			{Name: "table.offs", Elem: 4, Data: u(offs)}, {Name: "table.rows", Elem: 4, Data: u(rows)},
			{Name: "title.offs", Elem: 4, Data: u(textOffs)}, {Name: "title.json", Data: []byte(text)}, {Name: "other", Elem: 4, Data: u([]uint32{1, 2})},
			{Name: "trend.lists", Data: []byte(trends)}, {Name: "trend.hits", Elem: 8, Data: u(trending)},
		})
	}
	before := file("acd", []uint32{2, 0, 1}, []uint32{1, 2, 0}, []uint32{1, 9, 2, 8, 0, 7, 2, 6, 0, 5, 1, 4}, []uint32{0, 2, 2, 3}, []uint32{1, 2, 0}, "AACCDDD", []uint32{0, 2, 4, 7},
		`[{"country":"","hits":2},{"country":"GB","hits":1}]`, []uint32{0, 9, 2, 8, 2, 7})
	now := file("abd", []uint32{0, 2, 1}, []uint32{0, 2, 1}, []uint32{2, 9, 1, 8, 0, 7, 2, 6, 0, 5, 1, 4}, []uint32{0, 2, 3, 4}, []uint32{1, 2, 0, 0}, "AABBDDDD", []uint32{0, 2, 4, 8},
		`[{"country":"","hits":3},{"country":"FR","hits":1},{"country":"GB","hits":1}]`, []uint32{2, 9, 1, 8, 0, 7, 2, 6, 2, 5})
	r := relateRows(now, before)
	for section, want := range map[string][]int64{
		"pop.score": {0, -1, 2}, "vec.order": {1, 0, -1}, "neighbours": {1, -1, -1, -1, 4, -1}, "table.rows": {-1, 1, -1, 2},
		"table.offs": {0, -1, 2, 3}, "title.json": {0, 1, -1, -1, 4, 5, 6, -1}, "other": {0, 1},
		"trend.hits": {1, -1, 0, -1, 2},
	} {
		var span release.Span
		for _, s := range now.Sections() {
			if s.Name == section {
				r.relate(&span, s, now, before)
			}
		}
		var got []int64
		for _, m := range span.Moves(nil, 0, int64(len(want))) {
			for i := range m.Units {
				got = append(got, max(-1, m.From+i*min(1, m.From+1)))
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", section, got, want)
		}
	}
}
