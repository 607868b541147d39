package profile

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/edged/edged"
	"pgregory.net/rapid"
)

const now = int64(1_700_000_000_000)

func newStore(o Options) *Store {
	o.Clock = func() time.Time { return time.UnixMilli(now) }
	return New(o)
}

func event(user, item string, typ edged.EventType, at int64) *edged.Event {
	return &edged.Event{User: user, Item: item, Type: typ, Time: at}
}

func items(list []Recent) []string {
	out := []string{}
	for _, r := range list {
		out = append(out, r.Item)
	}
	return out
}

func TestNewestFirstOneEntryAnItem(t *testing.T) {
	s := newStore(Options{MaxRecent: 3})
	for i, item := range []string{"a", "b", "c", "a", "d"} {
		s.Add(event("u", item, edged.View, now-100+int64(i)))
	}
	s.Add(event("u", "late", edged.View, now-1000)) // older than all, no room
	if got, want := items(s.Recent(nil, User("u"))), []string{"d", "a", "c"}; !slices.Equal(got, want) {
		t.Errorf("recent = %v, want %v", got, want)
	}
}

// By the bytes of a name the same is found as by its Key, and users are no sessions.
func TestRecentByBytes(t *testing.T) {
	s := newStore(Options{})
	s.Add(event("u", "a", edged.View, now-1))
	s.Add(&edged.Event{Session: "u", Item: "b", Type: edged.View, Time: now - 1})
	for _, c := range []struct {
		got, same []Recent
		want      []string
	}{
		{s.RecentUser(nil, []byte("u")), s.Recent(nil, User("u")), []string{"a"}},
		{s.RecentSession(nil, []byte("u")), s.Recent(nil, Session("u")), []string{"b"}},
		{s.RecentUser(nil, nil), s.Recent(nil, User("")), []string{}},
	} {
		if !slices.Equal(items(c.got), c.want) || !slices.Equal(c.got, c.same) {
			t.Errorf("%v and %v, want %v", c.got, c.same, c.want)
		}
	}
}

func TestTypes(t *testing.T) {
	for _, c := range []struct{ first, second, want edged.EventType }{
		{edged.View, edged.Purchase, edged.Purchase},
		{edged.Purchase, edged.View, edged.Purchase},
		{edged.Cart, edged.Click, edged.Cart},
		{edged.Purchase, edged.Return, edged.Return},
		{edged.Dismiss, edged.View, edged.View},
		{edged.Like, edged.Dismiss, edged.Dismiss},
		{"own", edged.View, edged.View},
	} {
		for _, swap := range []bool{false, true} {
			s := newStore(Options{})
			list := []*edged.Event{event("u", "a", c.first, now-2), event("u", "a", c.second, now-1)}
			if swap {
				slices.Reverse(list)
			}
			s.Add(list[0])
			s.Add(list[1])
			if got := s.Recent(nil, User("u")); len(got) != 1 || got[0].Type != c.want || got[0].Time != now-1 {
				t.Errorf("%s then %s (arriving swapped: %v) = %v, want one %s", c.first, c.second, swap, got, c.want)
			}
		}
	}
}

func TestWhatIsPassedOver(t *testing.T) {
	s := newStore(Options{MaxAge: time.Hour})
	s.Add(event("u", "a", edged.Impression, now))
	s.Add(event("u", "", edged.View, now))
	s.Add(event("", "a", edged.View, now))
	s.Add(event("u", "a", edged.View, now-3_600_001))
	if n := s.Len(); n != 0 {
		t.Errorf("%d visitors, want none", n)
	}
	s.Add(event("u", "future", edged.View, now+5000))
	if got := s.Recent(nil, User("u")); len(got) != 1 || got[0].Time != now {
		t.Errorf("an event of the future = %v, want it as of now", got)
	}
}

func TestOldItemsFadeWhileHeld(t *testing.T) {
	clock := now
	s := New(Options{MaxAge: time.Hour, Clock: func() time.Time { return time.UnixMilli(clock) }})
	s.Add(event("u", "a", edged.View, now))
	clock += 1_800_000
	s.Add(event("u", "b", edged.View, clock))
	clock += 1_800_001
	if got := items(s.Recent(nil, User("u"))); !slices.Equal(got, []string{"b"}) {
		t.Errorf("after an hour: %v, want b alone", got)
	}
}

