package overlay

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/flate"
	"pgregory.net/rapid"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/testkit"
	"github.com/edged/edged/internal/vfs"
)

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// clock is a time that a test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func open(t interface {
	Helper()
	Fatal(...any)
}, fs vfs.FS, node string, c *clock) *Store {
	t.Helper()
	s, damage, err := Open(fs, "overlay", node, c.now)
	if err != nil || damage != nil {
		t.Fatal(err, damage)
	}
	return s
}

func ptr[T any](v T) *T { return &v }

// render is what counts, for people.
func render(s *Store) string {
	snap := s.Snapshot()
	var b strings.Builder
	for i := range snap.Entries {
		if e := &snap.Entries[i]; e.Counts(snap.At) {
			fmt.Fprintf(&b, "%s %v", e.ID, e.Field)
			switch e.Field {
			case Available:
				fmt.Fprint(&b, " ", e.Available)
			case Price:
				fmt.Fprint(&b, " ", e.Price)
			case Boost:
				fmt.Fprint(&b, " ", e.Boost)
			case Content:
				fmt.Fprintf(&b, " %q", e.Item.Title)
			}
			fmt.Fprintln(&b)
		}
	}
	return b.String()
}

func write(t testing.TB, s *Store, changes ...Change) []Entry {
	t.Helper()
	_, entries, err := s.Write(changes)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func TestFieldsAreWrittenAlone(t *testing.T) {
	c := &clock{noon}
	fs := vfs.NewMem()
	s := open(t, fs, "one", c)
	item := &edged.Item{ID: "new", Title: "A mug", Categories: []string{"home/kitchen"}, Price: 4}
	write(t, s, Change{ID: "a", Available: ptr(false), Price: ptr(9.5)}, Change{ID: "b", Boost: ptr(float32(2))}, Change{ID: "new", Item: item})
	write(t, s, Change{ID: "a", Available: ptr(true)}, Change{ID: "b", All: true})
	const want = "a available true\na price 9.5\nnew item \"A mug\"\n"
	if got := render(s); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	again := open(t, fs, "one", c)
	if got := render(again); got != want || again.Snapshot().Digest != s.Snapshot().Digest {
		t.Errorf("after a restart\n%s", got)
	}
	remove := Change{ID: "a"}
	remove.Take(Price)
	write(t, again, remove)
	if got := render(again); got != "a available true\nnew item \"A mug\"\n" {
		t.Errorf("after a removal\n%s", got)
	}
}

func TestTimes(t *testing.T) {
	c := &clock{noon}
	s := open(t, vfs.NewMem(), "one", c)
	at := func(d time.Duration) int64 { return noon.Add(d).UnixMilli() }
	write(t, s, Change{ID: "a", Price: ptr(2.), Time: at(-time.Hour)})
	r, entries, err := s.Write([]Change{{ID: "a", Price: ptr(1.), Time: at(-2 * time.Hour)}, {ID: "a", Price: ptr(2.), Time: at(-time.Hour)}})
	if err != nil || len(entries) != 0 || r != (Result{Older: 2}) {
		t.Errorf("%+v, %v", r, err)
	}
	for d, want := range map[time.Duration]string{6 * time.Minute: "ahead", -31 * 24 * time.Hour: "days ago"} {
		if _, _, err := s.Write([]Change{{ID: "a", Price: ptr(3.), Time: at(d)}}); !errors.Is(err, ErrChange) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", d, err)
		}
	}
	write(t, s, Change{ID: "b", Available: ptr(false), TTL: time.Minute})
	if got := s.Snapshot().Until; got != at(time.Minute) {
		t.Errorf("something changes at %d", got-at(0))
	}
	c.at = noon.Add(time.Minute)
	if got := render(s); got != "a price 2\n" {
		t.Errorf("when one is over: %s", got)
	}
	c.at = noon.Add(Remember)
	if s.Tick(); len(s.held) != 0 {
		t.Errorf("%d are remembered", len(s.held))
	}
	if s.digest != 0 {
		t.Error("the digest of nothing is not that of nothing")
	}
}

