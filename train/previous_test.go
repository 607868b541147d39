package train

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/model"
)

func TestArrange(t *testing.T) {
	for _, c := range []struct{ before, now, want string }{
		{"", "c a b", "a b c"},
		{"b a", "a b", "b a"},
		{"b a", "c a b", "b a c"},
		{"d b a c", "c a b", "c b a"},     // one is gone: what lies beyond moves up
		{"d b a c", "a c e f", "e f a c"}, // new ones take their places
		{"x y", "b a", "a b"},
	} {
		in := newInterner()
		ids := strings.Fields(c.now)
		for _, id := range ids {
			in.add(id)
		}
		place := in.arrange(strings.Fields(c.before))
		if got := strings.Join(in.ids, " "); got != c.want {
			t.Errorf("%q after %q: got %q, want %q", c.now, c.before, got, c.want)
		}
		for old, id := range ids {
			if in.ids[place[old]] != id {
				t.Errorf("%q after %q: %s is said to be at %d", c.now, c.before, id, place[old])
			}
		}
	}
}

// grow is a shop with more events and a new item at the front of the alphabet.
func grow(seed uint64, n int) *shop {
	s, more := newShop(seed), newShop(seed+100)
	last := s.events[len(s.events)-1].Time
	for i, e := range more.events[:n] {
		if e.Time = last + int64(i)*1000; i == 0 {
			e.Item, e.Type = "a-new-item", edged.Purchase
		}
		s.events = append(s.events, e)
	}
	return s
}

func trainOn(t *testing.T, disk vfs.FS, out, previous string, source Source, cfg Config) (Card, *model.Model) {
	t.Helper()
	cfg.Previous = previous
	card, err := Run(context.Background(), []Source{source}, out, disk, cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.OpenFiles(disk, out+"/"+ModelFile, out+"/"+CatalogueFile)
	if err != nil {
		t.Fatal(err)
	}
	return card, m
}

// TestGoingOn: rows stay, vectors hardly move, the card says from where, and the same release before gives the same bytes.
func TestGoingOn(t *testing.T) {
	disk, cfg := vfs.NewMem(), Config{Factors: 16, Sweeps: 8, A0: 0.3}
	first, old := trainOn(t, disk, "old", "", newShop(1), cfg)
	card, m := trainOn(t, disk, "new", "old", grow(1, 60), cfg)
	_, anew := trainOn(t, disk, "anew", "", grow(1, 60), cfg)
	if p := card.Previous; p == nil || p.Model != first.Files[ModelFile].SHA256 || !p.Factors || p.Data != first.Data || len(card.Loss) != warmSweeps {
		t.Fatalf("the card says %+v", p)
	}
	for row := range edged.Row(old.Len()) {
		if got, _ := m.Row(old.ID(row)); got != row {
			t.Fatalf("%s went from row %d to %d", old.ID(row), row, got)
		}
	}
	if m.ID(edged.Row(old.Len())) != "a-new-item" {
		t.Fatal("the new item does not come last")
	}
	on, apart := drift(old, m), drift(old, anew)
	if on > 0.1 || on > apart/3 {
		t.Errorf("vectors moved by %.3f, trained anew by %.3f", on, apart)
	}
	for _, threads := range []int{1, 3} {
		cfg.Threads = threads
		_, _ = trainOn(t, disk, "again", "old", grow(1, 60), cfg)
		a, errA := vfs.ReadFile(disk, "new/"+ModelFile, 1<<30)
		b, errB := vfs.ReadFile(disk, "again/"+ModelFile, 1<<30)
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%d threads: other bytes", threads)
		}
	}
}

// drift is the mean distance that items' vectors moved, relative to their length.
func drift(a, b *model.Model) float64 {
	var sum float64
	n := 0
	for row := range edged.Row(a.Len()) {
		x, at := a.AppendVector(nil, row), edged.Row(0)
		at, _ = b.Row(a.ID(row))
		y, d, size := b.AppendVector(nil, at), 0.0, 0.0
		for k := range x {
			d, size = d+(x[k]-y[k])*(x[k]-y[k]), size+x[k]*x[k]
		}
		if size > 0 {
			sum, n = sum+math.Sqrt(d/size), n+1
		}
	}
	return sum / float64(n)
}

