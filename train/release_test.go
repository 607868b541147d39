package train

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rank"
)

func trainShop(t *testing.T, source Source, cfg Config) (*vfs.Mem, Card) {
	t.Helper()
	disk := vfs.NewMem()
	cfg.Factors, cfg.Sweeps = 16, 4
	card, err := Run(context.Background(), []Source{source}, "rel", disk, cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	return disk, card
}

func readAll(t *testing.T, disk vfs.FS, name string) []byte {
	t.Helper()
	b, err := vfs.ReadFile(disk, filepath.Join("rel", name), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func openRelease(t *testing.T, disk vfs.FS) *model.Model {
	t.Helper()
	m, err := model.OpenFiles(disk, filepath.Join("rel", ModelFile), filepath.Join("rel", CatalogueFile))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSameBytes(t *testing.T) {
	first, card := trainShop(t, newShop(1), Config{Threads: 1})
	shuffled := newShop(1)
	slices.Reverse(shuffled.events)
	slices.Reverse(shuffled.items)
	for name, again := range map[string]func() (*vfs.Mem, Card){
		"three threads":     func() (*vfs.Mem, Card) { return trainShop(t, newShop(1), Config{Threads: 3}) },
		"events in reverse": func() (*vfs.Mem, Card) { return trainShop(t, shuffled, Config{Threads: 2}) },
		"a clock of its own": func() (*vfs.Mem, Card) {
			return trainShop(t, newShop(1), Config{Threads: 2, Clock: func() time.Time { return time.Unix(1, 0) }})
		},
	} {
		disk, other := again()
		for _, file := range []string{ModelFile, CatalogueFile} {
			if !bytes.Equal(readAll(t, first, file), readAll(t, disk, file)) {
				t.Errorf("%s: another %s", name, file)
			}
		}
		if !slices.Equal(card.Loss, other.Loss) {
			t.Errorf("%s: another loss", name)
		}
	}
	disk, _ := trainShop(t, newShop(1), Config{Seed: 2})
	if bytes.Equal(readAll(t, first, ModelFile), readAll(t, disk, ModelFile)) {
		t.Error("another seed gives the same model")
	}
}

func TestReleaseHoldsTheShop(t *testing.T) {
	s := newShop(2)
	disk, card := trainShop(t, s, Config{})
	m := openRelease(t, disk)
	last := s.events[len(s.events)-1].Time
	if m.Len() != 90 || m.ID(0) != "i00" || m.Meta().Created.UnixMilli() != last || m.Meta().Data != s.Digest() {
		t.Fatalf("%d rows from %q, created %s, data %s", m.Len(), m.ID(0), m.Meta().Created, m.Meta().Data)
	}
	active, pairs := make(map[string]bool), make(map[[2]string]bool)
	for _, e := range s.events {
		if e.Type == edged.Purchase {
			active[e.Item], pairs[[2]string{e.User + e.Session, e.Item}] = true, true
		}
	}
	want := CardCounts{Events: 5400, Ignored: 600, Visitors: 320, Items: 90, Active: len(active), Pairs: len(pairs), Trends: 4}
	if card.Counts != want {
		t.Fatalf("counts: got %+v, want %+v", card.Counts, want)
	}
	if row, ok := m.Row("i85"); !ok || m.PopularityOf(row) != 0 {
		t.Fatal("an item that nobody had is missing, or is popular")
	}
	if _, _, ok := m.Trend(edged.Setting{Country: "FR"}); !ok {
		t.Fatal("no trend of FR")
	}
	title, ok, err := m.AppendField(nil, 3, "title")
	if err != nil || !ok || string(title) != `"Item 3"` {
		t.Fatalf("title: %s, %v, %v", title, ok, err)
	}
	if err := rank.New(m, rank.Release{}).SelfCheck(); err != nil {
		t.Fatal(err)
	}
}

// TestReleaseKnowsTastes asks for a visitor of the first half of the shop.
func TestReleaseKnowsTastes(t *testing.T) {
	disk, _ := trainShop(t, newShop(3), Config{})
	r := rank.New(openRelease(t, disk), rank.Release{})
	var answer rank.Answer
	q := rank.Request{Recent: []rank.Recent{{Row: 1, Weight: 1}, {Row: 7, Weight: 1}}, ExcludeSeen: true, N: 5}
	r.Recommend(&answer, new(rank.Scratch), &q)
	for _, it := range answer.Items {
		if it.Row >= 40 || it.Row == 1 || it.Row == 7 {
			t.Fatalf("got row %d", it.Row)
		}
	}
}

// TestFoldInIsTheTrainersHalfStep: what a node computes from int8 vectors is close to what training would.
func TestFoldInIsTheTrainersHalfStep(t *testing.T) {
	cfg := Config{Factors: 16, Sweeps: 4}
	cfg.EnsureDefaults()
	var had []filePair
	userRow, itemRow, ids := make([]uint32, 200), make([]uint32, 60), make([]string, 60)
	for u := range uint32(200) {
		userRow[u] = u
		for i := range uint32(60) {
			itemRow[i], ids[i] = i, string([]byte{'a' + byte(i/10), '0' + byte(i%10)})
			if (u*31+i*17)%5 == 0 || (u+i)%7 == 0 {
				had = append(had, filePair{u, i})
			}
		}
	}
	l, err := study(context.Background(), &cfg, pairPart(had, userRow, itemRow, ids), 5, newStopwatch(&cfg, nil))
	if err != nil {
		t.Fatal(err)
	}
	pairs := l.users
	x := l.factors.FoldIn(pairs, 2)
	m, err := open(l.assemble(t.Context(), &cfg, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	r, s := rank.New(m, rank.Release{}), new(rank.Scratch)
	for u := range 50 {
		var recent []rank.Recent
		items, _ := pairs.Row(u)
		for _, i := range items {
			recent = append(recent, rank.Recent{Row: edged.Row(i), Weight: 1})
		}
		want := x[u*16 : u*16+16]
		for k, x := range r.FoldIn(nil, s, recent) {
			if d := float64(x - want[k]); d*d > 1e-4*norm2(want) {
				t.Fatalf("visitor %d, number %d: got %v, training has %v", u, k, x, want[k])
			}
		}
	}
}

func TestCardSaysWhatWasWritten(t *testing.T) {
	disk, card := trainShop(t, newShop(4), Config{})
	var read Card
	if err := json.Unmarshal(readAll(t, disk, CardFile), &read); err != nil {
		t.Fatal(err)
	}
	if read.Type != CardType || len(read.Loss) != 4 || read.Config.Factors != 16 || read.Files[ModelFile] != card.Files[ModelFile] {
		t.Fatalf("got %+v", read)
	}
	if size := int64(len(readAll(t, disk, ModelFile))); read.Files[ModelFile].Size != size {
		t.Fatalf("size %d, the file has %d", read.Files[ModelFile].Size, size)
	}
	if !strings.Contains(card.String(), "5400 events") {
		t.Fatalf("got %s", card)
	}
}

// TestCrashLeavesNoHalfRelease fails the disk at each of its operations while an old release is replaced: whenever there is
// a card, the files beside it are those it names.
func TestCrashLeavesNoHalfRelease(t *testing.T) {
	old, next := newShop(5), newShop(6)
	cfg := Config{Factors: 8, Sweeps: 1, Neighbours: 3}
	for failAt := 0; ; failAt++ {
		disk := vfs.NewMem()
		if _, err := Run(context.Background(), []Source{old}, "rel", disk, cfg, nil); err != nil {
			t.Fatal(err)
		}
		n := 0
		broken := vfs.Faulty(disk, func(op vfs.Op) error {
			if n++; n > failAt {
				return errors.New("disk on fire")
			}
			return nil
		})
		_, err := Run(context.Background(), []Source{next}, "rel", broken, cfg, nil)
		wantWholeOrNone(t, disk)
		wantWholeOrNone(t, disk.Crash(func(int) int { return 0 }))
		if err == nil {
			return
		}
	}
}

func wantWholeOrNone(t *testing.T, disk vfs.FS) {
	t.Helper()
	if _, err := disk.Stat("rel/" + CardFile); errors.Is(err, fs.ErrNotExist) {
		return
	}
	var card Card
	if err := json.Unmarshal(readAll(t, disk, CardFile), &card); err != nil {
		t.Fatal(err)
	}
	for name, want := range card.Files {
		if sum := fmt.Sprintf("%x", sha256.Sum256(readAll(t, disk, name))); sum != want.SHA256 {
			t.Fatalf("%s beside the card is %s, the card says %s", name, sum, want.SHA256)
		}
	}
}

func TestRunErrors(t *testing.T) {
	boom := errors.New("boom")
	returns := &shop{events: []edged.Event{{User: "u", Item: "i", Type: edged.Return, Time: opening}}}
	for _, c := range []struct {
		name   string
		source Source
		cfg    Config
		want   string
		is     error
	}{
		{"nothing", &shop{}, Config{}, "import some first", ErrEmpty},
		{"no positive event", returns, Config{}, "none of 1 events has a type with a weight", ErrEmpty},
		{"a broken source", &shop{err: boom}, Config{}, "read events", boom},
		{"too many", newShop(1), Config{MaxEvents: 10}, "more than 10 events", nil},
		{"a bad configuration", newShop(1), Config{Factors: 7, Sweeps: -1}, "sweeps: -1", nil},
	} {
		_, err := Run(context.Background(), []Source{c.source}, "rel", vfs.NewMem(), c.cfg, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || (c.is != nil && !errors.Is(err, c.is)) {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

func TestRunReportsSteps(t *testing.T) {
	var names []string
	cfg := Config{Factors: 8, Sweeps: 1, Neighbours: 3}
	_, err := Run(context.Background(), []Source{newShop(7)}, "rel", vfs.NewMem(), cfg, func(s Step) {
		if len(names) == 0 || names[len(names)-1] != s.Name {
			names = append(names, s.Name)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"read", "trends", "als", "neighbours", "write"}; !slices.Equal(names, want) {
		t.Fatalf("got %v, want %v", names, want)
	}
}

func norm2(v []float32) (sum float64) {
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return sum
}

// TestChosenConfigurationReproduces: the card's configuration gives the bytes of the release it came with, and trials do not
// depend on threads.
func TestChosenConfigurationReproduces(t *testing.T) {
	auto := func(threads int) (*vfs.Mem, Card) {
		disk := vfs.NewMem()
		card, err := Run(context.Background(), []Source{newShop(1)}, "rel", disk, Config{Auto: true, Sweeps: 3, Trials: 8, Threads: threads}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return disk, card
	}
	first, card := auto(1)
	if card.Selection == nil || len(card.Selection.Trials) == 0 || card.Config.Table == nil || len(card.Config.Blends) == 0 {
		t.Fatalf("nothing was chosen: %+v", card.Selection)
	}
	var read Card
	if err := json.Unmarshal(readAll(t, first, CardFile), &read); err != nil {
		t.Fatal(err)
	}
	pinned := vfs.NewMem()
	if _, err := Run(context.Background(), []Source{newShop(1)}, "rel", pinned, read.Config, nil); err != nil {
		t.Fatal(err)
	}
	again, _ := auto(3)
	for _, file := range []string{ModelFile, CatalogueFile} {
		if !bytes.Equal(readAll(t, first, file), readAll(t, pinned, file)) {
			t.Errorf("the card's configuration gives another %s", file)
		}
		if !bytes.Equal(readAll(t, first, file), readAll(t, again, file)) {
			t.Errorf("other threads choose another %s", file)
		}
	}
}

// TestTrialsHaveABudget: trials end with it, but every family has had its first, and a time limit is told.
func TestTrialsHaveABudget(t *testing.T) {
	at := time.Unix(0, 0)
	clock := func() time.Time { at = at.Add(time.Second); return at }
	card, err := Run(context.Background(), []Source{newShop(1)}, "rel", vfs.NewMem(), Config{Auto: true, Sweeps: 2, TimeLimit: 5 * time.Second, Clock: clock}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s := card.Selection; !s.Stopped || len(s.Trials) > 20 || card.Config.Table == nil {
		t.Errorf("stopped %v after %d trials", s.Stopped, len(s.Trials))
	}
}
