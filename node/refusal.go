package node

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/edged/edged/origin"
	"github.com/edged/edged/release"
)

// What a node refuses beyond the errors of package release.
var (
	ErrLower       = errors.New("version lower than what is held")
	ErrTwofold     = errors.New("one version, two documents")
	ErrExpired     = errors.New("expired")
	ErrRootExpired = errors.New("the root has expired")
	ErrSelfCheck   = errors.New("self-check failed")
	ErrUnusable    = errors.New("cannot be opened")
	ErrGate        = errors.New("changes too much")
	ErrRules       = errors.New("its rules don't load")
)

// Refusal is an update that was looked at and not taken. The release served before goes on being served.
type Refusal struct {
	What   string // which document or release
	Reason string // one word, for counters
	Err    error
}

// Error says what was refused, where it is wrong, and what to do.
func (r *Refusal) Error() string {
	return fmt.Sprintf("refused %s: %v: %s", r.What, r.Err, r.advice())
}

// advice says what to do.
func (r *Refusal) advice() string {
	if errors.Is(r.Err, ErrTwofold) {
		return adviceTwofold
	}
	return advice[r.Reason]
}

// Unwrap gives the cause.
func (r *Refusal) Unwrap() error { return r.Err }

// Reasons of a refusal.
const (
	reasonSignature = "signature"
	reasonUnsigned  = "unsigned"
	reasonKey       = "key"
	reasonHash      = "hash"
	reasonSize      = "size"
	reasonMissing   = "missing"
	reasonVersion   = "version"
	reasonExpired   = "expired"
	reasonFormat    = "format"
	reasonCritical  = "critical"
	reasonSelfCheck = "selfcheck"
	reasonUnusable  = "unusable"
	reasonRole      = "role"
	reasonRoot      = "root"
	reasonSlow      = "slow"
	reasonGate      = "gate"
	reasonRules     = "rules"
)

var reasons = []struct {
	err    error
	reason string
}{
	{release.ErrSignature, reasonSignature},
	{release.ErrUnknownKey, reasonKey},
	{release.ErrThreshold, reasonUnsigned},
	{release.ErrHash, reasonHash},
	{release.ErrSize, reasonSize},
	{release.ErrTooLarge, reasonSize},
	{origin.ErrTooLarge, reasonSize},
	{origin.ErrNotFound, reasonMissing},
	{ErrLower, reasonVersion},
	{ErrTwofold, reasonVersion},
	{ErrExpired, reasonExpired},
	{ErrRootExpired, reasonRoot},
	{release.ErrNotNext, reasonRoot},
	{release.ErrRole, reasonRole},
	{origin.ErrSlow, reasonSlow},
	{release.ErrCritical, reasonCritical},
	{ErrSelfCheck, reasonSelfCheck},
	{ErrUnusable, reasonUnusable},
	{ErrGate, reasonGate},
	{ErrRules, reasonRules},
	{release.ErrFormat, reasonFormat},
}

var advice = map[string]string{
	reasonSignature: "it was changed after signing; publish it again",
	reasonUnsigned:  "sign it with as many keys of its role as the root wants",
	reasonKey:       "publish with the keys this node trusts; where their root is new, put it at the origin (edged publish does), or give the node their trust.json",
	reasonHash:      "the origin's copy is damaged; publish again to repair it",
	reasonSize:      "the origin's copy is damaged; publish again to repair it",
	reasonMissing:   "publish again to complete the origin",
	reasonVersion:   "publish a newer version; a rollback is a newer rollout too",
	reasonExpired:   "renew it with edged publish --refresh, and check the clock of this node",
	reasonFormat:    "publish it again with edged publish",
	reasonCritical:  "update edged on this node",
	reasonSelfCheck: "train and publish again; this release does not answer as it did when it was trained",
	reasonUnusable:  "train and publish again, or update edged on this node",
	reasonRole:      "sign it with keys of its role: edged keys show lists them",
	reasonRoot:      "renew it with edged keys renew, publish, and check the clock of this node",
	reasonGate:      "compare the two (edged inspect --against); publish a better one, or this one with --force",
	reasonRules:     "publish it with rules that load (edged rules check), or update edged on this node",
	reasonSlow:      "look at the origin and the way to it: whoever is in between may be holding updates back",
}

const adviceTwofold = "an origin restored from a backup gives versions out again: remove its rollout.json, and publish above the largest version that nodes show (edged publish --above, with its rules and --force); else find out who publishes there too"

// Reasons lists them.
func Reasons() []string { return slices.Sorted(maps.Keys(advice)) }

// reasonOf is the word for an error, and whether it is a refusal at all: a disk that fails or an origin that is away is
// no fault of the release.
func reasonOf(err error) (string, bool) {
	for _, r := range reasons {
		if errors.Is(err, r.err) {
			return r.reason, true
		}
	}
	return "", false
}

// refuse makes a Refusal of err where err is one.
func refuse(what string, err error) error {
	var already *Refusal
	if err == nil || errors.As(err, &already) {
		return err
	}
	reason, ok := reasonOf(err)
	if !ok {
		return fmt.Errorf("%s: %w", what, err)
	}
	return &Refusal{What: what, Reason: reason, Err: err}
}