// TestChoiceIsKept: a release that goes on from one whose configuration was chosen lately takes that, and its card gives the
// same bytes from the same release again.
func TestChoiceIsKept(t *testing.T) {
	disk, cfg := vfs.NewMem(), Config{Auto: true, Sweeps: 3, Trials: 8}
	first, _ := trainOn(t, disk, "old", "", newShop(1), cfg)
	card, _ := trainOn(t, disk, "new", "old", grow(1, 60), cfg)
	if !card.Previous.Config || card.Choice == nil || *card.Choice != *first.Choice || card.Config.Table.String() != first.Config.Table.String() {
		t.Fatalf("chosen anew: %+v, %+v", card.Previous, card.Choice)
	}
	var read Card
	text, err := vfs.ReadFile(disk, "new/"+CardFile, maxCard)
	if err != nil || json.Unmarshal(text, &read) != nil {
		t.Fatalf("card: %v", err)
	}
	pinned, _ := trainOn(t, disk, "pinned", "old", grow(1, 60), read.Config)
	if pinned.Files[ModelFile] != card.Files[ModelFile] {
		t.Error("the card's configuration gives other bytes")
	}
	for name, change := range map[string]func(c *Config, s *shop){
		"other settings": func(c *Config, _ *shop) { c.Sweeps = 4 },
		"asked for":      func(c *Config, _ *shop) { c.Factors = 8 },
		"much older":     func(_ *Config, s *shop) { s.events[len(s.events)-1].Time += 40 * dayMs },
	} {
		c, s := cfg, grow(1, 60)
		change(&c, s)
		if card, _ := trainOn(t, disk, "other", "old", s, c); card.Previous.Config {
			t.Errorf("%s: the old choice was kept", name)
		}
	}
}

// TestOutIsNoStart: what lies where the release goes is no start where it was made of the same data, or does not open.
func TestOutIsNoStart(t *testing.T) {
	disk, cfg := vfs.NewMem(), Config{Factors: 16, Sweeps: 2}
	first, _ := trainOn(t, disk, "rel", "rel", newShop(1), cfg)
	again, _ := trainOn(t, disk, "rel", "rel", newShop(1), cfg)
	if again.Previous != nil || again.Files[ModelFile] != first.Files[ModelFile] {
		t.Error("training again gave something else")
	}
	if err := vfs.WriteFile(disk, "rel/"+ModelFile, []byte("no model")); err != nil {
		t.Fatal(err)
	}
	if card, _ := trainOn(t, disk, "rel", "rel", grow(1, 60), cfg); card.Previous != nil {
		t.Error("went on from a broken release")
	}
	cfg.Previous = "nowhere"
	_, err := Run(context.Background(), []Source{newShop(1)}, "rel", disk, cfg, nil)
	if err == nil || !strings.Contains(err.Error(), "nowhere holds none") {
		t.Errorf("a release that is not there: %v", err)
	}
}

// TestNeighboursStay: a neighbour of about the same worth does not take the place of one that was there.
func TestNeighboursStay(t *testing.T) {
	ids := []string{"a", "b", "c"}
	disk := vfs.NewMem()
	_, m := trainOn(t, disk, "rel", "", newShop(1), Config{Factors: 8, Sweeps: 1, Table: &TableConfig{Model: ridgeTable, L2: 4, Neighbours: 5, Row: 5}})
	p := &previous{model: m}
	if list, err := p.sources(ids); err != nil || len(list) != 3 || list[0] != nil {
		t.Errorf("items that are not there have sources: %v, %v", list, err)
	}
	list, err := p.sources(p.ids())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for j, sources := range list {
		for _, i := range sources {
			row, err := m.Table().Row(edged.Row(i), new(model.TableBuffer))
			if err != nil || !slices.Contains(row.Rows, edged.Row(j)) {
				t.Fatalf("%d is no source of %d", i, j)
			}
			n++
		}
	}
	if n != m.Meta().Table {
		t.Errorf("%d sources, the table has %d entries", n, m.Meta().Table)
	}
}

// TestEvalRefusesAPreviousThatKnows: a release made of test events measures nothing; nor can it be told where there is no split.
func TestEvalRefusesAPreviousThatKnows(t *testing.T) {
	dir := t.TempDir()
	old := newShop(1)
	card, _ := trainOn(t, vfs.OS, dir, "", &shop{events: old.events[:3000], items: old.items}, Config{Factors: 8, Sweeps: 1})
	evaluate := func(c EvalConfig) error {
		c.K, c.Resamples, c.Config = 10, 100, Config{Factors: 8, Sweeps: 1, Previous: dir}
		_, err := Evaluate(context.Background(), []Source{old}, c, nil)
		return err
	}
	for name, c := range map[string]EvalConfig{
		"the test begins at " + card.To.Format(time.RFC3339): {SplitTime: card.To},
		"it would know answers":                              {SplitTime: card.To.Add(-20 * 24 * time.Hour), Folds: 2},
		"protocol leave-last cannot tell":                    {Protocol: LeaveLast},
		"protocol files cannot tell":                         {Train: pairs("u i"), Test: pairs("u j")},
	} {
		if err := evaluate(c); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("want %q, got %v", name, err)
		}
	}
	if err := evaluate(EvalConfig{SplitTime: card.To.Add(time.Millisecond)}); err != nil {
		t.Errorf("a release of what trains: %v", err)
	}
}

