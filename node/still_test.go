package node

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edged/edged/origin"
	"github.com/edged/edged/release"
)

// meddled is an origin where something happens while the first chunk is fetched.
type meddled struct {
	origin.Origin
	once sync.Once
	do   func(ctx context.Context) error
	away bool // from then on, but for chunks
}

func (o *meddled) Get(ctx context.Context, name string, max int64) ([]byte, error) {
	if strings.HasPrefix(name, "chunks/") {
		var err error
		o.once.Do(func() { err = o.do(ctx) })
		if err != nil {
			return nil, err
		}
	} else if o.away {
		return nil, errors.New("no route")
	}
	return o.Origin.Get(ctx, name, max)
}

// revoke rotates the keys of a role, and shows the root.
func (s *shop) revoke(role release.Role) {
	s.t.Helper()
	s.rotate("keys", role)
	s.put(origin.RootName(2), s.newest("keys").Envelope())
}

// TestAttackMeanwhile: what changes while a release is fetched counts when it is there.
func TestAttackMeanwhile(t *testing.T) {
	for _, c := range []struct {
		name   string
		do     func(s *shop, o *meddled, second release.Ref)
		reason string // of a refusal
		serves uint64
	}{
		{name: "nothing", do: func(*shop, *meddled, release.Ref) {}, serves: 3},
		{name: "rolled back", do: func(s *shop, _ *meddled, second release.Ref) {
			s.roll(func(r *release.Rollout) { r.Release, r.Rollback = second, true })
		}, serves: 2},
		{name: "held", do: func(s *shop, _ *meddled, _ release.Ref) { s.roll(func(r *release.Rollout) { r.Hold = true }) }, serves: 2},
		{name: "newer", do: func(s *shop, _ *meddled, _ release.Ref) { s.publish(4) }, serves: 4},
		{name: "refreshed", do: func(s *shop, _ *meddled, _ release.Ref) { s.refresh() }, serves: 3},
		{name: "expired", do: func(s *shop, _ *meddled, _ release.Ref) { s.pass(31 * 24 * time.Hour) }, reason: "expired", serves: 2},
		{name: "expired and away", do: func(s *shop, o *meddled, _ release.Ref) { s.pass(31 * 24 * time.Hour); o.away = true }, reason: "expired", serves: 2},
		{name: "away", do: func(_ *shop, o *meddled, _ release.Ref) { o.away = true }, serves: 3},
		{name: "freshness revoked", do: func(s *shop, _ *meddled, _ release.Ref) { s.revoke(release.RoleFreshness) }, reason: "key", serves: 2},
		{name: "release revoked", do: func(s *shop, _ *meddled, _ release.Ref) { s.revoke(release.RoleRelease) }, reason: "key", serves: 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, m, n, results := underAttack(t)
			second := releaseRef(s, results[1])
			s.publish(3)
			o := &meddled{Origin: n.cfg.Origin}
			o.do = func(context.Context) error { c.do(s, o, second); return nil }
			n.cfg.Origin = o
			err := n.Check(t.Context())
			var r *Refusal
			if c.reason == "" && err != nil || c.reason != "" && (!errors.As(err, &r) || r.Reason != c.reason) {
				t.Errorf("%v, want %q", err, c.reason)
			}
			serves(t, n, c.serves)
			if c.serves != 3 && slices.ContainsFunc(m.swapped, func(id string) bool { return strings.HasPrefix(id, "3-") }) {
				t.Errorf("served %q", m.swapped)
			}
		})
	}
}

// TestAttackReplayMeanwhile: an origin that shows the rollout before again, while the newest is followed.
func TestAttackReplayMeanwhile(t *testing.T) {
	s, _, n, results := underAttack(t)
	s.roll(func(r *release.Rollout) { r.Release, r.Rollback = releaseRef(s, results[1]), true }) // 3, never seen by the node
	replayed := s.get(origin.RolloutName)
	s.publish(3)
	n.cfg.Origin = &meddled{Origin: n.cfg.Origin, do: func(context.Context) error { s.put(origin.RolloutName, replayed); return nil }}
	var r *Refusal
	if err := n.Check(t.Context()); !errors.As(err, &r) || r.Reason != "version" {
		t.Errorf("%v", err)
	}
	serves(t, n, 2)
}

