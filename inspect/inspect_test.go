package inspect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/model"
	"github.com/edged/edged/node"
	"github.com/edged/edged/origin"
	"github.com/edged/edged/publish"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/release"
)

// day is when the data of the releases end, trainedAt when they were trained.
var (
	day       = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	trainedAt = day.Add(-time.Hour)
)

// world has a release directory "rel", published to "origin" and held by the node in "node".
func world(t *testing.T) (*vfs.Mem, *release.Trust) {
	t.Helper()
	fsys := vfs.NewMem()
	_, err := release.InitKeys(fsys, "keys")
	must(t, err)
	trust, err := release.LoadTrust(fsys, "keys/trust.json")
	must(t, err)
	writeRelease(t, fsys, "rel")
	must(t, vfs.WriteFile(fsys, "rules.yaml", []byte("rules: [{name: a, exclude: {item: [i001, nobody]}}, {name: b, exclude: {brand: nobody}}]")))
	o, clock := origin.NewDir(fsys, "origin"), func() time.Time { return day }
	_, err = publish.Run(t.Context(), publish.Config{FS: fsys, Release: "rel", Rules: "rules.yaml", Origin: o, Keys: "keys", Clock: clock})
	must(t, err)
	n, err := node.Open(t.Context(), node.Config{FS: fsys, Dir: "node", Origin: o, Trust: trust, Clock: clock})
	must(t, err)
	must(t, errors.Join(n.Check(t.Context()), n.Close()))
	return fsys, trust
}

// writeOther writes a release of one other item, and of an item that has become popular.
func writeOther(t *testing.T, fsys vfs.FS, dir string) {
	t.Helper()
	writeRelease(t, fsys, dir, func(b *model.Build) { b.IDs[49], b.Popularity[48] = "z", 100 })
}

func writeRelease(t *testing.T, fsys vfs.FS, dir string, edits ...func(*model.Build)) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 1))
	b := model.Build{Meta: model.Meta{Dim: 8, Users: 10, A0: 0.1, Reg: 0.01, Nu: 1, Created: day}}
	for i := range 50 {
		b.IDs = append(b.IDs, fmt.Sprintf("i%03d", i))
		b.Popularity = append(b.Popularity, float32(50-i))
		for range b.Meta.Dim {
			b.Vectors = append(b.Vectors, rng.Float32()-0.5)
		}
	}
	b.Table = &model.Sparse{Start: make([]int, 51), Item: []uint32{1, 2, 3}, Weight: []float32{1, 2, 1}}
	for i := range 50 {
		b.Table.Start[i+1] = 3 // all of row 0
	}
	for _, edit := range edits {
		edit(&b)
	}
	b.Meta.Blends = []model.Blend{{Goal: model.GoalNew, Stages: []model.Stage{{Table: 1, Factors: 1}}}}
	var mb, cb bytes.Buffer
	must(t, errors.Join(b.WriteModel(&mb), b.WriteCatalogue(&cb)))
	m, err := model.Parse(mb.Bytes(), cb.Bytes())
	must(t, err)
	b.Checks = rank.MakeChecks(m, 4, 1)
	must(t, fsys.MkdirAll(dir))
	for name, write := range map[string]func(io.Writer) error{
		model.ModelFile: b.WriteModel, model.CatalogueFile: b.WriteCatalogue,
		publish.CardFile: func(w io.Writer) error {
			_, err := io.WriteString(w, `{"what":"test","trained":"`+trainedAt.Format(time.RFC3339)+`"}`)
			return err
		},
	} {
		var text bytes.Buffer
		must(t, errors.Join(write(&text), vfs.WriteFile(fsys, path.Join(dir, name), text.Bytes())))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestPlaces(t *testing.T) {
	fsys, trust := world(t)
	for address, kind := range map[string]string{"rel": Directory, "origin": Origin, "node": Store} {
		in, err := Open(t.Context(), fsys, address, trust)
		must(t, err)
		if in.Kind != kind || in.Counts.Items != 50 || in.Counts.Checks != 4 || in.Counts.Dim != 8 || !in.Created.Equal(trainedAt) ||
			!strings.Contains(string(in.Card), `"what":"test"`) {
			t.Errorf("%s: %+v", address, in)
		}
		published := kind != Directory
		if published != (len(in.Components) == 3) || published != (in.Rules != nil && in.Rules.Rules == 2 && len(in.Rules.Warnings) == 2) {
			t.Errorf("%s: %+v of %+v", address, in.Rules, in.Components)
		}
		if published != (in.Version == 1 && in.Rollout != nil && len(in.Signatures) == 1 && in.Signatures[0].Trusted) {
			t.Errorf("%s: %+v", address, in)
		}
		var text bytes.Buffer
		must(t, in.WriteText(&text))
		for _, words := range []string{kind, "50 items, dimension 8", "4 known answers", "for new; 3 table entries, 0 of sessions", "component model", "vec.codes", `{"what":"test",`, "2026-11-20T08:00:00Z"} {
			if !strings.Contains(text.String(), words) {
				t.Errorf("%s: no %q in\n%s", address, words, text.String())
			}
		}
		if _, err := json.Marshal(in); err != nil {
			t.Error(err)
		}
	}
}

func TestHeld(t *testing.T) {
	fsys, trust := world(t)
	in, err := Open(t.Context(), fsys, "node", trust)
	must(t, err)
	if len(in.Held) != 1 || in.Held[0].Role != "current" || in.Held[0].Release != in.Release || in.Held[0].Fault != "" {
		t.Errorf("%+v", in.Held)
	}
}

// TestDamage flips a byte in every file of every place: each is found, whichever it is.
func TestDamage(t *testing.T) {
	fsys, trust := world(t)
	unsigned := []string{"rel/card.json", "origin/.lock", "origin/published.json", "node/lock"} // nothing vouches for these
	for _, place := range []string{"rel", "origin", "node"} {
		for _, name := range files(t, fsys, place) {
			if slices.Contains(unsigned, name) {
				continue
			}
			good, err := vfs.ReadFile(fsys, name, 1<<30)
			must(t, err)
			bad := bytes.Clone(good)
			bad[len(bad)/2] ^= 1
			must(t, vfs.WriteFile(fsys, name, bad))
			if _, err := Open(t.Context(), fsys, place, trust); err == nil || !strings.Contains(err.Error(), "inspect "+place) {
				t.Errorf("%s: %v", name, err)
			}
			must(t, vfs.WriteFile(fsys, name, good))
		}
	}
}

func files(t *testing.T, fsys vfs.FS, dir string) (names []string) {
	t.Helper()
	entries, err := fsys.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if e.IsDir() {
			names = append(names, files(t, fsys, name)...)
			continue
		}
		names = append(names, name)
	}
	return names
}