// An entry that counts for a short time only is remembered: an older one that arrives later does not count again.
func TestNothingRises(t *testing.T) {
	c := &clock{noon}
	s, other := open(t, vfs.NewMem(), "one", c), open(t, vfs.NewMem(), "two", c)
	old := write(t, other, Change{ID: "a", Available: ptr(false)})[0]
	c.at = c.at.Add(time.Second)
	write(t, s, Change{ID: "a", Available: ptr(true), TTL: time.Minute})
	c.at = c.at.Add(time.Hour)
	if news, err := s.Take(old); news || err != nil || render(s) != "" {
		t.Errorf("%v %v %s", news, err, render(s))
	}
}

// A clock that lags behind writes after what it has heard.
func TestStampsGoOn(t *testing.T) {
	ahead, behind := &clock{noon.Add(4 * time.Minute)}, &clock{noon}
	one, two := open(t, vfs.NewMem(), "one", ahead), open(t, vfs.NewMem(), "two", behind)
	first := write(t, one, Change{ID: "a", Price: ptr(1.)})[0]
	if news, err := two.Take(first); !news || err != nil {
		t.Fatal(news, err)
	}
	second := write(t, two, Change{ID: "a", Price: ptr(2.)})[0]
	if news, err := one.Take(second); !news || err != nil || render(one) != render(two) {
		t.Errorf("%v %v\n%s%s", news, err, render(one), render(two))
	}
	far := open(t, vfs.NewMem(), "far", &clock{noon.Add(time.Hour)})
	if _, err := two.Take(write(t, far, Change{ID: "a", Price: ptr(3.)})[0]); err == nil {
		t.Error("an entry from an hour ahead is taken")
	}
}

// Whatever nodes write, and in whatever order and however often the others hear it: all end with the same.
func TestConvergence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &clock{noon}
		nodes := []*Store{open(t, vfs.NewMem(), "one", c), open(t, vfs.NewMem(), "two", c), open(t, vfs.NewMem(), "three", c)}
		var all []Entry
		for range rapid.IntRange(1, 30).Draw(t, "writes") {
			c.at = c.at.Add(time.Duration(rapid.IntRange(0, 1).Draw(t, "ms")) * time.Millisecond)
			change := Change{ID: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "id")}
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				change.Available = ptr(rapid.Bool().Draw(t, "available"))
			case 1:
				change.Price = ptr(float64(rapid.IntRange(1, 3).Draw(t, "price")))
			case 2:
				change.Take(Price)
			case 3:
				change.Price, change.Time = ptr(7.), c.at.UnixMilli()
			}
			_, entries, err := rapid.SampledFrom(nodes).Draw(t, "writer").Write([]Change{change})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, entries...)
			if len(all) > 0 && rapid.Bool().Draw(t, "someone hears of one") {
				_, _ = rapid.SampledFrom(nodes).Draw(t, "hearer").Take(rapid.SampledFrom(all).Draw(t, "entry"))
			}
		}
		for _, n := range nodes {
			for _, e := range rapid.Permutation(append(slices.Clone(all), all...)).Draw(t, "order") {
				if _, err := n.Take(e); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, n := range nodes[1:] {
			if n.digest != nodes[0].digest || !bytes.Equal(n.Snapshot().Encode(), nodes[0].Snapshot().Encode()) {
				t.Fatalf("%s holds\n%s%s holds\n%s", nodes[0].node, render(nodes[0]), n.node, render(n))
			}
		}
	})
}

func TestLimits(t *testing.T) {
	s := open(t, vfs.NewMem(), "one", &clock{noon})
	var changes []Change
	for i := range MaxBoosts + 1 {
		changes = append(changes, Change{ID: fmt.Sprint(i), Boost: ptr(float32(2))})
	}
	if _, _, err := s.Write(changes); !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "501 boosts with these, at most 500") || render(s) != "" {
		t.Errorf("%v", err)
	}
	write(t, s, changes[1:]...)
	if _, _, err := s.Write([]Change{{ID: "1", Boost: ptr(float32(3))}}); err != nil {
		t.Errorf("what replaces another needs no room: %v", err)
	}
	for name, c := range map[string]Change{
		"price": {ID: "a", Price: ptr(-1.)}, "boost": {ID: "a", Boost: ptr(float32(1000))}, "id": {Available: ptr(true)},
		"packed": {ID: "a", Item: &edged.Item{ID: "a", Description: noise(5000)}}, "at most 8192": {ID: "a", Item: &edged.Item{ID: "a", Description: strings.Repeat("a ", 5000)}},
	} {
		if _, _, err := s.Write([]Change{c}); !errors.Is(err, ErrChange) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// noise is text that nothing makes shorter.
func noise(n int) string {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = '!' + byte(x>>24)%90
	}
	return string(b)
}

