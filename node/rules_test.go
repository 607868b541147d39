package node

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/origin"
	"github.com/edged/edged/publish"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/release"
	"github.com/edged/edged/rules"
)

// ruled publishes a version with rules of that many rules, 0 for none; or these rules alone, where dir is empty.
func (s *shop) ruled(dir string, n int) publish.Result {
	s.t.Helper()
	cfg := s.publisher(dir)
	if cfg.NoRules = n == 0; !cfg.NoRules {
		cfg.Rules = "rules.json"
		s.write(cfg.Rules, func(w io.Writer) error {
			_, err := io.WriteString(w, ruleList(n))
			return err
		})
	}
	do := publish.Run
	if dir == "" {
		do = publish.RulesOnly
	}
	r, err := do(s.t.Context(), cfg)
	s.must(err)
	return r
}

func ruleList(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`{"name":"r%d","pin":{"item":"v1-%03d"}}`, i, i))
	}
	return `{"rules":[` + strings.Join(list, ",") + `]}`
}

// obeys fails unless a release of that version is served, with so many rules.
func obeys(t testing.TB, n *Node, version uint64, count int) {
	t.Helper()
	r := n.Current()
	got := 0
	if r.Rules() != nil {
		got = r.Rules().Len()
	}
	if r.Release().Version != version || got != count {
		t.Fatalf("release %d with %d rules is served, want %d with %d; %+v", r.Release().Version, got, version, count, n.Status())
	}
}

// fetched notes the names an origin is asked for.
type fetched struct {
	origin.Origin
	mu    sync.Mutex
	names []string
}

func (f *fetched) Get(ctx context.Context, name string, limit int64) ([]byte, error) {
	f.mu.Lock()
	f.names = append(f.names, name)
	f.mu.Unlock()
	return f.Origin.Get(ctx, name, limit)
}

// Rules come, change and go with releases; where they change alone, they travel alone; a rollback and a restart bring them back.
func TestRules(t *testing.T) {
	s, m := newShop(t), newMachine()
	cfg := s.config(m)
	asked := &fetched{Origin: cfg.Origin}
	cfg.Origin = asked
	n, err := Open(t.Context(), cfg)
	s.must(err)
	first := s.ruled(s.train(1), 2)
	s.check(n)
	obeys(t, n, 1, 2)
	asked.names = nil
	s.ruled("", 3)
	s.check(n)
	obeys(t, n, 2, 3)
	chunks := slices.DeleteFunc(slices.Clone(asked.names), func(name string) bool { return !strings.HasPrefix(name, "chunks/") })
	if len(chunks) != 1 {
		t.Errorf("fetched %q, want the rules' chunk", chunks)
	}
	s.ruled("", 0)
	s.check(n)
	obeys(t, n, 3, 0)

	s.must(n.Rollback())
	obeys(t, n, 2, 3)
	s.must(n.Close())
	n, err = Open(t.Context(), cfg)
	s.must(err)
	obeys(t, n, 2, 3)
	s.roll(func(r *release.Rollout) { r.Release, r.Rollback = releaseRef(s, first), true })
	s.check(n)
	obeys(t, n, 1, 2)
	s.must(n.Close())
}

// What is to be done before a release is served is done while the one before still is.
func TestBeforeSwap(t *testing.T) {
	s, m := newShop(t), newMachine()
	cfg := s.config(m)
	var n *Node
	var served []uint64
	cfg.BeforeSwap = func(next *rank.Ranker) {
		if now := n.Current(); now != nil {
			served = append(served, now.Release().Version, next.Release().Version)
		}
	}
	n, err := Open(t.Context(), cfg)
	s.must(err)
	for version := range 3 {
		s.publish(version + 1)
		s.check(n)
	}
	s.must(n.Rollback())
	if want := []uint64{1, 2, 2, 3, 3, 2}; !slices.Equal(served, want) {
		t.Errorf("served and next were %v, want %v", served, want)
	}
	s.must(n.Close())
}

// Signed rules that don't load here, those of an edged to come say, are refused with their release: the one before is served on, and an alarm is raised.
func TestRulesRefused(t *testing.T) {
	for _, c := range []struct {
		name, reason, words string
		document            []byte
	}{
		{"unknown key", "rules", `line 2: rule "a"`, []byte("rules:\n- {name: a, teleport: {item: x}}\n")},
		{"no document", "rules", "line 1", []byte{'{'}},
		{"too large", "size", `component "rules"`, bytes.Repeat([]byte("#"), rules.MaxDocument+1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, m := newShop(t), newMachine()
			s.ruled(s.train(1), 2)
			n := s.open(m)
			s.check(n)
			manifest, err := release.OpenManifest(s.trust, s.get(origin.ManifestName(n.Status().Manifest.Hex())))
			s.must(err)
			component, err := release.Split(RulesComponent, bytes.NewReader(c.document), release.Plan{}, func(p release.Piece, packed []byte) error {
				return s.origin().Put(context.Background(), origin.ChunkName(p.Hash.Hex()), packed)
			})
			s.must(err)
			manifest.Version, manifest.Components[2] = 2, component
			ref := s.signManifest(manifest)
			s.roll(func(r *release.Rollout) { r.Release, r.Highest = ref, 2 })
			expectRefusal(t, n, m, c.reason, c.words)
			obeys(t, n, 1, 2)
			alarmed(t, n, AlarmRefused)
			s.ruled("", 1)
			s.check(n)
			obeys(t, n, 3, 1)
			alarmed(t, n)
		})
	}
}

// Rules that the disk has changed are not obeyed: the release is fetched again.
func TestRulesDamaged(t *testing.T) {
	s, m := newShop(t), newMachine()
	s.ruled(s.train(1), 2)
	n := s.open(m)
	s.check(n)
	name := n.store.Path(n.served, RulesComponent)
	s.must(n.Close())
	s.must(vfs.WriteFile(m.fs, name, []byte(strings.Replace(ruleList(2), "r1", "r7", 1))))
	n = s.open(m)
	if n.Current() != nil {
		t.Fatal("a release with rules of somebody else's is served")
	}
	s.check(n)
	obeys(t, n, 1, 2)
}