func TestTrust(t *testing.T) {
	fsys, _ := world(t)
	_, err := release.InitKeys(fsys, "others")
	must(t, err)
	others, err := release.LoadTrust(fsys, "others/trust.json")
	must(t, err)
	for _, place := range []string{"origin", "node"} {
		if _, err := Open(t.Context(), fsys, place, others); !errors.Is(err, release.ErrUnknownKey) {
			t.Errorf("%s with other keys: %v", place, err)
		}
		in, err := Open(t.Context(), fsys, place, nil)
		must(t, err)
		if in.Signatures[0].Trusted || in.Rollout.Signatures[0].Trusted {
			t.Errorf("%s without keys: %+v", place, in.Signatures)
		}
	}
}

func TestElsewhere(t *testing.T) {
	fsys := vfs.NewMem()
	must(t, fsys.MkdirAll("empty"))
	for _, place := range []string{"empty", "nowhere"} {
		if _, err := Open(t.Context(), fsys, place, nil); err == nil || !strings.Contains(err.Error(), "neither a release directory") {
			t.Errorf("%s: %v", place, err)
		}
	}
}

// TestAgainst: what differs is told, by item, section, place and visitor.
func TestAgainst(t *testing.T) {
	fsys, trust := world(t)
	before, err := Open(t.Context(), fsys, "origin", trust)
	must(t, err)
	same, err := Open(t.Context(), fsys, "rel", nil)
	must(t, err)
	d := same.Against(before, 3)
	if d.Added.Count+d.Removed.Count+len(d.Gained)+len(d.Lost) != 0 || len(d.Visitors) != 3 || d.Visitors[0].Overlap() != 1 {
		t.Errorf("of the same: %+v", d)
	}
	for _, s := range d.Sections {
		if s.Same != 1 || s.Now != s.Before {
			t.Errorf("of the same: %+v", s)
		}
	}
	writeOther(t, fsys, "rel2")
	now, err := Open(t.Context(), fsys, "rel2", nil)
	must(t, err)
	d = now.Against(before, 3)
	if d.Added.Count != 1 || d.Added.First[0] != "z" || d.Removed.Count != 1 || d.Removed.First[0] != "i049" ||
		len(d.Gained) == 0 || d.Gained[0] != (Shift{"i048", 49, 1}) {
		t.Errorf("%+v", d)
	}
	changed := map[string]bool{}
	for _, s := range d.Sections {
		changed[s.Name] = s.Same < 1
	}
	if !changed["ids.text"] || !changed["pop.order"] || changed["vec.order"] {
		t.Errorf("%+v", d.Sections)
	}
	var text bytes.Buffer
	must(t, d.WriteText(&text))
	for _, words := range []string{"items added", "1: z", "i048: place 1, was 49", "model vec.codes", "visitor", "% the same", "overlap"} {
		if !strings.Contains(text.String(), words) {
			t.Errorf("no %q in\n%s", words, text.String())
		}
	}
	if _, err := json.Marshal(d); err != nil {
		t.Error(err)
	}
}