// Over what can be remembered the oldest goes, on every node the same.
func TestTheOldestGoes(t *testing.T) {
	c := &clock{noon}
	s := open(t, vfs.NewMem(), "one", c)
	var first string
	for i := range maxHeld + 10 {
		e, err := Decode("a"+fmt.Sprint(i), stampOf(noon.UnixMilli())+uint64(i), "two", encode(noon.UnixMilli()+1000, []byte{0}))
		if err != nil {
			t.Fatal(err)
		}
		if i == 10 {
			first = e.Key()
		}
		if news, err := s.Take(e); !news || err != nil {
			t.Fatal(i, news, err)
		}
	}
	if len(s.held) != maxHeld || s.oldest() != first {
		t.Errorf("%d held, the oldest %s", len(s.held), s.oldest())
	}
}

// The disk goes at every operation, and with it none, some or all of what was not synced: what Write had promised is there, and all of a
// batch or nothing of it.
func TestCrash(t *testing.T) {
	gone := errors.New("disk is gone")
	for at := 1; ; at++ {
		disk := vfs.NewMem()
		operations, promised := 0, 0
		fs := vfs.Faulty(disk, func(op vfs.Op) error {
			if operations++; operations >= at {
				return gone
			}
			return nil
		})
		s, _, err := Open(fs, "overlay", "one", (&clock{noon}).now)
		for i := 0; err == nil && i < 3; i++ {
			id := fmt.Sprint(i)
			if _, _, err = s.Write([]Change{{ID: id, Available: ptr(false)}, {ID: id, Price: ptr(1.)}}); err == nil {
				promised++
			}
		}
		for name, left := range map[string]*vfs.Mem{"power": disk.Crash(nil), "some": disk.Crash(func(n int) int { return n / 2 }), "killed": disk.Kill()} {
			lines := strings.Count(render(open(t, left, "one", &clock{noon})), "\n")
			if lines < 2*promised || lines > 2*promised+2 || lines%2 != 0 {
				t.Fatalf("%s at operation %d: %d lines, %d batches were promised", name, at, lines, promised)
			}
		}
		if promised == 3 {
			return
		}
	}
}

// A disk that fails for a while: nothing was promised, the next Write works.
func TestFailedWrite(t *testing.T) {
	fails := true
	s, _, err := Open(vfs.Faulty(vfs.NewMem(), func(op vfs.Op) error {
		if fails && op.Name == vfs.OpSync {
			return errors.New("no space left")
		}
		return nil
	}), "overlay", "one", (&clock{noon}).now)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Write([]Change{{ID: "a", Available: ptr(false)}}); err == nil || render(s) != "" {
		t.Errorf("%v %s", err, render(s))
	}
	fails = false
	write(t, s, Change{ID: "b", Available: ptr(false)})
	if render(s) != "b available false\n" {
		t.Error(render(s))
	}
}

// Every bit of a file: what is changed is noticed, laid aside, and the node starts.
func TestDamage(t *testing.T) {
	c := &clock{noon}
	disk := vfs.NewMem()
	write(t, open(t, disk, "one", c), Change{ID: "a", Available: ptr(false)}, Change{ID: "b", Item: &edged.Item{ID: "b", Title: "x"}})
	file, err := vfs.ReadFile(disk, "overlay", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 * len(file) {
		bad := bytes.Clone(file)
		bad[i/8] ^= 1 << (i % 8)
		if _, err := DecodeFile(bad); !errors.Is(err, ErrDamaged) {
			t.Fatalf("bit %d: %v", i, err)
		}
		if _, err := DecodeFile(file[:i/8]); !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut at %d: %v", i/8, err)
		}
	}
	file[20] ^= 1
	if err := vfs.WriteFile(disk, "overlay", file); err != nil {
		t.Fatal(err)
	}
	s, damage, err := Open(disk, "overlay", "one", c.now)
	if err != nil || !errors.Is(damage, ErrDamaged) || render(s) != "" {
		t.Errorf("%v %v", err, damage)
	}
	if aside, err := vfs.ReadFile(disk, "overlay.damaged", 1<<20); err != nil || !bytes.Equal(aside, file) {
		t.Errorf("laid aside: %v", err)
	}
}

