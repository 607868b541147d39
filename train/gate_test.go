package train

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/compare"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rank"
)

// part of a table: events before a moment, of the items it keeps.
type someRows struct {
	Source
	until time.Time
	keeps func(item string) bool
}

func (s someRows) Events(ctx context.Context, from, to int64, fn func(*edged.Event) error) error {
	return s.Source.Events(ctx, from, to, func(e *edged.Event) error {
		if e.Time >= s.until.UnixMilli() || s.keeps != nil && !s.keeps(e.Item) {
			return nil
		}
		return fn(e)
	})
}

// lesson of a day: what would be released, and what it would be compared by.
type daily struct {
	build  *model.Build
	recall float64
	disk   *vfs.Mem // with the release in "rel"
}

func learnDay(t *testing.T, source Source, previous *daily) *daily {
	t.Helper()
	d := &daily{disk: vfs.NewMem()}
	cfg := Config{Factors: 64}
	if previous != nil {
		d.disk = previous.disk.Kill()
		cfg.Previous = "rel"
	}
	cfg.EnsureDefaults()
	r := &run{cfg: &cfg, fs: d.disk, out: "rel", watch: newStopwatch(&cfg, nil)}
	if err := r.openPrevious("csv"); err != nil {
		t.Fatal(err)
	}
	r.watch.begin("read")
	log, err := readEvents(t.Context(), []Source{source}, &cfg, r.watch.say)
	if err != nil {
		t.Fatal(err)
	}
	if d.build, err = r.build(t.Context(), log, nil); err != nil {
		t.Fatal(err)
	}
	quantised, err := addChecks(d.build)
	if err == nil {
		d.recall = quantised.Recall
		err = r.write(d.build)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// released is the build as a publisher opens it; an error where not even the file can be written or opened.
func (d *daily) released() (*compare.Release, error) {
	var m, c bytes.Buffer
	if err := errors.Join(d.build.WriteModel(&m), d.build.WriteCatalogue(&c)); err != nil {
		return nil, err
	}
	size := int64(m.Len() + c.Len())
	opened, err := model.Parse(m.Bytes(), c.Bytes())
	if err != nil {
		return nil, err
	}
	return &compare.Release{Ranker: rank.New(opened, rank.Release{Version: 1}), Bytes: size, Recall: d.recall}, nil
}

// broken is a copy of the build with something done to it.
func (d *daily) broken(do func(b *model.Build)) *daily {
	b := *d.build
	b.Vectors, b.Checks = append([]float32(nil), b.Vectors...), nil
	do(&b)
	return &daily{build: &b, recall: d.recall}
}

func shuffled(b *model.Build) {
	dim := b.Meta.Dim
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(b.IDs), func(i, j int) {
		for k := range dim {
			b.Vectors[i*dim+k], b.Vectors[j*dim+k] = b.Vectors[j*dim+k], b.Vectors[i*dim+k]
		}
	})
}

// popularOnly turns every vector into the same direction, as long as its item is popular.
func popularOnly(b *model.Build) {
	dim := b.Meta.Dim
	for i := range b.IDs {
		for k := range dim {
			b.Vectors[i*dim+k] = 0
		}
		b.Vectors[i*dim] = b.Popularity[i] / 100
	}
}

func noNumbers(b *model.Build) { b.Vectors[5] = float32(math.NaN()) }

// TestGateOnRetail holds releases of a real shop against the limits of the publish gate: of the day after and of the week after, learned on
// or learned anew, which must pass, and broken ones, which must not.
func TestGateOnRetail(t *testing.T) {
	table := retail(t)
	day := time.Date(2010, 11, 1, 0, 0, 0, 0, time.UTC)
	until := func(days int) someRows { return someRows{Source: table, until: day.AddDate(0, 0, days)} }
	first := learnDay(t, until(0), nil)
	before, err := first.released()
	if err != nil {
		t.Fatal(err)
	}
	next := learnDay(t, until(1), first)
	half := until(1)
	half.keeps = func(item string) bool { return item[len(item)-1]%2 == 0 }
	for _, c := range []struct {
		name string
		is   *daily
		held string // a figure that must be outside its limits; "": none may be
	}{
		{"D+1, learned on", next, ""},
		{"D+7, learned on", learnDay(t, until(7), first), ""},
		{"D+1, anew", learnDay(t, until(1), nil), ""},
		{"D+7, anew", learnDay(t, until(7), nil), ""},
		{"vectors shuffled", next.broken(shuffled), compare.Overlap},
		{"half of the items gone", learnDay(t, half, nil), compare.Items},
		{"popularity alone", next.broken(popularOnly), compare.Coverage},
	} {
		now, err := c.is.released()
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		report := compare.Gate(before, now, compare.Limits{}, compare.Sample{})
		t.Log(gateRow(c.name, report))
		outside := fmt.Sprint(report.Outside())
		if held := c.held != "" && strings.Contains(outside, c.held+":"); held != (c.held != "") || c.held == "" && report.Error() != nil {
			t.Errorf("%s: outside are %s, want %q", c.name, outside, c.held)
		}
	}
	if _, err := next.broken(noNumbers).released(); err == nil {
		t.Error("a vector that holds no numbers was written and opened")
	} else {
		t.Logf("NaN: %v", err)
	}
}

func gateRow(name string, r *compare.Report) string {
	row := "| " + name + " |"
	for _, f := range r.Figures {
		mark := ""
		if f.Fault != "" {
			mark = "**"
		}
		row += fmt.Sprintf(" %s%s %.3f%s |", mark, f.Name, f.Value, mark)
	}
	return row
}
