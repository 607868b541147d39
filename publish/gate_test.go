package publish

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/edged/edged/compare"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/model"
	"github.com/edged/edged/origin"
)

// others gives the items other ids.
func others(b *model.Build) {
	for i := range b.IDs {
		b.IDs[i] = "x" + b.IDs[i]
	}
}

// TestGateHolds: a release outside the limits is not signed, nothing is put, and the error says which limit, what was measured and what
// to do; by force it is, and the manifest says so.
func TestGateHolds(t *testing.T) {
	s := newSite(t)
	s.publish(t, "rel1")
	writeRelease(t, s.fs, "bad", 3, others)
	before := tree(t, s.fs, "origin")
	_, err := Run(t.Context(), s.config("bad"))
	for _, words := range []string{"bad is held back", "overlap: 0.000", "want at least 0.2", "edged inspect --against", "nothing was signed", "--force"} {
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("no %q in %v", words, err)
		}
	}
	if after := tree(t, s.fs, "origin"); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("put %v beside %v", after, before)
	}
	cfg := s.config("bad")
	cfg.Force = true
	r, err := Run(t.Context(), cfg)
	if err != nil || fmt.Sprint(r.Forced) != "[overlap popularity]" || !strings.Contains(r.String(), "signed by force: overlap, popularity") {
		t.Fatalf("%+v, %v", r, err)
	}
	m := s.manifest(t, r)
	if fmt.Sprint(m.Forced) != fmt.Sprint(r.Forced) || m.Against.IsZero() {
		t.Errorf("%+v", m.Forced)
	}
}

