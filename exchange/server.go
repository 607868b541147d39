package exchange

import (
	"encoding/hex"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

const piecePath = "/v1/pieces/"

// Server answers other nodes with the pieces of this one.
type Server struct {
	keys  *keys
	clock func() time.Time
	read  func(hash [32]byte) ([]byte, error)
	slots chan struct{}
	pace  *Pace
	stats ServerStats
}

// ServerStats counts. All fields are atomic.
type ServerStats struct {
	Pieces, Bytes, Refused, Busy atomic.Uint64
}

// newServer answers at most parallel requests at once and sends at most rate bytes a second; 0: as many as it can.
func newServer(k *keys, clock func() time.Time, read func([32]byte) ([]byte, error), parallel int, rate int64) *Server {
	return &Server{keys: k, clock: clock, read: read, slots: make(chan struct{}, parallel), pace: NewPace(rate, clock)}
}

// Load is how much of what it can send is being sent, in 255ths.
func (s *Server) Load() uint8 { return uint8(255 * len(s.slots) / cap(s.slots)) }

// Stats counts what was answered.
func (s *Server) Stats() *ServerStats { return &s.stats }

// ServeHTTP answers GET /v1/pieces/<hex>. Strangers learn nothing but that this is no place for them.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ticket := r.Header.Get("Authorization")
	one, err := s.keys.check(s.clock(), ticket, r.URL.Path)
	if err != nil {
		s.stats.Refused.Add(1)
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	digits, ok := strings.CutPrefix(r.URL.Path, piecePath)
	var hash [32]byte
	if n, err := hex.Decode(hash[:], []byte(digits[:min(len(digits), 64)])); r.Method != http.MethodGet || !ok || err != nil || n != 32 || len(digits) != 64 {
		http.Error(w, "want GET "+piecePath+"<sha-256 in hex>", http.StatusBadRequest)
		return
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		s.stats.Busy.Add(1)
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return
	}
	s.answer(w, r, one, ticket, hash)
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, one *key, ticket string, hash [32]byte) {
	b, err := s.read(hash)
	if err != nil {
		http.Error(w, "not here", http.StatusNotFound)
		return
	}
	if s.pace.Wait(r.Context(), int64(len(b))) != nil {
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if _, err := w.Write(one.seal(ticket, b)); err == nil {
		s.stats.Pieces.Add(1)
		s.stats.Bytes.Add(uint64(len(b)))
	}
}