// TestFetchEnds: a fetch that takes long is ended within a poll interval of the rollout that turns away from it, or of its end.
func TestFetchEnds(t *testing.T) {
	for _, c := range []struct {
		name   string
		do     func(s *shop, second release.Ref)
		reason string
	}{
		{name: "rolled back", do: func(s *shop, second release.Ref) {
			s.roll(func(r *release.Rollout) { r.Release, r.Rollback = second, true })
		}},
		{name: "expired", do: func(s *shop, _ release.Ref) { s.pass(31 * 24 * time.Hour) }, reason: "expired"},
		{name: "revoked", do: func(s *shop, _ release.Ref) { s.revoke(release.RoleRelease); s.pass(time.Minute) }, reason: "key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _, n, results := underAttack(t)
			second := releaseRef(s, results[1])
			s.publish(3)
			synctest.Test(t, func(t *testing.T) {
				n.cfg.Origin = &meddled{Origin: n.cfg.Origin, do: func(ctx context.Context) error {
					time.Sleep(10 * time.Second)
					c.do(s, second)
					<-ctx.Done()
					return ctx.Err()
				}}
				began := time.Now()
				err := n.Check(context.Background())
				if took := time.Since(began); took > 10*time.Second+DefaultPoll {
					t.Errorf("ended after %v", took)
				}
				var r *Refusal
				if c.reason == "" && err != nil || c.reason != "" && (!errors.As(err, &r) || r.Reason != c.reason) {
					t.Errorf("%v, want %q", err, c.reason)
				}
				serves(t, n, 2)
			})
		})
	}
}

// TestAttackDrip: an origin that sends every piece, each so late that no request is given up, is told of.
func TestAttackDrip(t *testing.T) {
	s, _, n, _ := underAttack(t)
	s.publish(3)
	synctest.Test(t, func(t *testing.T) {
		honest := n.cfg.Origin
		n.cfg.Origin = late{honest}
		var r *Refusal
		if err := n.Check(context.Background()); !errors.As(err, &r) || r.Reason != "slow" {
			t.Errorf("%v", err)
		}
		serves(t, n, 2)
		alarmed(t, n, AlarmRefused)
		n.cfg.Origin = honest
		s.check(n)
		serves(t, n, 3)
		alarmed(t, n)
	})
}

type late struct{ origin.Origin }

func (o late) Get(ctx context.Context, name string, max int64) ([]byte, error) {
	if strings.HasPrefix(name, "chunks/") {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(3 * time.Minute):
		}
	}
	return o.Origin.Get(ctx, name, max)
}

// TestSteady: what is slow and honest is let through: many small pieces, whole pieces now and then, and what the node's own rate makes slow.
func TestSteady(t *testing.T) {
	pieces := func(n int, size int64) []release.Piece {
		list := make([]release.Piece, n)
		for i := range list {
			list[i].Size = size
		}
		return list
	}
	for _, c := range []struct {
		name string
		want []release.Piece
		each time.Duration
		rate int64
		slow bool
	}{
		{name: "small", want: pieces(2000, 50), each: 3 * time.Second},
		{name: "small and late", want: pieces(2000, 50), each: 5 * time.Second, slow: true},
		{name: "whole", want: pieces(100, 256<<10), each: 150 * time.Second},
		{name: "more than a day", want: pieces(4000, 256<<10), each: 25 * time.Second, slow: true},
		{name: "our own rate", want: pieces(100, 1<<20), each: 1 << 20 * time.Second / 500, rate: 500},
		{name: "slower than that", want: pieces(100, 1<<20), each: 1 << 20 * time.Second / 50, rate: 500, slow: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fetch := release.OneByOne(func(ctx context.Context, p release.Piece) ([]byte, error) {
					select {
					case <-ctx.Done():
						return nil, ctx.Err()
					case <-time.After(c.each):
						return nil, nil
					}
				})
				n := 0
				err := steady(fetch, c.rate)(context.Background(), c.want, func(release.Piece, []byte) error { n++; return nil })
				if slow := errors.Is(err, origin.ErrSlow); slow != c.slow || !slow && (err != nil || n != len(c.want)) {
					t.Errorf("%v after %d pieces", err, n)
				}
			})
		})
	}
}
