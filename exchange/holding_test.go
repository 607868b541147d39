package exchange

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestHolding: every bit comes back; of groups none is said that is not whole, and the rest fits a gossiped message.
func TestHolding(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{0, 1, 7, 8, 9, 800, 8192, 8193, 131073} {
		have := make([]bool, n)
		for i := range have {
			have[i] = rng.IntN(100) > 0
		}
		b := NewHolding("10.0.0.1:8946", true, 77, have)
		h, err := DecodeHolding(b.Encode())
		if err != nil || !h.Wanting || h.Load != 77 || h.Address != "10.0.0.1:8946" || len(b.Encode()) > 1200 {
			t.Fatalf("%d: %+v, %v", n, h, err)
		}
		said := 0
		for i := range have {
			if h.Has(i) && !have[i] {
				t.Fatalf("%d of %d is said, and not there", i, n)
			}
			if h.Has(i) {
				said++
			} else if have[i] && n <= 8192 {
				t.Fatalf("%d of %d is there, and not said", i, n)
			}
		}
		if n > 8192 && said == 0 {
			t.Errorf("of %d nothing is said", n)
		}
	}
}

func FuzzHolding(f *testing.F) {
	h := NewHolding("127.0.0.1:8946", true, 3, []bool{true, false, true})
	f.Add(h.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := DecodeHolding(b)
		if err != nil {
			return
		}
		for _, i := range []int{0, 1, 8191, 1 << 30} {
			h.Has(i)
		}
		again, err := DecodeHolding(h.Encode())
		if err != nil || again.Address != h.Address || again.Has(3) != h.Has(3) {
			t.Fatalf("%+v, %+v, %v", h, again, err)
		}
	})
}

func FuzzTicket(f *testing.F) {
	k, err := newKeys("c", [][]byte{testKey})
	if err != nil {
		f.Fatal(err)
	}
	good := k.ticket(start, "/x")
	f.Add(good)
	f.Fuzz(func(t *testing.T, ticket string) {
		if _, err := k.check(start.Add(time.Second), ticket, "/y"); err == nil {
			t.Fatalf("%q is taken for another path", ticket)
		}
	})
}

// TestHearBounds: releases without end take no memory, and what is over is forgotten.
func TestHearBounds(t *testing.T) {
	now := start
	x, err := New(Config{Name: "me", Keys: [][]byte{testKey}, Clock: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	h := NewHolding("", true, 0, []bool{true})
	refused := 0
	for i := range 100 {
		if err := x.Hear("a", [32]byte{byte(i)}, h.Encode(), now.Add(time.Minute)); err != nil {
			refused++
		}
	}
	if refused != 100-maxReleases {
		t.Errorf("%d refused", refused)
	}
	now = now.Add(2 * time.Minute)
	if err := x.Hear("a", [32]byte{200}, h.Encode(), now.Add(time.Minute)); err != nil || len(x.peers) != 1 {
		t.Errorf("%d held, %v", len(x.peers), err)
	}
	if err := x.Hear("a", [32]byte{200}, []byte("nonsense"), now); err == nil {
		t.Error("nonsense is taken")
	}
}
