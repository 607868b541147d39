package node

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/edged/edged/release"
)

// Status is what a node knows of itself at one moment.
type Status struct {
	Release  string       `json:"release,omitempty"` // id of what is served; empty: nothing
	Version  uint64       `json:"version,omitempty"`
	Manifest release.Hash `json:"manifest,omitzero"`
	Created  time.Time    `json:"created,omitzero"` // when it was trained
	Since    time.Time    `json:"since,omitzero"`   // when this node began to serve it
	Previous release.Hash `json:"previous,omitzero"`
	Pinned   bool         `json:"pinned"`   // rolled back on this node
	Verified bool         `json:"verified"` // every byte held was read since the start, and since it was suspected

	Rollout uint64    `json:"rollout,omitempty"` // version of the newest accepted
	Expires time.Time `json:"expires,omitzero"`
	Expired bool      `json:"expired"` // the alarm: no update is taken until the rollout is renewed

	Contact       time.Time         `json:"contact,omitzero"` // when the origin last gave a signed rollout
	Refusals      map[string]uint64 `json:"refusals"`         // by reason
	LastRefusal   string            `json:"lastRefusal,omitempty"`
	LastRefusalAt time.Time         `json:"lastRefusalAt,omitzero"`
	Failures      uint64            `json:"failures"` // of disk and origin
	LastFailure   string            `json:"lastFailure,omitempty"`
	LastFailureAt time.Time         `json:"lastFailureAt,omitzero"`
	Swaps         uint64            `json:"swaps"`
}

// maxDistinct bounds how many different texts are remembered as logged: a hostile origin can make each one new.
const maxDistinct = 64

// status collects what Status shows, and logs each distinct trouble once.
type status struct {
	clock func() time.Time
	log   *slog.Logger

	mu     sync.Mutex
	now    Status
	logged map[string]bool
}

func (s *status) init(cfg *Config) {
	s.clock, s.log = cfg.Clock, cfg.Logger
	s.logged, s.now.Refusals = map[string]bool{}, map[string]uint64{}
}

// get copies the status.
func (s *status) get() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.now
	out.Refusals = make(map[string]uint64, len(s.now.Refusals))
	for k, v := range s.now.Refusals {
		out.Refusals[k] = v
	}
	out.Expired = s.expired()
	return out
}

func (s *status) expired() bool { return !s.now.Expires.IsZero() && !s.clock().Before(s.now.Expires) }

// once reports whether text was not logged yet. The caller holds mu.
func (s *status) once(text string) bool {
	if s.logged[text] || len(s.logged) >= maxDistinct {
		return false
	}
	s.logged[text] = true
	return true
}

func (s *status) refused(r *Refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := r.Error()
	s.now.Refusals[r.Reason]++
	s.now.LastRefusal, s.now.LastRefusalAt = text, s.clock()
	if s.once(text) {
		s.log.Error("update refused, the release before it stays", "what", r.What, "reason", r.Reason, "error", r.Err, "do", advice[r.Reason], "serving", s.now.Release)
	}
}

func (s *status) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := err.Error()
	s.now.Failures++
	s.now.LastFailure, s.now.LastFailureAt = text, s.clock()
	if s.once(text) {
		s.log.Warn("trouble with the disk or the origin", "error", text, "serving", s.now.Release)
	}
}

// fine ends the troubles: the same one would be logged again.
func (s *status) fine() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.logged)
	s.alarm()
}

// watch raises the alarm of an expired rollout, once.
func (s *status) watch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alarm()
}

func (s *status) alarm() {
	text := fmt.Sprintf("rollout %d expired on %s", s.now.Rollout, s.now.Expires.Format(time.RFC3339))
	if s.expired() && s.once(text) {
		s.log.Error("the rollout has expired: it is served on, but nobody vouches any more that it is the newest", "rollout", s.now.Rollout,
			"expired", s.now.Expires, "do", advice[reasonExpired])
	}
}

func (s *status) contact() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.Contact = s.clock()
}

func (s *status) rollout(r *release.Rollout) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.Rollout, s.now.Expires = r.Version, r.Expires
}

func (s *status) serving(h *holding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.Swaps++
	s.now.Since = s.clock()
	if h == nil {
		s.now.Release, s.now.Version, s.now.Manifest, s.now.Created = "", 0, release.Hash{}, time.Time{}
		s.log.Error("no sound release is held: nothing is served until one arrives")
		return
	}
	rel := h.ranker.Release()
	s.now.Release, s.now.Version, s.now.Manifest, s.now.Created = rel.ID, rel.Version, h.hash, rel.Created
	s.log.Info("serving", "release", rel.ID, "items", h.ranker.Model().Len(), "trained", rel.Created)
}

// committed takes note of the store's state, and whether every byte of it was read.
func (s *status) committed(state release.State, verified bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.Previous, s.now.Pinned, s.now.Verified = state.Previous, !state.Skip.IsZero(), verified
}

// Status says what is served and held, and what went wrong last. It may be called from OnSwap and OnRefuse.
func (n *Node) Status() Status { return n.status.get() }