func pairs(text string) *PairFile { return &PairFile{Name: "pairs", Reader: strings.NewReader(text)} }

// TestPreviousIsWhatItsCardSays: files that are not those of the card are refused, and a configuration that cannot be.
func TestPreviousIsWhatItsCardSays(t *testing.T) {
	disk, cfg := vfs.NewMem(), Config{Factors: 8, Sweeps: 1}
	_, _ = trainOn(t, disk, "rel", "", newShop(1), cfg)
	_, _ = trainOn(t, disk, "other", "", grow(1, 60), cfg)
	for _, name := range []string{ModelFile, CatalogueFile, CardFile} {
		kept := readFile(t, disk, "rel/"+name)
		damaged := readFile(t, disk, "other/"+name)
		want := name + " has "
		if name == CardFile {
			damaged, want = bytes.Replace(kept, []byte(`"factors": 8`), []byte(`"factors": 9`), 1), "factors: 9, want a multiple of 8"
		}
		if err := vfs.WriteFile(disk, "rel/"+name, damaged); err != nil {
			t.Fatal(err)
		}
		if _, err := openPrevious(disk, "rel"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want %q, got %v", name, want, err)
		}
		if err := vfs.WriteFile(disk, "rel/"+name, kept); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := openPrevious(disk, "rel"); err != nil {
		t.Error(err)
	}
}

// TestEveryBitOfACard: a release whose card has one bit other than as written is not gone on from.
func TestEveryBitOfACard(t *testing.T) {
	disk := vfs.NewMem()
	_, _ = trainOn(t, disk, "rel", "", newShop(1), Config{Factors: 8, Sweeps: 1})
	text := readFile(t, disk, "rel/"+CardFile)
	for bit := range 8 * len(text) {
		text[bit/8] ^= 1 << (bit % 8)
		var card Card
		if err := json.Unmarshal(text, &card); err == nil && card.Type == CardType && checkSeal(text, card.Sum) == nil {
			t.Fatalf("bit %d of byte %d: %s", bit%8, bit/8, text)
		}
		text[bit/8] ^= 1 << (bit % 8)
	}
}

func readFile(t *testing.T, disk vfs.FS, name string) []byte {
	t.Helper()
	text, err := vfs.ReadFile(disk, name, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestNothingInCommon is said.
func TestNothingInCommon(t *testing.T) {
	disk, cfg := vfs.NewMem(), Config{Factors: 8, Sweeps: 1, Previous: "rel"}
	_, _ = trainOn(t, disk, "rel", "", newShop(1), cfg)
	for item, want := range map[string]bool{"elsewhere": true, "i01": false} {
		said := false
		say := func(s Step) { said = said || strings.Contains(s.Note, "no item in common") }
		if _, err := Run(context.Background(), []Source{&shop{events: []edged.Event{buy("a", item, 0), buy("b", "new", 0)}}}, "out", disk, cfg, say); err != nil {
			t.Fatal(err)
		}
		if said != want {
			t.Errorf("%s: said %v, want %v", item, said, want)
		}
	}
}

// TestAdoptTakesAllThatIsChosen: each field of a configuration that a card holds is adopted, or must be as it was.
func TestAdoptTakesAllThatIsChosen(t *testing.T) {
	chosen := Config{Factors: 8, A0: 1, Reg: 1, Nu: 1, Sweeps: 1, Seed: 1, EventWeights: defaultWeights(), UsersOnly: true, PairHalfLifeDays: 1, Table: &TableConfig{},
		Session: &SessionConfig{}, Blends: []model.Blend{{}}, TrendHalfLifeDays: 1, TrendLength: 1, PlaceHalfLifeDays: 1, PlaceShrink: 1, PlaceVisitors: 1, TrendBy: []string{edged.Device},
		Neighbours: 1, Shrink: 1}
	var adopted Config
	p := &previous{card: Card{Config: chosen}}
	p.adopt(&adopted)
	same := unchosen(&chosen)
	for i := range reflect.TypeFor[Config]().NumField() {
		field := reflect.TypeFor[Config]().Field(i)
		if !field.IsExported() || field.Tag.Get("json") == "-" {
			continue
		}
		if reflect.ValueOf(chosen).Field(i).IsZero() {
			t.Errorf("%s: set it in this test", field.Name)
		}
		if reflect.ValueOf(adopted).Field(i).IsZero() && reflect.ValueOf(same).Field(i).IsZero() {
			t.Errorf("%s is neither adopted nor compared", field.Name)
		}
	}
	for _, c := range []struct {
		by   []string
		want bool
	}{{nil, true}, {[]string{edged.Device}, true}, {[]string{edged.Referrer}, false}, {[]string{}, false}} {
		if got := sameAsked(&Config{TrendBy: c.by}, &Config{TrendBy: chosen.TrendBy}); got != c.want {
			t.Errorf("asked for %q: %v", c.by, got)
		}
	}
}
