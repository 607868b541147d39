// Package origintest holds the one conformance suite of package origin: every kind of origin passes it, in its own tests.
package origintest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/edged/edged/origin"
)

// Run holds an empty origin against the contract of origin.Origin. open gives a fresh one.
func Run(t *testing.T, open func(t *testing.T) origin.Origin) {
	for name, test := range map[string]func(*testing.T, origin.Origin){
		"PutGet": putGet, "NotFound": notFound, "Replace": replace, "TooLarge": tooLarge, "BadNames": badNames,
		"OwnBytes": ownBytes, "WholeOrNothing": wholeOrNothing, "Cancelled": cancelled, "Lock": lock,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func put(t *testing.T, o origin.Origin, name string, data []byte) {
	t.Helper()
	if err := o.Put(t.Context(), name, data); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, o origin.Origin, name string, want []byte) {
	t.Helper()
	got, err := o.Get(t.Context(), name, int64(len(want)))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: %.40q, %v; want %.40q", name, got, err, want)
	}
}

func putGet(t *testing.T, o origin.Origin) {
	data := map[string][]byte{"a": []byte("1"), "b/c/d": bytes.Repeat([]byte("x"), 1<<20), "b/c/e.json": {}}
	for name, b := range data {
		put(t, o, name, b)
	}
	for name, b := range data {
		expect(t, o, name, b)
	}
	if o.String() == "" {
		t.Error("no address")
	}
}

func notFound(t *testing.T, o origin.Origin) {
	put(t, o, "there", nil)
	if _, err := o.Get(t.Context(), "chunks/aa/absent", 10); !errors.Is(err, origin.ErrNotFound) {
		t.Errorf("absent: %v", err)
	}
}

func replace(t *testing.T, o origin.Origin) {
	put(t, o, origin.RolloutName, []byte("the first, and longer"))
	put(t, o, origin.RolloutName, []byte("second"))
	expect(t, o, origin.RolloutName, []byte("second"))
}

func tooLarge(t *testing.T, o origin.Origin) {
	put(t, o, "a", make([]byte, 1000))
	if b, err := o.Get(t.Context(), "a", 999); !errors.Is(err, origin.ErrTooLarge) || b != nil {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

func badNames(t *testing.T, o origin.Origin) {
	for _, name := range []string{"", ".", "..", "/a", "a/", "a//b", "../a", "a/../b", "a/./b", ".lock", "a/.b", "a\\b", "c:a", "a\x00", strings.Repeat("a", 300), "\xff"} {
		if err := o.Put(t.Context(), name, []byte("x")); err == nil {
			t.Errorf("put %q: accepted", name)
		}
		if _, err := o.Get(t.Context(), name, 10); err == nil || errors.Is(err, origin.ErrNotFound) {
			t.Errorf("get %q: %v", name, err)
		}
	}
}

// ownBytes: what is stored, and what was handed out, is nobody else's to change.
func ownBytes(t *testing.T, o origin.Origin) {
	data := []byte("data")
	put(t, o, "a", data)
	data[0] = 'X'
	got, err := o.Get(t.Context(), "a", 10)
	if err != nil {
		t.Fatal(err)
	}
	got[1] = 'X'
	expect(t, o, "a", []byte("data"))
}

// wholeOrNothing: while a name is replaced, readers see one of its values, never a part.
func wholeOrNothing(t *testing.T, o origin.Origin) {
	value := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i)}, 1000+i) }
	put(t, o, "a", value(0))
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 20 {
			if err := o.Put(context.Background(), "a", value(i)); err != nil {
				t.Error(err)
			}
		}
	})
	for range 50 {
		b, err := o.Get(t.Context(), "a", 2000)
		if err != nil || len(b) == 0 || !bytes.Equal(b, value(int(b[0]-'a'))) {
			t.Errorf("%d bytes, %v", len(b), err)
		}
	}
	wg.Wait()
}

func cancelled(t *testing.T, o origin.Origin) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := o.Put(ctx, "a", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v", err)
	}
	if _, err := o.Get(ctx, "a", 10); !errors.Is(err, context.Canceled) {
		t.Errorf("get: %v", err)
	}
}

// lock is for origins that can keep publishers apart.
func lock(t *testing.T, o origin.Origin) {
	l, ok := o.(origin.Locker)
	if !ok {
		t.Skip("this origin has no lock")
	}
	first, err := l.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Lock(t.Context()); !errors.Is(err, origin.ErrLocked) {
		t.Errorf("second lock: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := l.Lock(t.Context())
	if err != nil {
		t.Fatal(fmt.Errorf("after release: %w", err))
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}