func FuzzEntry(f *testing.F) {
	s := open(f, vfs.NewMem(), "one", &clock{noon})
	for _, e := range write(f, s, Change{ID: "a", Available: ptr(false), Price: ptr(2.), Boost: ptr(float32(.5))}, Change{ID: "b", Item: &edged.Item{ID: "b", Title: "t"}}) {
		f.Add(e.Key(), e.Stamp, e.Node, e.Value())
	}
	f.Add("iz", stampOf(noon.UnixMilli()), "one", encode(0, bomb(f)))
	f.Fuzz(func(t *testing.T, key string, stamp uint64, node string, value []byte) {
		var e Entry
		var err error
		testkit.Bounded(t, entryRoom(len(key)+len(node)+len(value), 1), func() { e, err = Decode(key, stamp, node, value) })
		if err != nil {
			return
		}
		again, err := Decode(e.Key(), e.Stamp, e.Node, e.Value())
		if err != nil || e.Key() != key || again.compare(&e) != 0 {
			t.Fatalf("%+v becomes %+v, %v", e, again, err)
		}
		if e.Item != nil {
			if _, err := pack(e.Item); err != nil && !strings.Contains(err.Error(), "at most") {
				t.Fatal(err)
			}
		}
	})
}

func FuzzFile(f *testing.F) {
	s := open(f, vfs.NewMem(), "one", &clock{noon})
	write(f, s, Change{ID: "a", Available: ptr(false)}, Change{ID: "b", Item: &edged.Item{ID: "b", Title: "t"}})
	f.Add(s.Snapshot().Encode())
	f.Add([]byte(magic))
	var crowd []Entry
	for i := range 1000 {
		e, err := Decode(fmt.Sprint("?", i), stampOf(noon.UnixMilli()), "n", encode(0, nil))
		if err != nil {
			f.Fatal(err)
		}
		crowd = append(crowd, e)
	}
	f.Add(encodeFile(crowd))
	f.Fuzz(func(t *testing.T, b []byte) {
		var list []Entry
		var err error
		items := bytes.Count(b, []byte{byte(Content)}) // entries of it begin with that
		testkit.Bounded(t, 2*entryRoom(len(b), items), func() {
			if list, err = DecodeFile(b); err != nil {
				list, err = DecodeFile(sealed(b)) // past the checksum
			}
		})
		if err != nil {
			return
		}
		again, err := DecodeFile(encodeFile(list))
		if err != nil || len(again) != len(list) {
			t.Fatalf("%d entries, then %d: %v", len(list), len(again), err)
		}
	})
}

// entryRoom is what reading entries of n bytes may allocate, items of them new items, which unpack to 8 KiB at most each (FORMAT.md).
func entryRoom(n, items int) int { return 32*n + 16<<10 + items*(256<<10) }

// bomb is 2 KiB that unpack to a megabyte.
func bomb(t testing.TB) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriterDict(&b, flate.BestCompression, dictionary)
	if err == nil {
		_, err = w.Write(bytes.Repeat([]byte("["), 1<<20))
	}
	if err = errors.Join(err, w.Close()); err != nil || b.Len() > maxContent {
		t.Fatal(b.Len(), err)
	}
	return b.Bytes()
}

// sealed puts the checksum right.
func sealed(b []byte) []byte {
	if len(b) < fileTrailer {
		return b
	}
	body := bytes.Clone(b[:len(b)-fileTrailer])
	return binary.LittleEndian.AppendUint32(body, crc32.Checksum(body, castagnoli))
}
