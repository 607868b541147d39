package cluster

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of a fact. A fact that breaks one is refused whole, from whomever it comes.
const (
	MaxName  = 64                  // bytes of a node's name
	MaxKey   = 640                 // bytes of a key
	MaxValue = 4 << 10             // bytes of a value
	MaxTTL   = 30 * 24 * time.Hour // how far ahead a fact may expire
	maxSeq   = 1 << 62             // so that no peer can exhaust another's sequence
	maxSkew  = 5 * time.Minute     // by how much clocks may disagree
)

// Bulk divides the kinds of facts: those from Bulk on come in large numbers and are each of little weight. They have their own
// limit of facts per node, and are sent when nothing of the others waits.
const Bulk uint8 = 128

// Shared kinds, from Shared up to Bulk, are of nobody: whoever writes one replaces what any other wrote under the same kind and key, if
// its write is the newer one (Fact.Newer). Their Node says who wrote it, their Boot is 0, and their Seq is a stamp: hybrid logical time.
const Shared uint8 = 64

// Stamp is hybrid logical time (Kulkarni et al., "Logical Physical Clocks", OPODIS 2014): Unix milliseconds, then a counter of 16 bits for what
// happens within one, or what a clock that lags behind has to come after.
type Stamp = uint64

const stampShift = 16

// StampOf is the first stamp of a millisecond.
func StampOf(ms int64) Stamp { return Stamp(ms) << stampShift }

// MillisOf is the time of a stamp in Unix milliseconds.
func MillisOf(s Stamp) int64 { return int64(s >> stampShift) }

// Fact is one thing one process says of itself. Kind and Key are its caller's; the process is Node in its run Boot; a later Seq
// replaces an earlier one of the same Kind and Key. A Fact is immutable: its Value must not be written to.
type Fact struct {
	Kind    uint8
	Node    string
	Boot    uint64
	Key     string
	Seq     uint64
	Expires int64 // Unix milliseconds
	Value   []byte
}

// factKey is what a newer fact replaces an older one under, within its node.
type factKey struct {
	kind uint8
	boot uint64
	key  string
}

// rank orders the facts of one node: those of the latest run first, then those said last.
type rank struct{ boot, seq uint64 }

func (r rank) compare(o rank) int {
	return cmp.Or(cmp.Compare(r.boot, o.boot), cmp.Compare(r.seq, o.seq))
}

func (f *Fact) rank() rank   { return rank{f.Boot, f.Seq} }
func (f *Fact) id() factKey  { return factKey{f.Kind, f.Boot, f.Key} }
func (f *Fact) class() class { return classOf(f.Kind) }
func (f *Fact) shared() bool { return f.class() == shared }

// Newer reports whether a shared fact replaces another of the same kind and key: by stamp, then by writer, then, so that all decide alike
// whatever happens, by value.
func (f *Fact) Newer(o *Fact) bool { return f.compareWrite(o) > 0 }

func (f *Fact) compareWrite(o *Fact) int {
	return cmp.Or(cmp.Compare(f.Seq, o.Seq), strings.Compare(f.Node, o.Node), bytes.Compare(f.Value, o.Value))
}

// class is urgent, shared or bulk: in this order they are sent.
type class uint8

const (
	urgent class = iota
	shared
	bulk
	classes
)

func classOf(kind uint8) class {
	switch {
	case kind >= Bulk:
		return bulk
	case kind >= Shared:
		return shared
	}
	return urgent
}

// check reports the first limit a fact breaks, not counting time.
func (f *Fact) check() error {
	if err := checkName(f.Node); err != nil {
		return err
	}
	switch {
	case len(f.Key) > MaxKey:
		return fmt.Errorf("fact: key of %d bytes, at most %d", len(f.Key), MaxKey)
	case len(f.Value) > MaxValue:
		return fmt.Errorf("fact: value of %d bytes, at most %d", len(f.Value), MaxValue)
	case f.Seq == 0 || f.Seq > maxSeq:
		return fmt.Errorf("fact: sequence number %d, want 1 to %d", f.Seq, uint64(maxSeq))
	case f.shared() && f.Boot != 0:
		return fmt.Errorf("fact: shared, of boot %d, want 0", f.Boot)
	case f.shared() && f.Expires != MillisOf(f.Seq)+MaxTTL.Milliseconds():
		return fmt.Errorf("fact: shared, expires %d, want %v after its stamp", f.Expires, MaxTTL)
	}
	return nil
}

// checkName reports why a text can't be a node's name.
func checkName(name string) error {
	if name == "" || len(name) > MaxName {
		return fmt.Errorf("node name of %d bytes, want 1 to %d", len(name), MaxName)
	}
	if !utf8.ValidString(name) {
		return fmt.Errorf("node name: not UTF-8")
	}
	for _, r := range name {
		if r <= ' ' || r == '/' || r == 0x7f {
			return fmt.Errorf("node name %q: spaces, control characters and / are not allowed", name)
		}
	}
	return nil
}

// checkTime reports whether a fact is over, or would last longer than any may.
func (f *Fact) checkTime(now int64) error {
	if f.Expires <= now {
		return errExpired
	}
	if f.Expires > now+(MaxTTL+maxSkew).Milliseconds() {
		return fmt.Errorf("fact: expires in more than %v: check the sender's clock", MaxTTL)
	}
	return nil
}
