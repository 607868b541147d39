package train

import (
	"bytes"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/overlay"
	"github.com/edged/edged/rank"
)

// talking is a shop whose items say which of the two tastes they are for.
func talking(seed uint64) *shop {
	s := newShop(seed)
	for i := range s.items {
		it := &s.items[i]
		it.Title, it.Categories = fmt.Sprintf("Red mugs %d", i), []string{"home/kitchen"}
		if i >= 40 {
			it.Title, it.Categories = fmt.Sprintf("Blue lamp %d", i), []string{"home/light"}
		}
		it.Updated = opening
	}
	return s
}

func cosineOf(x, y []float64) float64 {
	var xy, xx, yy float64
	for k := range x {
		xy, xx, yy = xy+x[k]*y[k], xx+x[k]*x[k], yy+y[k]*y[k]
	}
	return xy / math.Sqrt(xx*yy)
}

// A new item has, by the map that the release carries, the vector that training would have given it.
func TestNewItemsHaveTheVectorsOfTraining(t *testing.T) {
	disk, cfg := vfs.NewMem(), Config{Factors: 16, Sweeps: 8, A0: 0.3}
	_, with := trainOn(t, disk, "with", "", talking(1), cfg)
	short := talking(1)
	var missing []edged.Item
	short.items, missing = short.items[:80], short.items[80:] // nobody had those
	_, without := trainOn(t, disk, "without", "", short, cfg)
	r, err := rank.New(without, rank.Release{ID: "1"}).With(rank.Changes{Items: missing})
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range missing {
		there, _ := with.Row(it.ID)
		here, ok := r.Model().Row(it.ID)
		if c := cosineOf(with.AppendVector(nil, there), r.Model().AppendVector(nil, here)); !ok || c < .95 {
			t.Errorf("%s: cosine %.3f", it.Title, c)
		}
	}
	// Whoever had lamps gets the new lamp before those of the other taste.
	var a rank.Answer
	lamp, _ := without.Row("i41")
	r.Recommend(&a, new(rank.Scratch), &rank.Request{Recent: []rank.Recent{{Row: lamp, Weight: 1}}, N: 50, ExcludeSeen: true})
	news := 0
	for _, it := range a.Items[:min(len(a.Items), 50)] {
		if int(it.Row) >= without.Len() && it.Level <= rank.Session {
			news++
		}
	}
	if news < 5 {
		t.Errorf("%d new lamps come to whoever had a lamp", news)
	}
}

// The map goes from release to release as it is, to the byte, as long as it is good.
func TestContentMapStays(t *testing.T) {
	disk, cfg := vfs.NewMem(), Config{Factors: 16, Sweeps: 8, A0: 0.3}
	_, old := trainOn(t, disk, "old", "", talking(1), cfg)
	grown := talking(1)
	grown.events = append(grown.events, edged.Event{User: "u001", Item: "i40", Type: edged.Purchase, Time: opening + 6000*dayMs/60})
	_, m := trainOn(t, disk, "new", "old", grown, cfg)
	lamp := edged.Item{ID: "x", Title: "A blue lamp"}
	x, err := old.AppendContent(nil, &lamp)
	y, err2 := m.AppendContent(nil, &lamp)
	if err != nil || err2 != nil || !m.MapsContent() || fmt.Sprint(x) != fmt.Sprint(y) {
		t.Errorf("%v %v: %v, was %v", err, err2, y, x)
	}
	turned := talking(2)
	for i := range turned.items {
		turned.items[i].Title = fmt.Sprintf("Thing %d of %s", i, []string{"wool", "steel"}[i/40%2])
		turned.items[i].Categories = nil
	}
	_, m = trainOn(t, disk, "other", "old", turned, cfg)
	if z, err := m.AppendContent(nil, &lamp); err != nil || fmt.Sprint(x) == fmt.Sprint(z) {
		t.Errorf("the map stays though nothing is as it was: %v", err)
	}
}

// What an overlay says stands in the release made with it, which names the entries: no node needs them, and those written later count.
func TestOverlayIsFoldedIn(t *testing.T) {
	disk, cfg := vfs.NewMem(), Config{Factors: 16, Sweeps: 3, Overlay: "overlay"}
	now := time.UnixMilli(opening + 100*dayMs)
	s, _, err := overlay.Open(disk, "overlay", "one", func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	no, yes, price, boost := false, true, 99.5, float32(2)
	at := func(days int64) int64 { return opening + days*dayMs }
	_, entries, err := s.Write([]overlay.Change{
		{ID: "i01", Available: &no}, {ID: "i02", Price: &price}, {ID: "i03", Boost: &boost}, {ID: "i04", Available: &no, TTL: time.Hour},
		{ID: "i05", Available: &no, Time: at(90)}, {ID: "nowhere", Price: &price}, {ID: "n1", Item: &edged.Item{ID: "n1", Title: "Red mug"}}, {ID: "n1", Price: &price},
	})
	if err != nil {
		t.Fatal(err)
	}
	shop := talking(1)
	shop.items[5].Updated = at(95) // after the overlay was told
	shop.items[5].Available = &yes
	_, m := trainOn(t, disk, "rel", "", shop, cfg)
	folds := map[string]bool{"ai01": true, "pi02": true, "bi03": false, "ai04": false, "ai05": true, "pnowhere": false, "in1": true, "pn1": true}
	for i := range entries {
		e := &entries[i]
		if got := m.Folds(e.Key(), e.Stamp, e.Node); got != folds[e.Key()] {
			t.Errorf("%s: folded %v", e.Key(), got)
		}
		if m.Folds(e.Key(), e.Stamp+1, e.Node) || m.Folds(e.Key(), e.Stamp, "two") || folds[e.Key()] != m.Folds(e.Key(), e.Stamp-1, "two") {
			t.Errorf("%s: another write is held for it", e.Key())
		}
	}
	for id, want := range map[string]bool{"i00": true, "i01": false, "i04": true, "i05": true, "n1": true} {
		if row, ok := m.Row(id); !ok || m.Available(row) != want {
			t.Errorf("%s: available %v, want %v", id, m.Available(row), want)
		}
	}
	for _, id := range []string{"i02", "n1"} {
		row, _ := m.Row(id)
		if text, _, err := m.AppendField(nil, row, "price"); string(text) != "99.5" || err != nil {
			t.Errorf("%s costs %s", id, text)
		}
	}
	_, again := trainOn(t, disk, "again", "", shop, cfg)
	a, errA := vfs.ReadFile(disk, "rel/"+CatalogueFile, 1<<30)
	b, errB := vfs.ReadFile(disk, "again/"+CatalogueFile, 1<<30)
	if errA != nil || errB != nil || !bytes.Equal(a, b) || again.Meta().Data != m.Meta().Data {
		t.Error("the same overlay gives other bytes")
	}
	cfg.Overlay = ""
	_, plain := trainOn(t, disk, "plain", "", shop, cfg)
	if plain.Meta().Data == m.Meta().Data {
		t.Error("the digest of the data says nothing of the overlay")
	}
	if _, ok := plain.Row("n1"); ok || plain.Folds("ai01", 1, "one") {
		t.Error("something is folded in without an overlay")
	}
}
