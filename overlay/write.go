package overlay

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/edged/edged"
)

// Change says what is to be different of one item. Of each field: nil leaves it, and Remove takes back what was said.
type Change struct {
	ID     string
	Time   int64 // Unix milliseconds: when it was so; 0: now, and newer than all that this node knows
	TTL    time.Duration
	Remove map[Field]bool // fields; every one that is held where All is set
	All    bool

	Available *bool
	Price     *float64
	Boost     *float32
	Item      *edged.Item
}

// ErrChange is wrapped by errors that lie in a change.
var ErrChange = errors.New("change")

// Take takes back what was said of a field.
func (c *Change) Take(f Field) {
	if c.Remove == nil {
		c.Remove = map[Field]bool{}
	}
	c.Remove[f] = true
}

// Says reports whether a change says anything of single fields.
func (c *Change) Says() bool {
	return c.Available != nil || c.Price != nil || c.Boost != nil || c.Item != nil || len(c.Remove) > 0
}

// Result counts what a Write did, in fields of items.
type Result struct {
	Written int `json:"written"`
	Older   int `json:"older"` // nothing was done: what is held is as new, or newer
}

// draft is a register to be written.
type draft struct {
	field   Field
	payload []byte // nil: removed
}

// Write makes changes and returns the entries written, when they are on disk. All of them are made, or none.
func (s *Store) Write(changes []Change) (Result, []Entry, error) {
	if len(changes) > MaxChanges {
		return Result{}, nil, fmt.Errorf("%w: %d of them, at most %d at a time", ErrChange, len(changes), MaxChanges)
	}
	s.saving.Lock()
	defer s.saving.Unlock()
	before := s.Changes()
	written, result, after, err := s.draw(changes)
	if err != nil || len(written) == 0 {
		return result, nil, err
	}
	if err := s.save(after, 0); err != nil {
		return Result{}, nil, fmt.Errorf("nothing of it is promised: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	alone := s.changes == before
	for _, e := range written {
		s.put(e)
	}
	if alone {
		s.saved = s.changes
	}
	return result, written, nil
}

// draw makes the entries of changes, and the list of all that would be held then.
func (s *Store) draw(changes []Change) (written []Entry, result Result, after []Entry, err error) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.last
	next := map[string]Entry{}
	for i := range changes {
		c := &changes[i]
		drafts, err := c.drafts(s)
		if err != nil {
			return nil, Result{}, nil, fmt.Errorf("%w: entries[%d]: %w", ErrChange, i, err)
		}
		for _, d := range drafts {
			e, err := c.entry(d, s.node, now, &last)
			if err != nil {
				return nil, Result{}, nil, fmt.Errorf("%w: entries[%d]: %w", ErrChange, i, err)
			}
			key := e.Key()
			held, had := next[key]
			if !had {
				held, had = s.held[key]
			}
			if had && !e.newer(&held) {
				result.Older++
				continue
			}
			next[key] = e
			result.Written++
		}
	}
	for _, e := range next {
		written = append(written, e)
	}
	after, err = s.with(next, now)
	return written, result, after, err
}

// with is what would be held with some more, unless that is too much. The caller holds mu.
func (s *Store) with(next map[string]Entry, now int64) (list []Entry, err error) {
	for key, e := range s.held {
		if _, replaced := next[key]; !replaced {
			list = append(list, e)
		}
	}
	for _, e := range next {
		list = append(list, e)
	}
	counts := map[Field]int{}
	all := 0
	for i := range list {
		if e := &list[i]; e.Counts(now) && s.needed(e) {
			counts[e.Field]++
			all++
		}
	}
	for _, limit := range []struct {
		what      string
		have, max int
	}{
		{"entries", all, MaxEntries}, {"new items", counts[Content], MaxItems}, {"boosts", counts[Boost], MaxBoosts},
	} {
		if limit.have > limit.max {
			return nil, fmt.Errorf("%w: %d %s with these, at most %d: publish a release that has them", ErrFull, limit.have, limit.what, limit.max)
		}
	}
	return list, nil
}

// drafts are the registers a change writes. The caller holds the store's mu.
func (c *Change) drafts(s *Store) (list []draft, err error) {
	if err := edged.ValidID(c.ID); err != nil {
		return nil, err
	}
	if c.Available != nil {
		list = append(list, draft{Available, []byte{byteOf(*c.Available)}})
	}
	if c.Price != nil {
		if err := checkPrice(*c.Price); err != nil {
			return nil, fmt.Errorf("price: %w", err)
		}
		list = append(list, draft{Price, binary.LittleEndian.AppendUint64(nil, math.Float64bits(*c.Price))})
	}
	if c.Boost != nil {
		if err := checkBoost(*c.Boost); err != nil {
			return nil, fmt.Errorf("boost: %w", err)
		}
		list = append(list, draft{Boost, binary.LittleEndian.AppendUint32(nil, math.Float32bits(*c.Boost))})
	}
	if c.Item != nil {
		payload, err := pack(c.Item)
		if err != nil {
			return nil, fmt.Errorf("item: %w", err)
		}
		list = append(list, draft{Content, payload})
	}
	for _, f := range fields {
		_, held := s.held[(&Entry{ID: c.ID, Field: f}).Key()]
		if c.Remove[f] || c.All && held {
			list = append(list, draft{f, nil})
		}
	}
	return list, nil
}

func byteOf(is bool) byte {
	if is {
		return 1
	}
	return 0
}

// entry makes an entry of a draft, under the next stamp where the change names no time.
func (c *Change) entry(d draft, node string, now int64, last *uint64) (Entry, error) {
	stamp := stampOf(c.Time)
	switch {
	case c.Time == 0:
		stamp = max(stampOf(now), *last+1)
	case c.Time > now+maxAhead.Milliseconds():
		return Entry{}, fmt.Errorf("time: more than %v ahead of this node's clock", maxAhead)
	case c.Time <= now-Remember.Milliseconds():
		return Entry{}, fmt.Errorf("time: more than %d days ago", Remember/(24*time.Hour))
	}
	*last = max(*last, stamp)
	e := Entry{ID: c.ID, Field: d.field, Stamp: stamp, Node: node}
	until := e.Forgotten()
	if c.TTL > 0 && d.payload != nil {
		until = min(until, max(now, c.Time)+c.TTL.Milliseconds())
	}
	return Decode(e.Key(), stamp, node, encode(until, d.payload))
}
