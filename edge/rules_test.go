package edge

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/overlay"
	"github.com/edged/edged/publish"
	"github.com/edged/edged/rules"
)

func first(t testing.TB, e *Edge) string {
	t.Helper()
	status, a := ask(t, "GET", "http://"+e.Addr()+"/v1/recommend?n=1", "")
	if status != 200 || len(a.Items) == 0 {
		t.Fatalf("%d %+v", status, a)
	}
	return a.Items[0].ID
}

func pinRule(item string) []byte {
	return []byte("rules: [{name: top, pin: {item: " + item + "}}]")
}

// Rules count from the start, follow the file and the release, and a document that is wrong changes nothing.
func TestRulesFollowTheFile(t *testing.T) {
	s := newShop(t)
	id := s.publish("a")
	s.must(vfs.WriteFile(s.fs, "rules.yaml", pinRule("a-040")))
	cfg := s.config("one")
	cfg.Rules = "rules.yaml"
	e := s.start(cfg)
	until(t, "it serves", func() bool { return serves(t, e, id) })
	if got := first(t, e); got != "a-040" {
		t.Errorf("first is %s, want what is pinned", got)
	}
	s.must(vfs.WriteFile(s.fs, "rules.yaml", pinRule("a-041")))
	until(t, "the new rule holds", func() bool { return first(t, e) == "a-041" })
	s.must(vfs.WriteFile(s.fs, "rules.yaml", []byte("rules: [{name: top, pinn: x}]")))
	until(t, "the document is refused", func() bool {
		e.rules.mu.Lock()
		defer e.rules.mu.Unlock()
		return e.rules.refused != nil
	})
	if got := first(t, e); got != "a-041" {
		t.Errorf("first is %s after a wrong document", got)
	}
	for _, known := range e.rules.current.Load() {
		if known.model != nil && known.model != e.Current().Model() {
			t.Error("rules that were changed count for the release before")
		}
	}
	status := e.rules.status().(rulesStatus)
	if !status.Refused || status.Rules != 1 || len(status.Warnings) != 0 {
		t.Errorf("%+v", status)
	}
	second := s.publish("b")
	s.must(e.node.Check(t.Context()))
	until(t, "the second release is served", func() bool { return serves(t, e, second) })
	if got := first(t, e); !strings.HasPrefix(got, "b-") {
		t.Errorf("first is %s of another release", got)
	}
	until(t, "the warning is there", func() bool {
		status := e.rules.status().(rulesStatus)
		return len(status.Warnings) == 1 && strings.Contains(status.Warnings[0], `no item "a-041"`)
	})
	s.must(vfs.WriteFile(s.fs, "rules.yaml", pinRule("b-042")))
	until(t, "rules are right again", func() bool { return first(t, e) == "b-042" && !e.rules.status().(rulesStatus).Refused })
}

func TestWrongRulesDoNotStart(t *testing.T) {
	s := newShop(t)
	s.must(vfs.WriteFile(s.fs, "rules.yaml", []byte("rules:\n- {name: top, pinn: x}\n- {name: b}\n")))
	for _, name := range []string{"rules.yaml", "none.yaml"} {
		cfg := s.config("one")
		cfg.Rules = name
		if e, err := Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "rules: ") {
			t.Errorf("%s: %v %v", name, e, err)
		} else if name == "rules.yaml" && (!strings.Contains(err.Error(), "line 2: ") || !strings.Contains(err.Error(), "line 3: ")) {
			t.Errorf("%v, want both lines", err)
		}
	}
}

// Rules of a release count with it and with nothing else: from its swap on, through changes of rules alone, and back. A file of the node's own
// counts in their place.
func TestRulesOfReleases(t *testing.T) {
	s := newShop(t)
	s.rules = "shipped.yaml"
	s.must(vfs.WriteFile(s.fs, s.rules, pinRule("a-040")))
	s.must(vfs.WriteFile(s.fs, "own.yaml", pinRule("a-049")))
	id := s.publish("a")
	own := s.config("own")
	own.Rules = "own.yaml"
	e, other := s.start(s.config("one")), s.start(own)
	until(t, "both serve", func() bool { return serves(t, e, id) && serves(t, other, id) })
	versions := map[string]bool{}
	obeys := func(item, own string) {
		t.Helper()
		s.must(e.node.Check(t.Context()))
		s.must(other.node.Check(t.Context()))
		_, a := ask(t, "GET", "http://"+e.Addr()+"/v1/recommend?n=1", "")
		status := e.rules.status().(rulesStatus)
		if a.Items[0].ID != item || a.RulesVersion == "" || a.RulesVersion != status.Version || status.From != rulesOfRelease || status.Rules != 1 {
			t.Errorf("first is %s by rules %q, want %s; %+v", a.Items[0].ID, a.RulesVersion, item, status)
		}
		versions[a.RulesVersion] = true
		status = other.rules.status().(rulesStatus)
		if got := first(t, other); got != own || status.From != rulesOfFile {
			t.Errorf("first is %s where the node has rules of its own, want %s; %+v", got, own, status)
		}
	}
	obeys("a-040", "a-049")
	s.must(vfs.WriteFile(s.fs, s.rules, pinRule("a-041")))
	_, err := publish.RulesOnly(t.Context(), s.publisher(""))
	s.must(err)
	obeys("a-041", "a-049")
	s.must(e.node.Rollback())
	obeys("a-040", "a-049")
	s.must(e.node.Rollback())
	obeys("a-041", "a-049")
	price := 3.
	_, err = e.overlay.Write([]overlay.Change{{ID: "a-041", Price: &price}})
	s.must(err)
	obeys("a-041", "a-049")
	if len(versions) != 2 {
		t.Errorf("versions %v, want two", versions)
	}
	gone := s.publisher("")
	gone.Rules, gone.NoRules = "", true
	_, err = publish.RulesOnly(t.Context(), gone)
	s.must(err)
	s.must(e.node.Check(t.Context()))
	_, a := ask(t, "GET", "http://"+e.Addr()+"/v1/recommend?n=1", "")
	if status := e.rules.status().(rulesStatus); a.RulesVersion != "" || status.Version != "" || status.Rules != 0 {
		t.Errorf("without rules: %+v, %+v", a, status)
	}
}

// A document that is written in place counts once it has stayed as it is for a while; of its beginnings, which are documents as well, none does.
func TestRulesBeingWrittenDoNotCount(t *testing.T) {
	s, now := newShop(t), time.Unix(1_800_000_000, 0)
	b := &rulebook{e: &Edge{cfg: Config{FS: s.fs, Rules: "rules.yaml", Clock: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)}}}
	write := func(text string) { s.must(vfs.WriteFile(s.fs, "rules.yaml", []byte(text))) }
	const first, whole = "rules: [{name: a, pin: {item: a}}]\n", "rules:\n- {name: b, pin: {item: b}}\n- {name: c, pin: {item: c}}\n"
	write(first)
	s.must(b.read())
	for end := range len(whole) {
		write(whole[:end])
		b.follow(b.e.look("rules.yaml", rules.MaxDocument))
		now = now.Add(settleTime - 1)
		if string(b.document) != first || b.refuses() {
			t.Fatalf("after %q: %q, refused %v", whole[:end], b.document, b.refuses())
		}
	}
	write(whole)
	for i, want := range []string{first, first, whole} {
		b.follow(b.e.look("rules.yaml", rules.MaxDocument))
		if string(b.document) != want {
			t.Errorf("look %d at what is whole: %q", i, b.document)
		}
		now = now.Add(settleTime/2 + 1)
	}
}
