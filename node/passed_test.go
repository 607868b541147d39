package node

import (
	"context"
	"errors"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/origin"
	"github.com/edged/edged/release"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged/model"
	"github.com/edged/edged/publish"
)

// TestShortGoesOn: what was let through once goes on with the next release, whose manifest forces nothing: a node that holds nothing takes it, too.
func TestShortGoesOn(t *testing.T) {
	s := newShop(t)
	s.publish(1)
	old := s.open(newMachine())
	s.check(old)
	s.write("rules.json", func(w io.Writer) error {
		_, err := io.WriteString(w, `{"rules":[{"name":"a","when":{"slot":"hero"},"only":{"item":"nobody"}}]}`)
		return err
	})
	cfg := s.publisher("")
	cfg.Rules = "rules.json"
	r, err := publish.RulesOnly(t.Context(), cfg) // by force
	s.must(err)
	if len(r.Forced) != 1 {
		t.Fatalf("%+v", r.Forced)
	}
	cfg = s.publisher(s.train(1, func(b *model.Build) { b.Popularity[49] = 0.5 }))
	cfg.Force = false
	r, err = publish.Run(t.Context(), cfg) // as it was
	s.must(err)
	if r.Version != 3 || r.Forced != nil {
		t.Fatalf("%+v", r)
	}
	for name, n := range map[string]*Node{"slept over one": old, "new": s.open(newMachine())} {
		if err := n.Check(t.Context()); err != nil || n.Current() == nil || n.Current().Release().Version != 3 {
			t.Errorf("%s: %v; serves %v", name, err, n.Current())
		}
	}
}

// TestSickStart: what can't be read at one start, and can at the next, is served by then, origin or not.
func TestSickStart(t *testing.T) {
	s, base := holding2(t)
	s.must(s.fs.RemoveAll("origin"))
	disk := base.Crash(keepAll)
	sick := true
	fsys := vfs.Faulty(disk, func(op vfs.Op) error {
		if sick && op.Name == vfs.OpRead && strings.Contains(op.Path, CatalogueComponent) {
			sick = false
			return errors.New("disk error")
		}
		return nil
	})
	n, err := Open(t.Context(), s.config(&machine{fs: fsys}))
	s.must(err)
	serves(t, n, 1)
	s.must(n.Close())
	serves(t, s.open(&machine{fs: disk}), 2)
}

// TestManyRootsMeanwhile: more roots than are followed in one look come while a release is fetched, the last of which revokes the keys that signed it.
func TestManyRootsMeanwhile(t *testing.T) {
	s, _, n, _ := underAttack(t)
	s.publish(3)
	n.cfg.Origin = &meddled{Origin: n.cfg.Origin, do: func(context.Context) error {
		for range release.MaxRoots {
			change, err := s.custody("keys").Renew()
			s.must(err)
			s.put(origin.RootName(change.Trust.Version()), change.Trust.Envelope())
		}
		s.rotate("keys", release.RoleRelease)
		s.put(origin.RootName(release.MaxRoots+2), s.newest("keys").Envelope())
		s.pass(time.Minute)
		return nil
	}}
	if err := n.Check(t.Context()); !errors.Is(err, errMoreRoots) {
		t.Errorf("%v", err)
	}
	serves(t, n, 2)
}
