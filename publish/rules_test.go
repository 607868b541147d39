package publish

import (
	"slices"
	"strings"
	"testing"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/origin"
	"github.com/edged/edged/release"
	"github.com/edged/edged/rules"
)

func (s *site) rules(t testing.TB, name, text string) string {
	t.Helper()
	if err := vfs.WriteFile(s.fs, name, []byte(text)); err != nil {
		t.Fatal(err)
	}
	return name
}

// named is what the rollout names.
func (s *site) named(t testing.TB) *release.Manifest {
	t.Helper()
	trust, err := release.LoadTrust(s.fs, "keys/trust.json")
	if err != nil {
		t.Fatal(err)
	}
	ref := s.rollout(t).Release
	envelope, err := origin.NewDir(s.fs, "origin").Get(t.Context(), origin.ManifestName(ref.Manifest.Hex()), ref.Size)
	if err != nil {
		t.Fatal(err)
	}
	m, err := release.OpenManifest(trust, envelope)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// document is the rules of the release offered; empty: none.
func (s *site) document(t testing.TB) string {
	t.Helper()
	m := s.named(t)
	c, ok := m.Component(rulesComponent)
	if ok != slices.Contains(m.Critical, rulesComponent) {
		t.Fatalf("component %v, critical %q", ok, m.Critical)
	}
	if !ok {
		return ""
	}
	var b strings.Builder
	err := release.Join(&b, c, func(p release.Piece) ([]byte, error) {
		return origin.NewDir(s.fs, "origin").Get(t.Context(), origin.ChunkName(p.Hash.Hex()), p.Size)
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const someRules = "rules:\n- {name: a, pin: {item: i007}}\n- {name: b, exclude: {item: nobody}}\n"

// Rules travel with a release, go on with the next one, are changed and taken away.
func TestRulesTravel(t *testing.T) {
	s := newSite(t)
	first := s.config("rel1")
	first.Rules = s.rules(t, "rules.yaml", someRules)
	r, err := Run(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	if s.document(t) != someRules || r.RulesCount != 2 || r.Rules == "" || len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "line 3") {
		t.Errorf("%q, %+v", s.document(t), r)
	}
	if !strings.Contains(r.String(), "rules "+r.Rules+", 2 of them\nrules: line 3") {
		t.Errorf("%s", r)
	}
	if again, err := Run(t.Context(), s.config("rel1")); err != nil || !again.Unchanged || again.Rules != r.Rules {
		t.Errorf("again, without a word on rules: %+v, %v", again, err)
	}
	s.publish(t, "rel2")
	if s.document(t) != someRules {
		t.Errorf("with the next release: %q", s.document(t))
	}
	without := s.config("rel2")
	without.NoRules = true
	if r, err := Run(t.Context(), without); err != nil || r.Unchanged || s.document(t) != "" || r.Rules != "" {
		t.Errorf("taken away: %q, %+v, %v", s.document(t), r, err)
	}
	if _, err := Serve(t.Context(), s.config(""), 0); err != nil || s.document(t) != someRules {
		t.Errorf("back to the release before: %q, %v", s.document(t), err)
	}
}

// What doesn't load is not published, and nothing of it is put.
func TestRulesRefused(t *testing.T) {
	s := newSite(t)
	s.publish(t, "rel1")
	before := s.rollout(t)
	for name, c := range map[string]struct{ text, want string }{
		"key":     {"rules:\n- name: a\n  pinn: {item: i001}\n", `line 3`},
		"factor":  {"rules:\n- name: a\n  boost: {brand: b, by: 1000}\n", `line 3: rule "a"`},
		"two":     {"rules:\n- {name: a}\n- {name: b, cap: {brand: 0}}\n", `line 3`},
		"empty":   {"", "line 1"},
		"large":   {strings.Repeat("#", rules.MaxDocument+1), "too large"},
		"missing": {"", "nowhere.yaml"},
	} {
		for _, do := range []func(Config) (Result, error){
			func(c Config) (Result, error) { return Run(t.Context(), c) },
			func(c Config) (Result, error) { c.Release = ""; return RulesOnly(t.Context(), c) },
		} {
			cfg := s.config("rel2")
			cfg.Rules = s.rules(t, "rules.yaml", c.text)
			if name == "missing" {
				cfg.Rules = "nowhere.yaml"
			}
			if _, err := do(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want words on %q", name, err, c.want)
			}
		}
	}
	if now := s.rollout(t); now.Version != before.Version || s.document(t) != "" {
		t.Errorf("rollout %d, was %d", now.Version, before.Version)
	}
}

// Rules alone make a release of the same model, of which only they travel.
func TestRulesOnly(t *testing.T) {
	s := newSite(t)
	s.publish(t, "rel1")
	before := s.named(t)
	cfg := s.config("")
	cfg.Rules = s.rules(t, "rules.yaml", someRules)
	r, err := RulesOnly(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	now := s.named(t)
	if s.document(t) != someRules || r.Version != 2 || now.Version != 2 || !now.Created.Equal(before.Created) || string(now.Card) != string(before.Card) {
		t.Errorf("%q, %+v", s.document(t), r)
	}
	for _, name := range []string{"model", "catalogue"} {
		a, _ := before.Component(name)
		b, _ := now.Component(name)
		if a.Hash != b.Hash || !slices.Equal(chunkHashes(a), chunkHashes(b)) {
			t.Errorf("%s: other chunks", name)
		}
	}
	c, _ := now.Component(rulesComponent)
	if r.NewChunks != 1 || r.NewBytes != c.Chunks[0].Size || r.Update != r.NewBytes {
		t.Errorf("%d pieces of %d bytes were put, %d for a node; want the rules' own", r.NewChunks, r.NewBytes, r.Update)
	}
	if again, err := RulesOnly(t.Context(), cfg); err != nil || !again.Unchanged {
		t.Errorf("again: %+v, %v", again, err)
	}
	if whole, err := Run(t.Context(), s.config("rel1")); err != nil || !whole.Unchanged {
		t.Errorf("the directory again: %+v, %v", whole, err)
	}
	cfg.Rules, cfg.NoRules = "", true
	if r, err := RulesOnly(t.Context(), cfg); err != nil || r.Version != 3 || s.document(t) != "" {
		t.Errorf("none: %q, %+v, %v", s.document(t), r, err)
	}
}

func chunkHashes(c *release.Component) (list []release.Hash) {
	for _, chunk := range c.Chunks {
		list = append(list, chunk.Hash)
	}
	return list
}

func TestRulesOnlyRefuses(t *testing.T) {
	s := newSite(t)
	cfg := s.config("")
	cfg.Rules = s.rules(t, "rules.yaml", someRules)
	refuses := func(words string) {
		t.Helper()
		if _, err := RulesOnly(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%v, want words on %q", err, words)
		}
	}
	refuses("no sound release")
	s.publish(t, "rel1")
	cfg.NoRules = true
	refuses("one word on rules")
	cfg.Rules, cfg.NoRules = "", false
	refuses("name a document")
	cfg.Rules = "rules.yaml"
	canary := s.config("rel2")
	canary.Canary = &Canary{Share: .1}
	if _, err := Run(t.Context(), canary); err != nil {
		t.Fatal(err)
	}
	refuses("is tried on")
	if _, err := Abort(t.Context(), s.config("")); err != nil {
		t.Fatal(err)
	}
	c, _ := s.named(t).Component("model")
	if err := s.fs.Remove("origin/" + origin.ChunkName(c.Chunks[0].Hash.Hex())); err != nil {
		t.Fatal(err)
	}
	refuses("not whole")
}

// Rules that the origin has let rot are asked for again, not dropped.
func TestRulesLost(t *testing.T) {
	s := newSite(t)
	cfg := s.config("rel1")
	cfg.Rules = s.rules(t, "rules.yaml", someRules)
	if _, err := Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	c, _ := s.named(t).Component(rulesComponent)
	if err := s.fs.Remove("origin/" + origin.ChunkName(c.Chunks[0].Hash.Hex())); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), s.config("rel2")); err == nil || !strings.Contains(err.Error(), "--no-rules") {
		t.Errorf("%v, want a word on the rules that are lost", err)
	}
	cfg.Release = "rel2"
	if _, err := Run(t.Context(), cfg); err != nil || s.document(t) != someRules {
		t.Errorf("with the document: %q, %v", s.document(t), err)
	}
}