// TestGateLimits: a limit can be moved.
func TestGateLimits(t *testing.T) {
	s := newSite(t)
	s.publish(t, "rel1")
	writeRelease(t, s.fs, "bad", 3, others)
	cfg := s.config("bad")
	cfg.Limits = compare.Limits{Overlap: -1, Popularity: 2}
	r, err := Run(t.Context(), cfg)
	if err != nil || r.Forced != nil || len(r.Figures) < 6 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestGateRecall: what the trainer says of recall counts, for the first release too.
func TestGateRecall(t *testing.T) {
	s := newSite(t)
	card := func(recall float64) {
		t.Helper()
		if err := vfs.WriteFile(s.fs, "rel1/"+CardFile, fmt.Appendf(nil, `{"quantised":{"recall":%g}}`, recall)); err != nil {
			t.Fatal(err)
		}
	}
	card(.5)
	if _, err := Run(t.Context(), s.config("rel1")); err == nil || !strings.Contains(err.Error(), "recall@10 of 0.5000") {
		t.Errorf("%v", err)
	}
	card(.99)
	s.publish(t, "rel1")
}

// TestGateNothingToCompare: where the origin has let the release before rot, another one is compared with nothing by force only, and its manifest says
// so. The same one repairs it.
func TestGateNothingToCompare(t *testing.T) {
	s := newSite(t)
	s.publish(t, "rel1")
	rot := func() {
		t.Helper()
		if err := s.fs.RemoveAll("origin/chunks"); err != nil {
			t.Fatal(err)
		}
	}
	rot()
	cfg := s.config("rel2")
	if _, err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "rel2 is held back") || !strings.Contains(err.Error(), "before: what is offered so far cannot be read: release 1-") {
		t.Errorf("%v", err)
	}
	if r := s.publish(t, "rel1"); !r.Unchanged || r.Alone || r.NewChunks == 0 || complete(t, s) != nil {
		t.Errorf("the same again: %+v", r)
	}
	rot()
	cfg.Force = true
	r, err := Run(t.Context(), cfg)
	if err != nil || !r.Alone || !strings.Contains(r.String(), "compared with nothing") || !slices.Contains(s.manifest(t, r).Forced, compare.Before) {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestUnreadWantsAWord: what an origin has lost of the release it offers takes neither rules nor the gate away unasked.
func TestUnreadWantsAWord(t *testing.T) {
	for name, above := range map[string]uint64{"manifest": 0, "rollout": 41} {
		s := newSite(t)
		first := s.config("rel1")
		first.Rules = s.rules(t, "rules.yaml", someRules)
		if _, err := Run(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		file := map[string]string{"manifest": origin.ManifestName(s.rollout(t).Release.Manifest.Hex()), "rollout": origin.RolloutName}[name]
		if err := s.fs.Remove("origin/" + file); err != nil {
			t.Fatal(err)
		}
		cfg := s.config("rel2")
		cfg.Above = above
		before := tree(t, s.fs, "origin")
		wants := func(with string, words ...string) {
			t.Helper()
			_, err := Run(t.Context(), cfg)
			for _, flag := range []string{"--rules", "--no-rules", "--force"} {
				if err == nil || slices.Contains(words, flag) != strings.Contains(err.Error(), flag) {
					t.Errorf("%s, %s: %v; want words on %q alone", name, with, err, words)
				}
			}
			if after := tree(t, s.fs, "origin"); fmt.Sprint(after) != fmt.Sprint(before) {
				t.Errorf("%s, %s: put %v beside %v", name, with, after, before)
			}
		}
		wants("without a word", "--rules", "--no-rules", "--force")
		cfg.Force = true
		wants("by force", "--rules", "--no-rules")
		cfg.Force, cfg.Rules = false, "rules.yaml"
		wants("with rules", "--force")
		cfg.Rules, cfg.NoRules = "", true
		wants("without rules", "--force")
		cfg.Rules, cfg.NoRules, cfg.Force = "rules.yaml", false, true
		r, err := Run(t.Context(), cfg)
		if err != nil || s.document(t) != someRules || fmt.Sprint(s.manifest(t, r).Forced) != "[before]" {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if again, err := Run(t.Context(), s.config("rel2")); err != nil || !again.Unchanged || s.document(t) != someRules {
			t.Errorf("%s: a plain one afterwards: %+v, %v", name, again, err)
		}
	}
}

// TestGateWantsAnAnswer fails each reading of the origin: what could not be read is never taken for what is not there, and so nothing is
// signed that was compared with nothing; unless by force.
func TestGateWantsAnAnswer(t *testing.T) {
	s, refused := newSite(t), 0
	s.publish(t, "rel1")
	publish := func(force bool, fails func(vfs.Op) bool) (Result, error) {
		cfg := s.config("rel2")
		cfg.Force = force
		cfg.Origin = origin.NewDir(vfs.Faulty(s.fs.Crash(func(n int) int { return n }), func(op vfs.Op) error {
			if fails(op) {
				return syscall.EIO
			}
			return nil
		}), "origin")
		return Run(t.Context(), cfg)
	}
	for n, more := 1, true; more; n++ {
		more = false
		r, err := publish(false, func(op vfs.Op) bool { more = more || op.N == n; return op.N == n })
		if err == nil && r.Alone {
			t.Fatalf("operation %d: compared with nothing", n)
		}
		if err != nil && strings.Contains(err.Error(), "nothing to compare with") {
			refused++
		}
	}
	if refused < 4 {
		t.Errorf("%d operations are of what is compared", refused)
	}
	chunks := func(op vfs.Op) bool { return op.Name == vfs.OpOpen && strings.HasPrefix(op.Path, "origin/chunks/") }
	if r, err := publish(false, chunks); err == nil {
		t.Errorf("nothing can be read: %+v", r)
	}
	if r, err := publish(true, chunks); err != nil || !r.Alone {
		t.Errorf("by force: %+v, %v", r, err)
	}
}

func tree(t *testing.T, fsys vfs.FS, dir string) (names []string) {
	t.Helper()
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, tree(t, fsys, dir+"/"+e.Name())...)
		} else {
			names = append(names, dir+"/"+e.Name())
		}
	}
	return names
}

// TestGateRules: rules that leave visitors nothing are held back, with a release and alone; harsh ones that leave whole lists pass, and what was forced or
// allowed once goes on with the next release.
func TestGateRules(t *testing.T) {
	s := newSite(t)
	wrong := s.rules(t, "wrong.yaml", "rules:\n- {name: a, when: {slot: hero}, only: {item: nobody}}\n")
	harsh := s.rules(t, "harsh.yaml", "rules:\n- {name: a, when: {slot: sale}, only: {item: ["+strings.Join(ids50(15, 50), ",")+"]}}\n")
	alone := func(c Config) (Result, error) { c.Release = ""; return RulesOnly(t.Context(), c) }
	whole := func(c Config) (Result, error) { return Run(t.Context(), c) }
	cfg := s.config("rel1")
	cfg.Rules = wrong
	if _, err := whole(cfg); err == nil || !strings.Contains(err.Error(), "short: rules leave 1.00 of 50 visitors nothing") || !strings.Contains(err.Error(), "in the slot hero") {
		t.Fatalf("first: %v", err)
	}
	s.publish(t, "rel1")
	before := tree(t, s.fs, "origin")
	for name, do := range map[string]func(Config) (Result, error){"alone": alone, "whole": whole} {
		if _, err := do(cfg); err == nil || !strings.Contains(err.Error(), "held back") || !strings.Contains(err.Error(), "nothing was signed") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := tree(t, s.fs, "origin"); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("put %v beside %v", after, before)
	}
	cfg.Rules = harsh
	if r, err := alone(cfg); err != nil || r.Forced != nil || s.named(t).Against.IsZero() {
		t.Errorf("harsh: %+v, %v", r, err)
	}
	cfg.Rules, cfg.Limits.Short = wrong, 1
	if r, err := alone(cfg); err != nil || r.Forced != nil {
		t.Errorf("allowed: %+v, %v", r, err)
	}
	if again, err := Run(t.Context(), s.config("rel2")); err != nil {
		t.Errorf("with the next release: %+v, %v", again, err)
	}
	cfg.Limits, cfg.Force = compare.Limits{}, true
	cfg.Rules = s.rules(t, "worse.yaml", "rules:\n- {name: a, only: {item: nobody}}\n")
	if r, err := alone(cfg); err != nil || fmt.Sprint(r.Forced) != "[short]" || fmt.Sprint(s.named(t).Forced) != "[short]" {
		t.Errorf("forced: %+v, %v", r, err)
	}
	cfg.Force, cfg.Rules = false, harsh
	if r, err := alone(cfg); err != nil || s.named(t).Forced != nil {
		t.Errorf("mended: %+v, %v", r, err)
	}
}

// ids50 are some of writeRelease's.
func ids50(from, to int) (list []string) {
	for i := from; i < to; i++ {
		list = append(list, fmt.Sprintf("i%03d", i))
	}
	return list
}
