package model

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/index"
	"github.com/edged/edged/snapshot"
)

// sample is a small release with something in every section.
func sample(n int) *Build {
	rng := rand.New(rand.NewPCG(9, uint64(n)))
	b := &Build{Meta: Meta{
		Dim: 5, Users: 40, Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), A0: .1, Reg: .01, Nu: 1, Seed: 7,
		EventWeights: map[string]float64{"view": 1, "purchase": 2, "impression": 0}, HalfLifeDays: 14, Data: "sha256:00",
	}}
	for i := range n {
		b.IDs = append(b.IDs, fmt.Sprintf("item-%04d", i))
		b.Popularity = append(b.Popularity, float32(rng.IntN(6)))
		b.Items = append(b.Items, edged.Item{ID: b.IDs[i]})
		for range 2 {
			b.Neighbours = append(b.Neighbours, edged.Row((i+1+rng.IntN(max(n-1, 1)))%n))
			b.NeighbourScores = append(b.NeighbourScores, rng.Float32())
		}
		if other := &b.Neighbours[2*i+1]; n < 2 || *other == b.Neighbours[2*i] {
			*other = edged.NoRow
		}
		if n < 2 {
			b.Neighbours[2*i] = edged.NoRow
		}
		for range b.Meta.Dim {
			b.Vectors = append(b.Vectors, float32(rng.NormFloat64()))
		}
	}
	if n > 5 {
		b.addDetails()
	}
	return b
}

func (b *Build) addDetails() {
	no, yes := false, true
	b.Items[0] = edged.Item{
		ID: b.IDs[0], Title: `<b>"Mug"</b> ☕`, Description: "round", Categories: []string{"home/mugs", "gifts"}, Price: 2.5, Currency: "GBP",
		Image: "/i/0.png", URL: "/p/0", Brand: "Acme", Tags: []string{"blue"}, Available: &yes, Published: 1e12, Expires: 2e12,
		Attributes: []byte("{\"a\" : [1, 2],\"bad\":\"\xff\"}"),
	}
	b.Items[1].Available, b.Items[2].Expires, b.Items[3].Expires, b.Items[4].Title = &no, 1e12, 1e12, "Four"
	b.Trends = []Trend{
		{edged.Setting{Country: "GB"}, []edged.Row{3, 1}, []float32{1, 9}}, {edged.Setting{}, []edged.Row{4, 2, 0}, []float32{5, 4, 4}}, {edged.Setting{Country: "DE"}, nil, nil},
		{edged.Setting{Country: "GB", Device: "phone"}, []edged.Row{4, 5}, []float32{1, 2}}, {edged.Setting{Daypart: edged.Evening}, []edged.Row{3}, []float32{3}},
	}
	b.Checks = []Check{{Recent: []edged.Row{1, 2}, Hits: []index.Hit{{Row: 4, Score: .5}, {Row: 0, Score: .25}}}, {}}
}

func (b *Build) bytes(t testing.TB) (model, catalogue []byte) {
	t.Helper()
	var m, c bytes.Buffer
	if err := b.WriteModel(&m); err != nil {
		t.Fatal(err)
	}
	if err := b.WriteCatalogue(&c); err != nil {
		t.Fatal(err)
	}
	return m.Bytes(), c.Bytes()
}

