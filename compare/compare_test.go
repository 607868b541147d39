package compare

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/edged/edged/model"
	"github.com/edged/edged/rank"
)

// shop is a release of n items, of vectors drawn from seed; edits change it.
func shop(t *testing.T, n int, seed uint64, edits ...func(*model.Build)) *Release {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 7))
	b := model.Build{Meta: model.Meta{Dim: 8, Users: 10, A0: 0.1, Reg: 0.01, Nu: 1}}
	for i := range n {
		b.IDs = append(b.IDs, fmt.Sprintf("i%04d", i))
		b.Popularity = append(b.Popularity, float32(n-i))
		for range b.Meta.Dim {
			b.Vectors = append(b.Vectors, rng.Float32()-0.5)
		}
	}
	for _, edit := range edits {
		edit(&b)
	}
	var mb, cb bytes.Buffer
	if err := errors.Join(b.WriteModel(&mb), b.WriteCatalogue(&cb)); err != nil {
		t.Fatal(err)
	}
	m, err := model.Parse(mb.Bytes(), cb.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return &Release{Ranker: rank.New(m, rank.Release{}), Bytes: int64(mb.Len() + cb.Len())}
}

func outside(r *Report) (names []string) {
	for _, f := range r.Outside() {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return names
}

// TestGate: each way to spoil a release is found by the figures that are meant to, and by no others.
func TestGate(t *testing.T) {
	before := shop(t, 300, 1)
	scale := func(x float32) func(*model.Build) {
		return func(b *model.Build) {
			for i := range b.Vectors {
				b.Vectors[i] *= x
			}
		}
	}
	for _, tc := range []struct {
		name string
		now  *Release
		want []string
	}{
		{"the same", shop(t, 300, 1), nil},
		{"a little drift", shop(t, 300, 1, func(b *model.Build) {
			rng := rand.New(rand.NewPCG(9, 9))
			for i := range b.Vectors {
				b.Vectors[i] += (rng.Float32() - .5) / 50
			}
		}), nil},
		{"another model", shop(t, 300, 2), []string{Overlap}},
		{"vectors ten times as long", shop(t, 300, 1, scale(10)), []string{Norm}},
		{"vectors a tenth as long", shop(t, 300, 1, scale(.1)), []string{Norm}},
		{"doubled and more", shop(t, 700, 1), []string{Bytes, Items}},
		{"a third", shop(t, 100, 1), []string{Bytes, Coverage, Items}},
		{"other items", shop(t, 300, 1, func(b *model.Build) {
			for i := range b.IDs {
				b.IDs[i] = "j" + b.IDs[i]
			}
		}), []string{Overlap, Popularity}},
		{"one item has it all", shop(t, 300, 1, func(b *model.Build) { b.Popularity[200] = 1e6 }), []string{Popularity}},
		{"poor recall", &Release{Ranker: before.Ranker, Bytes: before.Bytes, Recall: .5}, []string{Recall}},
	} {
		report := Gate(before, tc.now, Limits{}, Sample{})
		if got := outside(report); !slices.Equal(got, tc.want) {
			t.Errorf("%s: outside are %q, want %q\n%v", tc.name, got, tc.want, report.Figures)
		}
		if err := report.Error(); (err == nil) != (tc.want == nil) {
			t.Errorf("%s: %v", tc.name, err)
		}
		if err := report.Error(tc.want...); err != nil {
			t.Errorf("%s, forgiven: %v", tc.name, err)
		}
	}
}

// TestGateSaysAll: the error has the limit, what was measured, and what to do.
func TestGateSaysAll(t *testing.T) {
	err := Gate(shop(t, 300, 1), shop(t, 700, 1), Limits{}, Sample{}).Error()
	for _, words := range []string{"700 items, were 300", "want at most 2", "once only"} {
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("no %q in %v", words, err)
		}
	}
	if err := Gate(shop(t, 300, 1), shop(t, 700, 1), Limits{Growth: 4}, Sample{}).Error(); err != nil {
		t.Errorf("with another limit: %v", err)
	}
}

// TestGateAlone: the first release has nothing beside it.
func TestGateAlone(t *testing.T) {
	now := shop(t, 50, 1)
	now.Recall = .99
	if r := Gate(nil, now, Limits{}, Sample{}); len(r.Figures) != 2 || r.Error() != nil {
		t.Errorf("%+v", r)
	}
}

// TestQuick: a node's sample finds what a publisher's finds, but for the shift of popularity.
func TestQuick(t *testing.T) {
	before := shop(t, 3000, 1)
	for _, now := range []*Release{shop(t, 3000, 2), shop(t, 9000, 1), shop(t, 900, 1)} {
		whole, quick := outside(Gate(before, now, Limits{}, Sample{})), outside(Gate(before, now, Limits{}, Quick))
		if !slices.Equal(whole, quick) || len(quick) == 0 {
			t.Errorf("%q, by a quick look %q", whole, quick)
		}
	}
}

func TestVisitors(t *testing.T) {
	a, b := shop(t, 300, 1), shop(t, 300, 2)
	first, again := Visitors(a.Ranker, b.Ranker, 50), Visitors(a.Ranker, b.Ranker, 50)
	if len(first) != 50 || fmt.Sprint(first) != fmt.Sprint(again) {
		t.Errorf("%d visitors, or others each time", len(first))
	}
	for _, v := range first {
		if len(v.Recent) == 0 || len(v.Before) != Depth || len(v.Now) != Depth {
			t.Errorf("%+v", v)
		}
	}
	same := Visitors(a.Ranker, a.Ranker, 5)
	for _, v := range same {
		if v.Overlap() != 1 {
			t.Errorf("%+v", v)
		}
	}
	if list := Visitors(shop(t, 0, 1).Ranker, a.Ranker, 5); len(list) != 0 {
		t.Errorf("of an empty release: %v", list)
	}
}
