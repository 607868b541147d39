package profile

import (
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/edged/edged"
)

// Held is what a token holds. The zero Held is a visitor nobody knows and who has said nothing, but for Depth: see NewHeld.
type Held struct {
	Items           []HeldItem // newest first, one entry an item
	Refused         bool       // the visitor said no: nothing is held
	Depth           uint8      // at most so many items, up to MaxHeld
	Days            uint16     // nothing older; 0: no limit of the visitor's own
	Issued, Expires int64      // Unix milliseconds, whole seconds
}

// HeldItem is one item of a Held.
type HeldItem struct {
	Hash uint64 // HashItem of its id
	Type uint16 // HashType of the strongest thing done to it, or of the latest where that takes interest back
	Time int64  // of the latest event, Unix milliseconds, whole seconds
}

// Reset makes h a visitor nobody knows.
func (h *Held) Reset() { *h = Held{Items: h.Items[:0], Depth: MaxHeld} }

// HashItem is how a token names an item.
func HashItem(id string) uint64 { return xxhash.Sum64String(id) }

// HashType is how a token names an event type.
func HashType(t edged.EventType) uint16 { return uint16(xxhash.Sum64String(string(t))) }

// TypeOf returns the known event type of a hash.
func TypeOf(hash uint16) (edged.EventType, bool) {
	for i, h := range knownHashes {
		if h == hash {
			return knownTypes[i], true
		}
	}
	return "", false
}

// strengthOf is strength by hash; types unknown here count like a view.
func strengthOf(hash uint16) int {
	if t, ok := TypeOf(hash); ok {
		return strength(t)
	}
	return 1
}

var (
	knownTypes  = [...]edged.EventType{edged.View, edged.Click, edged.Cart, edged.Purchase, edged.Return, edged.Like, edged.Dismiss, edged.Impression}
	knownHashes = func() (list [len(knownTypes)]uint16) {
		for i, t := range knownTypes {
			list[i] = HashType(t)
		}
		return list
	}()
)

// Add takes an event in, as Store.Add does: one entry an item, newest first, impressions passed over, the future counting as now. It reports whether
// anything changed.
func (h *Held) Add(e *edged.Event, now int64) bool {
	if h.Refused || h.Depth == 0 || e.Item == "" || e.Type == edged.Impression || h.tooOld(e.Time, now) {
		return false
	}
	it := HeldItem{HashItem(e.Item), HashType(e.Type), min(e.Time, now) / 1000 * 1000}
	if i := h.find(it.Hash); i >= 0 {
		it = mergeHeld(h.Items[i], it)
		h.Items = slices.Delete(h.Items, i, i+1)
	}
	at := 0
	for at < len(h.Items) && h.Items[at].Time > it.Time {
		at++
	}
	if at >= int(h.Depth) {
		return false
	}
	h.Items = slices.Insert(h.Items[:min(len(h.Items), int(h.Depth)-1)], at, it)
	return true
}

// mergeHeld is merge for entries of a token.
func mergeHeld(a, b HeldItem) HeldItem {
	if a.Time > b.Time {
		a, b = b, a
	}
	if sa, sb := strengthOf(a.Type), strengthOf(b.Type); sa > sb && sb > 0 {
		b.Type = a.Type
	}
	return b
}

func (h *Held) find(hash uint64) int {
	for i := range h.Items {
		if h.Items[i].Hash == hash {
			return i
		}
	}
	return -1
}

func (h *Held) tooOld(at, now int64) bool {
	return at < 1000 || h.Days > 0 && at < now-int64(h.Days)*24*time.Hour.Milliseconds()
}

// trim drops what consent, depth and days don't allow.
func (h *Held) trim(now int64) {
	h.Depth = min(h.Depth, MaxHeld)
	if h.Refused {
		h.Items = h.Items[:0]
	}
	h.Items = slices.DeleteFunc(h.Items, func(it HeldItem) bool { return h.tooOld(it.Time, now) })
	h.Items = h.Items[:min(len(h.Items), int(h.Depth))]
	for i := range h.Items {
		h.Items[i].Time = min(h.Items[i].Time, h.Issued)
	}
}
