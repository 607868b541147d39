package cluster

import (
	"errors"
	"sync/atomic"
)

// Reason says why something that came over the network was refused.
type Reason uint8

// The reasons, in the order they are looked for.
const (
	RefusedBusy   Reason = iota // too many streams at once
	RefusedForm                 // not what this version speaks
	RefusedLength               // longer than any may be
	RefusedKey                  // sealed with a key not held here
	RefusedSeal                 // changed on its way, or of another cluster
	RefusedWindow               // sealed too long ago, or in the future
	RefusedFact                 // a fact that breaks a limit
	RefusedIO                   // a stream that broke off, or took too long
	reasons
)

var reasonNames = [reasons]string{"busy", "form", "length", "key", "seal", "window", "fact", "io"}

func (r Reason) String() string {
	if r < reasons {
		return reasonNames[r]
	}
	return "unknown"
}

// Reasons lists all of them, for metrics.
func Reasons() []Reason {
	list := make([]Reason, reasons)
	for i := range list {
		list[i] = Reason(i)
	}
	return list
}

func reasonOf(err error) Reason {
	for _, known := range []struct {
		err    error
		reason Reason
	}{
		{errForm, RefusedForm}, {errTooLong, RefusedLength}, {errKey, RefusedKey}, {errSeal, RefusedSeal},
		{errWindow, RefusedWindow}, {errBusy, RefusedBusy}, {errIO, RefusedIO},
	} {
		if errors.Is(err, known.err) {
			return known.reason
		}
	}
	return RefusedFact
}

// Stats are counts and sizes at one moment.
type Stats struct {
	Members      int // alive, this one included
	Facts        int // held
	FactNodes    int // nodes they are of
	Waiting      int // messages to be gossiped
	Packets      uint64
	Streams      uint64
	Refused      [reasons]uint64 // by Reason
	FactsLearned uint64          // news from others
	Floods       uint64          // of many shared facts at once, by streams
	Joins        uint64          // exchanges with a seed that succeeded
	JoinFailures uint64
	Listening    bool // false: works alone, for want of an address to listen on
}

// RefusedTotal sums over all reasons.
func (s *Stats) RefusedTotal() (n uint64) {
	for _, r := range s.Refused {
		n += r
	}
	return n
}

// counters are what Stats is made of.
type counters struct {
	packets, streams, learned, floods, joins, joinFailures atomic.Uint64
	refused                                                [reasons]atomic.Uint64
}

func (c *counters) refuse(err error) { c.refused[reasonOf(err)].Add(1) }

func (c *counters) fill(s *Stats) {
	s.Packets, s.Streams = c.packets.Load(), c.streams.Load()
	s.FactsLearned, s.Floods, s.Joins, s.JoinFailures = c.learned.Load(), c.floods.Load(), c.joins.Load(), c.joinFailures.Load()
	for i := range s.Refused {
		s.Refused[i] = c.refused[i].Load()
	}
}
