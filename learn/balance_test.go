package learn

import (
	"math"
	"slices"
	"testing"
)

func TestBalanceKeepsScoresAndLowersTheLoss(t *testing.T) {
	m := tinyALS(7)
	m.sweep(t)
	for i := range m.y { // as far from balance as it may start
		m.y[i] *= 3
	}
	for i := range m.x {
		m.x[i] /= 3
	}
	x, y, before := slices.Clone(m.x), slices.Clone(m.y), m.loss()
	gain := m.balance()
	if gain < 0.01*before {
		t.Fatalf("gained %v of %v", gain, before)
	}
	wantNear(t, "the loss", m.loss(), before-gain, 1e-5)
	for u := range m.users.obs.Rows() {
		for i := range m.items.obs.Rows() {
			was := dot32(x[u*m.p:][:m.p], y[i*m.p:][:m.p])
			if now := dot32(m.x[u*m.p:][:m.p], m.y[i*m.p:][:m.p]); math.Abs(now-was) > 1e-5 {
				t.Fatalf("score of visitor %d and item %d: %v, before %v", u, i, now, was)
			}
		}
	}
	p, q := m.penaltyGram(m.x, m.users), m.penaltyGram(m.y, m.items)
	for i := range m.d {
		for j := range m.d {
			want := 0.0
			if i == j {
				want = p.At(i, i)
			}
			if size := p.At(0, 0) + p.At(i, i); math.Abs(p.At(i, j)-want) > 1e-3*size || math.Abs(q.At(i, j)-want) > 1e-3*size {
				t.Fatalf("element %d,%d: %v of the visitors, %v of the items; want %v", i, j, p.At(i, j), q.At(i, j), want)
			}
		}
	}
	if again := m.balance(); math.Abs(again) > 1e-4*gain {
		t.Fatalf("a second time gained %v after %v", again, gain)
	}
}

// TestBalanceNeedsRegularisation: without any, every T is as good, and nothing changes.
func TestBalanceNeedsRegularisation(t *testing.T) {
	m := begun(ALS{Factors: 8, A0: .2, Seed: 1}, randomPairs(1, 40, 30, 300), 1)
	m.sweep(t)
	x := slices.Clone(m.x)
	if norm2(x) == 0 {
		t.Fatal("there is nothing to balance")
	}
	if gain := m.balance(); gain != 0 || !slices.Equal(x, m.x) {
		t.Fatalf("gained %v", gain)
	}
}
