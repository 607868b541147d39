package exchange

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testKey = bytes.Repeat([]byte{7}, 32)

// box is a node's pieces.
type box struct {
	mu   sync.Mutex
	have map[[32]byte][]byte
}

func newBox(pieces ...[]byte) *box {
	b := &box{have: map[[32]byte][]byte{}}
	for _, p := range pieces {
		b.have[sha256.Sum256(p)] = p
	}
	return b
}

func (b *box) read(h [32]byte) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p, ok := b.have[h]; ok {
		return p, nil
	}
	return nil, errors.New("not here")
}

func (b *box) put(p Piece, data []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.have[p.Hash] = data
	return nil
}

// station is a node with a listener.
type station struct {
	*Exchange
	*box
	address string
	asked   int // requests that came
}

func newStation(t *testing.T, name string, key []byte, box *box) *station {
	t.Helper()
	x, err := New(Config{Name: name, Keys: [][]byte{key}, Read: box.read})
	if err != nil {
		t.Fatal(err)
	}
	s := &station{Exchange: x, box: box}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked++
		x.Server().ServeHTTP(w, r)
	}))
	t.Cleanup(func() { x.Close(); srv.Close() })
	s.address = srv.Listener.Addr().String()
	return s
}

// knows lets s know of another that has the pieces marked.
func (s *station) knows(t *testing.T, release [32]byte, name, address string, have ...bool) {
	t.Helper()
	h := NewHolding(address, false, 0, have)
	zones := map[string]string{name: ""}
	for old := range s.zones {
		zones[old] = ""
	}
	s.Members(zones)
	if err := s.Hear(name, release, h.Encode(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
}

func testPieces(n int) (data [][]byte, pieces []Piece) {
	for i := range n {
		b := bytes.Repeat([]byte{byte(i + 1)}, 40<<10)
		data, pieces = append(data, b), append(pieces, Piece{sha256.Sum256(b), int64(len(b))})
	}
	return data, pieces
}

var noOrigin = Origin{
	Get:     func(context.Context, Piece) ([]byte, error) { return nil, errAway },
	Missing: func(err error) bool { return errors.Is(err, errAway) },
}

var errAway = errors.New("there is no origin")

// TestFetch: pieces come from peers, from the origin those that none has.
func TestFetch(t *testing.T) {
	data, pieces := testPieces(5)
	a, b := newStation(t, "a", testKey, newBox(data[:3]...)), newStation(t, "b", testKey, newBox(data[2:4]...))
	me := newStation(t, "me", testKey, newBox())
	release := [32]byte{1}
	me.knows(t, release, "a", a.address, true, true, true, false, false)
	me.knows(t, release, "b", b.address, false, false, true, true, false)
	var asked []Piece
	from := Origin{Missing: noOrigin.Missing, Get: func(_ context.Context, p Piece) ([]byte, error) {
		asked = append(asked, p)
		return data[4], nil
	}}
	if err := me.Fetch(t.Context(), release, pieces, pieces, from, me.put); err != nil {
		t.Fatal(err)
	}
	if len(me.have) != 5 || len(asked) != 1 || asked[0] != pieces[4] {
		t.Errorf("have %d, asked the origin for %d", len(me.have), len(asked))
	}
	if c := me.Counts(); c.Peers != 4 || c.Origin != 1 || c.Wrong != 0 {
		t.Errorf("%+v", c)
	}
}

// TestLiar: a peer that gives other bytes is found out, piece by piece, and shunned after three; the origin gives the right ones.
func TestLiar(t *testing.T) {
	data, pieces := testPieces(6)
	liar := newBox()
	for i, p := range pieces {
		liar.have[p.Hash] = bytes.Repeat([]byte{99}, len(data[i]))
	}
	l, me := newStation(t, "liar", testKey, liar), newStation(t, "me", testKey, newBox())
	release := [32]byte{1}
	me.knows(t, release, "liar", l.address, true, true, true, true, true, true)
	from := Origin{Missing: noOrigin.Missing, Get: func(_ context.Context, p Piece) ([]byte, error) { return newBox(data...).read(p.Hash) }}
	for range 2 {
		if err := me.Fetch(t.Context(), release, pieces, pieces, from, me.put); err != nil {
			t.Fatal(err)
		}
	}
	for i, p := range pieces {
		if !bytes.Equal(me.have[p.Hash], data[i]) {
			t.Errorf("piece %d is wrong", i)
		}
	}
	if c := me.Counts(); l.asked < 3 || l.asked > 4 || c.Wrong < 3 { // two at once
		t.Errorf("the liar was asked %d times, %+v", l.asked, c)
	}
}

// TestStrangers: without the cluster's key nothing is given, and what a stranger gives is not taken.
func TestStrangers(t *testing.T) {
	data, pieces := testPieces(1)
	other := bytes.Repeat([]byte{8}, 32)
	stranger, a := newStation(t, "stranger", other, newBox(data...)), newStation(t, "a", testKey, newBox(data...))
	release := [32]byte{1}
	for name, from := range map[string]*station{"a": a, "stranger": stranger} {
		me := newStation(t, "me", map[string][]byte{"a": other, "stranger": testKey}[name], newBox())
		me.knows(t, release, name, from.address, true)
		if _, how, err := me.get(t.Context(), from.address, pieces[0]); how != Failed || err == nil {
			t.Errorf("%s: %v, %v", name, how, err)
		}
	}
	resp, err := http.Get("http://" + a.address + piecePath + hex.EncodeToString(pieces[0].Hash[:]))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusUnauthorized || len(b) > 200 {
		t.Errorf("%s: %d bytes", resp.Status, len(b))
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestServer: what a node answers, and that a ticket is for one path and a time.
func TestServer(t *testing.T) {
	data, pieces := testPieces(1)
	now := start
	k, err := newKeys("", [][]byte{testKey})
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(k, func() time.Time { return now }, newBox(data...).read, 1, 0)
	good := fmt.Sprintf("%s%x", piecePath, pieces[0].Hash)
	answer := func(method, path, ticket string) *httptest.ResponseRecorder {
		w, r := httptest.NewRecorder(), httptest.NewRequest(method, path, nil)
		r.Header.Set("Authorization", ticket)
		s.ServeHTTP(w, r)
		return w
	}
	for _, tc := range []struct {
		method, path string
		ticket       string
		want         int
	}{
		{"GET", good, k.ticket(now, good), 200},
		{"GET", good, k.ticket(now.Add(-4*time.Minute), good), 200},
		{"GET", good, k.ticket(now.Add(-6*time.Minute), good), 401},
		{"GET", good, k.ticket(now.Add(6*time.Minute), good), 401},
		{"GET", good, k.ticket(now, good+"0"), 401},
		{"GET", good, "", 401},
		{"GET", good, strings.Replace(k.ticket(now, good), ".", "..", 1), 401},
		{"POST", good, k.ticket(now, good), 400},
		{"GET", good + "00", k.ticket(now, good+"00"), 400},
		{"GET", good[:60], k.ticket(now, good[:60]), 400},
		{"GET", "/v1/admin/release", k.ticket(now, "/v1/admin/release"), 400},
		{"GET", piecePath + strings.Repeat("ab", 32), k.ticket(now, piecePath+strings.Repeat("ab", 32)), 404},
	} {
		if w := answer(tc.method, tc.path, tc.ticket); w.Code != tc.want {
			t.Errorf("%s %s: %d, want %d", tc.method, tc.path, w.Code, tc.want)
		}
	}
	ticket := k.ticket(now, good)
	sealed := answer("GET", good, ticket).Body.Bytes()
	if b, err := k.open(ticket, sealed); err != nil || !bytes.Equal(b, data[0]) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if _, err := k.open(k.ticket(now, good), sealed); err == nil {
		t.Error("the answer to one ticket opens for another")
	}
	s.slots <- struct{}{}
	if w := answer("GET", good, ticket); w.Code != 503 || s.Load() != 255 {
		t.Errorf("with all slots taken: %d, load %d", w.Code, s.Load())
	}
}

// TestKeysRotate: a node with the new key first is answered by those who have it second.
func TestKeysRotate(t *testing.T) {
	fresh := bytes.Repeat([]byte{9}, 32)
	old, err := newKeys("c", [][]byte{testKey, fresh})
	if err != nil {
		t.Fatal(err)
	}
	now, err := newKeys("c", [][]byte{fresh, testKey})
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]*keys{{old, now}, {now, old}} {
		ticket := pair[0].ticket(start, "/x")
		k, err := pair[1].check(start, ticket, "/x")
		if err != nil {
			t.Fatal(err)
		}
		if b, err := pair[0].open(ticket, k.seal(ticket, []byte("piece"))); err != nil || string(b) != "piece" {
			t.Errorf("%q, %v", b, err)
		}
	}
	if elsewhere, _ := newKeys("d", [][]byte{testKey}); elsewhere != nil {
		if _, err := elsewhere.check(start, old.ticket(start, "/x"), "/x"); err == nil {
			t.Error("a ticket of another cluster is taken")
		}
	}
	for _, secrets := range [][][]byte{nil, {testKey[:31]}, make([][]byte, 9)} {
		if _, err := newKeys("", secrets); err == nil {
			t.Errorf("%d keys: accepted", len(secrets))
		}
	}
}

// TestFetchEnds: with its context, and when what came is not taken.
func TestFetchEnds(t *testing.T) {
	data, pieces := testPieces(2)
	me := newStation(t, "me", testKey, newBox())
	full := errors.New("disk full")
	from := Origin{Missing: noOrigin.Missing, Get: func(_ context.Context, p Piece) ([]byte, error) { return newBox(data...).read(p.Hash) }}
	err := me.Fetch(t.Context(), [32]byte{}, pieces, pieces, from, func(Piece, []byte) error { return full })
	if !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	from.Get = func(ctx context.Context, _ Piece) ([]byte, error) {
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if err := me.Fetch(ctx, [32]byte{}, pieces, pieces, from, me.put); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if err := me.Fetch(t.Context(), [32]byte{}, pieces, pieces, noOrigin, me.put); !errors.Is(err, errAway) {
		t.Errorf("%v", err)
	}
}