func TestSessionIsNoUser(t *testing.T) {
	s := newStore(Options{})
	s.Add(event("alice", "secret", edged.View, now))
	if got := s.Recent(nil, Session("alice")); len(got) != 0 {
		t.Errorf("a session of the user's name reads %v", got)
	}
	s.Add(&edged.Event{Session: "s1", Item: "a", Type: edged.View, Time: now})
	if got := items(s.Recent(nil, Session("s1"))); !slices.Equal(got, []string{"a"}) {
		t.Errorf("session = %v, want a", got)
	}
}

func TestForget(t *testing.T) {
	s := newStore(Options{})
	s.Add(event("u", "a", edged.View, now))
	if !s.Forget(User("u")) || s.Forget(User("u")) || s.Len() != 0 {
		t.Error("forgetting once finds something, twice nothing")
	}
	if got := s.Recent(nil, User("u")); len(got) != 0 {
		t.Errorf("forgotten, yet %v", got)
	}
}

// Each shard is a queue of its own: the visitor forgotten is the one of the shard that was silent longest.
func TestLeastRecentIsEvicted(t *testing.T) {
	s := newStore(Options{MaxVisitors: 2 * shardCount})
	var crowd []string
	home := s.shard(s.id(User("first")))
	for i := 0; len(crowd) < 3; i++ {
		if u := fmt.Sprint("u", i); s.shard(s.id(User(u))) == home {
			crowd = append(crowd, u)
		}
	}
	for _, u := range []string{crowd[0], crowd[1], crowd[0], crowd[2]} {
		s.Add(event(u, "a", edged.View, now))
	}
	for i, want := range []int{1, 0, 1} {
		if got := len(s.Recent(nil, User(crowd[i]))); got != want {
			t.Errorf("visitor %d has %d items, want %d", i, got, want)
		}
	}
}

func TestVisitorsAreBounded(t *testing.T) {
	s := newStore(Options{MaxVisitors: 128})
	for i := range 5000 {
		s.Add(event(fmt.Sprint(i), "a", edged.View, now))
	}
	if n := s.Len(); n > 128 {
		t.Errorf("%d visitors, at most 128", n)
	}
}

// The order of arrival doesn't matter while all fit: times say what is newest.
func TestInsertKeepsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOfNDistinct(rapid.Int64Range(now-1000, now), 1, 80, rapid.ID[int64]).Draw(t, "times")
		limit := rapid.IntRange(1, 60).Draw(t, "limit")
		s := newStore(Options{MaxRecent: limit})
		for _, at := range times {
			s.Add(event("u", fmt.Sprint(at), edged.View, at))
		}
		slices.Sort(times)
		slices.Reverse(times)
		want := []string{}
		for _, at := range times[:min(limit, len(times))] {
			want = append(want, fmt.Sprint(at))
		}
		if got := items(s.Recent(nil, User("u"))); !slices.Equal(got, want) {
			t.Fatalf("recent = %v, want %v", got, want)
		}
	})
}

func TestRecentAllocatesNothing(t *testing.T) {
	s := newStore(Options{})
	for i := range 60 {
		s.Add(event("u", fmt.Sprint(i), edged.View, now-int64(i)))
	}
	dst := make([]Recent, 0, 50)
	if n := testing.AllocsPerRun(100, func() { dst = s.Recent(dst[:0], User("u")) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
	if len(dst) != 50 {
		t.Errorf("%d items, want 50", len(dst))
	}
}

func TestConcurrentUse(t *testing.T) {
	s := newStore(Options{MaxVisitors: shardCount})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			var dst []Recent
			for i := range 2000 {
				u := fmt.Sprint(i % 200)
				s.Add(event(u, fmt.Sprint(g, i), edged.View, now-int64(i)))
				dst = s.Recent(dst[:0], User(u))
				if !slices.IsSortedFunc(dst, func(a, b Recent) int { return int(b.Time - a.Time) }) {
					t.Errorf("not newest first: %v", dst)
				}
				if i%7 == 0 {
					s.Forget(User(u))
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkRecent(b *testing.B) {
	s := newStore(Options{})
	for i := range 50 {
		s.Add(event("u", fmt.Sprint(i), edged.View, now-int64(i)))
	}
	dst := make([]Recent, 0, 50)
	b.ReportAllocs()
	for b.Loop() {
		dst = s.Recent(dst[:0], User("u"))
	}
}
