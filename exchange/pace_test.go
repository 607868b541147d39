package exchange

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// wire lets an Exchange ask handlers by their address, without a network.
type wire map[string]http.Handler

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	w[r.URL.Host].ServeHTTP(answer, r)
	return answer.Result(), nil
}

// TestFetchRate: what peers and the origin give together comes at the rate that is asked for, and no slower; nothing is lost to peers that
// have no time.
func TestFetchRate(t *testing.T) {
	const rate = 40 << 10 // a piece a second
	for name, busy := range map[string]int{"well": 0, "busy at first": 5} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				data, pieces := testPieces(10)
				peer, err := New(Config{Name: "a", Keys: [][]byte{testKey}, Read: newBox(data[:7]...).read})
				if err != nil {
					t.Fatal(err)
				}
				me, err := New(Config{Name: "me", Keys: [][]byte{testKey}, Read: newBox().read, Fetch: NewPace(rate, time.Now)})
				if err != nil {
					t.Fatal(err)
				}
				me.client.Transport = wire{"10.0.0.1:1": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if busy--; busy >= 0 {
						http.Error(w, "busy", http.StatusServiceUnavailable)
						return
					}
					peer.Server().ServeHTTP(w, r)
				})}
				me.Members(map[string]string{"a": ""})
				holding := NewHolding("10.0.0.1:1", false, 0, []bool{true, true, true, true, true, true, true})
				if err := me.Hear("a", [32]byte{1}, holding.Encode(), time.Now().Add(time.Hour)); err != nil {
					t.Fatal(err)
				}
				from := Origin{Missing: noOrigin.Missing, Get: func(ctx context.Context, p Piece) ([]byte, error) {
					if err := me.cfg.Fetch.Wait(ctx, p.Size); err != nil { // as a node does
						return nil, err
					}
					for i := range pieces {
						if pieces[i] == p {
							return data[i], nil
						}
					}
					return nil, errAway
				}}
				got, start := newBox(), time.Now()
				if err := me.Fetch(t.Context(), [32]byte{1}, pieces, pieces, from, got.put); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(start); len(got.have) != 10 || took < 9*time.Second || took > 11*time.Second {
					t.Errorf("%d pieces in %v, want 10 in 9 to 11 s: the first comes at once, busy peers cost pauses", len(got.have), took)
				}
			})
		})
	}
}

// TestPace: a turn that is given up is another's, and no rate is no wait.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, start := NewPace(1000, time.Now), time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := errors.Join(p.Wait(ctx, 3000), NewPace(0, time.Now).Wait(ctx, 1<<40)); err != nil || time.Since(start) != 0 {
			t.Fatalf("the first waits %v, %v", time.Since(start), err)
		}
		if err := p.Wait(ctx, 9000); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Fatalf("%v after %v", err, time.Since(start))
		}
		if err := p.Wait(t.Context(), 1); err != nil || time.Since(start) != 3*time.Second {
			t.Errorf("the next comes after %v, %v; want 3 s", time.Since(start), err)
		}
	})
}
