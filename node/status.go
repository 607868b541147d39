package node

import (
	"fmt"
	"log/slog"
	"slices"
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
	Canary   bool         `json:"canary"`   // the rollout tries a newer release here
	Held     bool         `json:"held"`     // the rollout says to stay with what is served
	Verified bool         `json:"verified"` // every byte held was read since the start, and since it was suspected
	ReadOnly bool         `json:"readOnly"` // the node's directory can't be written: it takes no update

	Root        uint64    `json:"root"` // version of the newest followed to
	RootExpires time.Time `json:"rootExpires"`

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

	Alarms []Alarm `json:"alarms"` // what somebody ought to look at now
}

// Alarm is something wrong that lasts. What is served goes on being served.
type Alarm struct {
	Name  string    `json:"name"`
	Since time.Time `json:"since"`
	Text  string    `json:"text"`
}

// Names of alarms.
const (
	AlarmRefused        = "refused"        // the last look at the origin ended with a refusal
	AlarmTrouble        = "trouble"        // the last look at the origin could not be ended
	AlarmRolloutExpired = "rolloutExpired" // nobody vouches any more that what is served is the newest
	AlarmRootExpired    = "rootExpired"    // no update is taken until the root is renewed
	AlarmRevoked        = "revoked"        // what is served is signed by keys revoked since
	AlarmReadOnly       = "readOnly"       // the node's directory can't be written: no update is taken
)

// Alarms lists their names.
func Alarms() []string {
	return []string{AlarmRefused, AlarmTrouble, AlarmRolloutExpired, AlarmRootExpired, AlarmRevoked, AlarmReadOnly}
}

// Alarmed reports whether an alarm is on.
func (s *Status) Alarmed(name string) bool {
	return slices.ContainsFunc(s.Alarms, func(a Alarm) bool { return a.Name == name })
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
	alarms map[string]Alarm
}

func (s *status) init(cfg *Config) {
	s.clock, s.log = cfg.Clock, cfg.Logger
	s.logged, s.now.Refusals, s.alarms = map[string]bool{}, map[string]uint64{}, map[string]Alarm{}
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
	s.watchExpiry()
	out.Alarms = []Alarm{}
	for _, name := range Alarms() {
		if a, ok := s.alarms[name]; ok {
			out.Alarms = append(out.Alarms, a)
		}
	}
	return out
}

// raise begins an alarm, or goes on with it, and reports whether it is new. The caller holds mu.
func (s *status) raise(name, text string) bool {
	a, ok := s.alarms[name]
	if !ok {
		a = Alarm{Name: name, Since: s.clock()}
	}
	a.Text = text
	s.alarms[name] = a
	return !ok
}

// over ends alarms. The caller holds mu.
func (s *status) over(names ...string) {
	for _, name := range names {
		delete(s.alarms, name)
	}
}

// trust takes note of the root followed to.
func (s *status) trust(t *release.Trust) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.Root, s.now.RootExpires = t.Version(), t.Expires()
}

// vouched takes note of whether trusted keys signed what is served.
func (s *status) vouched(yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if yes {
		s.over(AlarmRevoked)
		return
	}
	const do = "publish it again, with keys of the newest root"
	if s.raise(AlarmRevoked, fmt.Sprintf("release %s is signed by keys that root %d does not trust: %s", s.now.Release, s.now.Root, do)) {
		s.log.Error("what is served is signed by keys that were revoked; it is served on", "release", s.now.Release, "root", s.now.Root, "do", do)
	}
}

// readOnly raises the alarm of a directory that can't be written, which lasts as long as the node runs.
func (s *status) readOnly(dir string, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.ReadOnly = true
	const do = "make it writable and start the node again"
	s.raise(AlarmReadOnly, fmt.Sprintf("%s can't be written (%v): what it holds is served, no update is taken: %s", dir, why, do))
	s.log.Error("the node's directory can't be written: what it holds is served, no update is taken", "dir", dir, "error", why, "do", do)
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
	s.raise(AlarmRefused, text)
	s.over(AlarmTrouble)
	if s.once(text) {
		s.log.Error("update refused, the release before it stays", "what", r.What, "reason", r.Reason, "error", r.Err, "do", r.advice(), "serving", s.now.Release)
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

// unfinished takes note of a look at the origin that could not be ended.
func (s *status) unfinished(err error) {
	s.failed(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.raise(AlarmTrouble, err.Error())
	s.over(AlarmRefused)
}

// fine ends the troubles: the same one would be logged again.
func (s *status) fine() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.logged)
	s.over(AlarmRefused, AlarmTrouble)
	s.watchExpiry()
}

// watch raises the alarms of what has expired.
func (s *status) watch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchExpiry()
}

// watchExpiry holds the lives of root and rollout against the clock. The caller holds mu.
func (s *status) watchExpiry() {
	if !s.expired() {
		s.over(AlarmRolloutExpired)
	} else if s.raise(AlarmRolloutExpired, fmt.Sprintf("rollout %d expired on %s: %s", s.now.Rollout, s.now.Expires.Format(time.RFC3339), advice[reasonExpired])) {
		s.log.Error("the rollout has expired: it is served on, but nobody vouches any more that it is the newest", "rollout", s.now.Rollout,
			"expired", s.now.Expires, "do", advice[reasonExpired])
	}
	if s.clock().Before(s.now.RootExpires) {
		s.over(AlarmRootExpired)
	} else if s.raise(AlarmRootExpired, fmt.Sprintf("root %d expired on %s: %s", s.now.Root, s.now.RootExpires.Format(time.RFC3339), advice[reasonRoot])) {
		s.log.Error("the root has expired: what is served is served on, nothing new is taken", "root", s.now.Root, "expired", s.now.RootExpires, "do", advice[reasonRoot])
	}
}

func (s *status) contact() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.Contact = s.clock()
}

func (s *status) rollout(r *release.Rollout, canary bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.Rollout, s.now.Expires, s.now.Canary, s.now.Held = r.Version, r.Expires, canary, r.Hold
}

// forget takes note that the rollout held counts no more.
func (s *status) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.Rollout, s.now.Expires = 0, time.Time{}
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
	s.log.Info("serving", "release", rel.ID, "items", h.ranker.Model().Len(), "trained", rel.Created, "rules", h.ranker.Rules().Version())
}

// committed takes note of the store's state, and whether every byte of it was read.
func (s *status) committed(state release.State, verified bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.Previous, s.now.Pinned, s.now.Verified = state.Previous, !state.Skip.IsZero(), verified
}

// Status says what is served and held, and what went wrong last. It may be called from OnSwap and OnRefuse.
func (n *Node) Status() Status { return n.status.get() }