// TestAgainstRules: rules that change alone are all that differs.
func TestAgainstRules(t *testing.T) {
	fsys, trust := world(t)
	before, err := Open(t.Context(), fsys, "origin", trust)
	must(t, err)
	_, err = publish.RulesOnly(t.Context(), publish.Config{FS: fsys, NoRules: true, Origin: origin.NewDir(fsys, "origin"), Keys: "keys", Clock: func() time.Time { return day }})
	must(t, err)
	now, err := Open(t.Context(), fsys, "origin", trust)
	must(t, err)
	d := now.Against(before, 1)
	if d.Rules == nil || d.Rules.Now != nil || d.Rules.Before == nil || d.Rules.Before.Rules != 2 || d.Visitors[0].Overlap() != 1 {
		t.Errorf("%+v", d.Rules)
	}
	var text bytes.Buffer
	must(t, errors.Join(d.WriteText(&text), now.WriteText(&text)))
	if !strings.Contains(text.String(), "none; were "+before.Rules.Version+", 2 of them") {
		t.Errorf("nothing of it in\n%s", text.String())
	}
	if d := now.Against(now, 1); d.Rules != nil {
		t.Errorf("of the same: %+v", d.Rules)
	}
}

// TestRelease: releases are found by their versions.
func TestRelease(t *testing.T) {
	fsys, trust := world(t)
	for _, place := range []string{"origin", "node"} {
		in, err := OpenRelease(t.Context(), fsys, place, 1, trust)
		must(t, err)
		if in.Version != 1 {
			t.Errorf("%s: %d", place, in.Version)
		}
		if _, err := OpenRelease(t.Context(), fsys, place, 2, trust); err == nil || !strings.Contains(err.Error(), "release 2") {
			t.Errorf("%s: %v", place, err)
		}
	}
	if _, err := OpenRelease(t.Context(), fsys, "rel", 1, nil); err == nil {
		t.Error("a version of a directory")
	}
}

// TestReleaseRevoked: after a rotation of the release keys what was accepted before is found still, and said to be of revoked keys, from whichever root
// one goes; what other keys signed is not.
func TestReleaseRevoked(t *testing.T) {
	fsys, first := world(t)
	clock, o := func() time.Time { return day }, origin.NewDir(fsys, "origin")
	custody := release.Custody{FS: fsys, Dir: "keys", Now: clock}
	_, err := custody.Rotate(release.RoleRelease)
	must(t, err)
	writeOther(t, fsys, "rel2")
	_, err = publish.Run(t.Context(), publish.Config{FS: fsys, Release: "rel2", Origin: o, Keys: "keys", Clock: clock, Force: true})
	must(t, err)
	n, err := node.Open(t.Context(), node.Config{FS: fsys, Dir: "node", Origin: o, Trust: first, Clock: clock})
	must(t, err)
	must(t, errors.Join(n.Check(t.Context()), n.Close()))
	last, err := release.LoadTrust(fsys, "keys/trust.json")
	must(t, err)
	for _, trust := range []*release.Trust{first, last} {
		for _, place := range []string{"node", "origin"} {
			now, err := OpenRelease(t.Context(), fsys, place, 2, trust)
			must(t, err)
			before, err := OpenRelease(t.Context(), fsys, place, 1, trust)
			must(t, err)
			var text bytes.Buffer
			must(t, errors.Join(before.WriteText(&text), now.Against(before, 1).WriteText(&text)))
			if now.Revoked || !before.Revoked || before.Signatures[0].Trusted || strings.Count(text.String(), "revoked since") < 2 {
				t.Errorf("%s by root %d: %+v\n%s", place, trust.Version(), before.Signatures, text.String())
			}
		}
	}
	_, err = release.InitKeys(fsys, "others")
	must(t, err)
	others, err := release.LoadTrust(fsys, "others/trust.json")
	must(t, err)
	if _, err := OpenRelease(t.Context(), fsys, "node", 1, others); !errors.Is(err, release.ErrUnknownKey) {
		t.Errorf("by keys of others: %v", err)
	}
}