func open(t testing.TB, b *Build) *Model {
	t.Helper()
	m, err := Parse(b.bytes(t))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestWhatWasWrittenIsRead(t *testing.T) {
	b := sample(70)
	m := open(t, b)
	if m.Len() != 70 || m.Dim() != 5 || m.Index().Len() != 70 || m.Meta().NeighbourK != 2 {
		t.Errorf("len %d dim %d index %d neighbours %d", m.Len(), m.Dim(), m.Index().Len(), m.Meta().NeighbourK)
	}
	if got := m.Meta(); !got.Created.Equal(b.Meta.Created) || got.Reg != .01 || got.Seed != 7 || got.Users != 40 {
		t.Errorf("meta %+v", got)
	}
	if m.Weight("purchase") != 2 || m.Weight("impression") != 0 || m.Weight("stroke") != 1 {
		t.Errorf("weights %g %g %g", m.Weight("purchase"), m.Weight("impression"), m.Weight("stroke"))
	}
	for row := range edged.Row(70) {
		checkRow(t, m, b, row)
	}
	ids, want := [][]byte{}, []edged.Row{7}
	for i := range 150 { // more than are looked up together
		row := edged.Row(i * 37 % 71)
		if row == 70 {
			ids, want = append(ids, []byte("nobody's")), append(want, edged.NoRow)
			continue
		}
		ids, want = append(ids, []byte(b.IDs[row])), append(want, row)
	}
	if got := m.AppendRows([]edged.Row{7}, ids); !slices.Equal(got, want) {
		t.Errorf("rows %v, want %v", got, want)
	}
	if !slices.Equal(m.Popular(), popularOrder(b.Popularity)) {
		t.Errorf("popular %v", m.Popular())
	}
	if got := m.Checks(); len(got) != 2 || !slices.Equal(got[0].Recent, b.Checks[0].Recent) || !slices.Equal(got[0].Hits, b.Checks[0].Hits) {
		t.Errorf("checks %v", got)
	}
}

func checkRow(t *testing.T, m *Model, b *Build, row edged.Row) {
	t.Helper()
	if id := m.ID(row); id != b.IDs[row] {
		t.Errorf("row %d: id %q", row, id)
	}
	if got, ok := m.Row(b.IDs[row]); !ok || got != row {
		t.Errorf("row of %q: %d %v", b.IDs[row], got, ok)
	}
	if got, ok := m.RowOfBytes([]byte(b.IDs[row])); !ok || got != row {
		t.Errorf("row of bytes %q: %d %v", b.IDs[row], got, ok)
	}
	if got := m.PopularityOf(row); got != b.Popularity[row] {
		t.Errorf("popularity of %d: %g", row, got)
	}
	for k, y := range m.AppendVector(nil, row) {
		if d := y - float64(b.Vectors[int(row)*5+k]); d > .02 || d < -.02 {
			t.Errorf("vector of %d: off by %g", row, d)
		}
	}
	var buf []byte
	list, err := m.Neighbours(nil, row, &buf)
	if err != nil {
		t.Error(err)
	}
	want := map[edged.Row]float32{}
	for i := range 2 {
		if n := b.Neighbours[2*int(row)+i]; n != edged.NoRow {
			want[n] = b.NeighbourScores[2*int(row)+i]
		}
	}
	if len(list) != len(want) || len(list) == 2 && list[0].Score < list[1].Score {
		t.Errorf("neighbours of %d: %v, want %v", row, list, want)
	}
	for _, h := range list {
		if s, ok := want[h.Row]; !ok || rounded(s) != h.Score {
			t.Errorf("neighbours of %d: %v, want %v", row, list, want)
		}
	}
}

func TestUnknownIDs(t *testing.T) {
	m := open(t, sample(70))
	for _, id := range []string{"", "item", "item-0070", "item-00000", "ITEM-0001", strings.Repeat("x", 5000), "\xff"} {
		if row, ok := m.Row(id); ok || row != edged.NoRow {
			t.Errorf("%q is row %d", id, row)
		}
	}
}

func TestTrends(t *testing.T) {
	m := open(t, sample(70))
	for _, tc := range []struct {
		at   edged.Setting
		rows []edged.Row
		ok   bool
	}{
		{edged.Setting{}, []edged.Row{4, 0, 2}, true}, {edged.Setting{Country: "GB"}, []edged.Row{1, 3}, true}, {edged.Setting{Country: "DE"}, nil, true},
		{edged.Setting{Country: "FR"}, nil, false}, {edged.Setting{Country: "GB", Device: "phone"}, []edged.Row{5, 4}, true},
		{edged.Setting{Daypart: edged.Evening}, []edged.Row{3}, true}, {edged.Setting{Device: "phone"}, nil, false},
	} {
		rows, scores, ok := m.Trend(tc.at)
		if !slices.Equal(rows, tc.rows) || len(scores) != len(rows) || ok != tc.ok || m.HasTrend(tc.at) != ok {
			t.Errorf("%s: %v %v %v", tc.at, rows, scores, ok)
		}
	}
	if m.TrendsBy() != edged.ByCountry|edged.ByDevice|edged.ByDaypart || m.Trends() != 5 {
		t.Errorf("by %b, %d lists", m.TrendsBy(), m.Trends())
	}
}

// TestSettingsMayBeIgnored: where a release has lists by country alone, its sections are those of before; what more there is stands in others, which
// nodes of before ignore.
func TestSettingsMayBeIgnored(t *testing.T) {
	b := sample(70)
	b.Trends = b.Trends[:3]
	plain, _ := b.bytes(t)
	full, _ := sample(70).bytes(t)
	has := map[string][]byte{}
	var names []string
	for _, s := range sectionsOf(t, plain, ModelKind) {
		has[s.Name], names = s.Data, append(names, s.Name)
	}
	if at := slices.Index(names, secPopular); at < 0 || !slices.Equal(names[at:min(at+5, len(names))], []string{secPopular, secTrendLists, secTrendHits, secNeighbours, secChecks}) {
		t.Errorf("sections %v", names)
	}
	for _, s := range sectionsOf(t, full, ModelKind) {
		switch data, ok := has[s.Name]; {
		case s.Name == secSettingLists || s.Name == secSettingHits:
			if ok || s.Flags&snapshot.Critical != 0 {
				t.Errorf("%s: in both: %v, flags %v", s.Name, ok, s.Flags)
			}
		case !bytes.Equal(data, s.Data):
			t.Errorf("%s differs", s.Name)
		}
	}
}

func TestFields(t *testing.T) {
	m := open(t, sample(70))
	want := map[string]string{
		"title": `"\u003cb\u003e\"Mug\"\u003c/b\u003e ☕"`, "description": `"round"`, "categories": `["home/mugs","gifts"]`, "price": `2.5`,
		"currency": `"GBP"`, "image": `"/i/0.png"`, "url": `"/p/0"`, "brand": `"Acme"`, "tags": `["blue"]`,
		"published": `"2001-09-09T01:46:40Z"`, "expires": `"2033-05-18T03:33:20Z"`, "attributes": `{"a":[1,2],"bad":"` + "\uFFFD" + `"}`,
	}
	if len(m.Fields()) != len(want) {
		t.Errorf("fields %v", m.Fields())
	}
	for _, name := range m.Fields() {
		got, ok, err := m.AppendField([]byte("> "), 0, name)
		if err != nil || !ok || string(got) != "> "+want[name] {
			t.Errorf("%s: %s %v %v, want %s", name, got, ok, err, want[name])
		}
		got, ok, err = m.AppendField([]byte("> "), 69, name)
		if err != nil || ok || string(got) != "> " {
			t.Errorf("%s of an item without: %s %v %v", name, got, ok, err)
		}
	}
	if got, ok, err := m.AppendField(nil, 0, "colour"); ok || err != nil || got != nil {
		t.Errorf("unknown field: %s %v %v", got, ok, err)
	}
}

func TestAppendFieldAllocatesNothing(t *testing.T) {
	m := open(t, sample(70))
	buf := make([]byte, 0, 1000)
	if n := testing.AllocsPerRun(100, func() { buf, _, _ = m.AppendField(buf[:0], 0, "title") }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

func TestAvailability(t *testing.T) {
	m := open(t, sample(70))
	for row := range edged.Row(70) {
		if got := m.Available(row); got != (row != 1) {
			t.Errorf("row %d: available %v", row, got)
		}
	}
	if m.Withheld() != 1 {
		t.Errorf("%d withheld", m.Withheld())
	}
	if want := []Expiry{{1e12, 2}, {1e12, 3}, {2e12, 0}}; !slices.Equal(m.Expiries(), want) {
		t.Errorf("expiries %v", m.Expiries())
	}
}

func TestEmptyModel(t *testing.T) {
	m := open(t, sample(0))
	if _, ok := m.Row("x"); ok || m.Len() != 0 || len(m.Popular()) != 0 {
		t.Error("an empty model holds something")
	}
	b := sample(70)
	b.Items = nil
	if m := open(t, b); len(m.Fields()) != 0 || m.Withheld() != 0 || !m.Available(69) {
		t.Error("without items all are available and nothing is known")
	}
}

func TestEqualInputGivesEqualBytes(t *testing.T) {
	m1, c1 := sample(70).bytes(t)
	b := sample(70)
	slices.Reverse(b.Trends) // the order in which countries come is no difference
	m2, c2 := b.bytes(t)
	if !bytes.Equal(m1, m2) || !bytes.Equal(c1, c2) {
		t.Error("two writings differ")
	}
}

func TestMixAndMatchIsRefused(t *testing.T) {
	m, _ := sample(70).bytes(t)
	other := sample(70)
	other.IDs[69] = "item-0069b"
	other.Items[69].ID = "item-0069b"
	_, c := other.bytes(t)
	if _, err := Parse(m, c); !errors.Is(err, ErrMismatch) {
		t.Errorf("got %v", err)
	}
}
