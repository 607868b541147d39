package trend

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
)

// cellKey is what is counted: an item among the visitors of one country.
type cellKey struct{ country, item string }

func (k cellKey) compare(o cellKey) int {
	return cmp.Or(strings.Compare(k.country, o.country), strings.Compare(k.item, o.item))
}

// cell holds one counter per window, all referring to the same time.
type cell struct {
	ref     int64 // Unix milliseconds
	value   [maxWindows]float64
	pending float64 // weight added since it was last published
	total   *total  // what it is added to, once it was
	key     keyID   // under which the visitors are hashed
	crowd   crowd   // who raised it
}

// decay is 2^(−ms/h): what remains of 1 after ms milliseconds. Time doesn't run backwards: ms < 0 counts as 0.
func decay(ms int64, halfLife time.Duration) float64 {
	if ms <= 0 {
		return 1
	}
	return math.Exp2(-float64(ms) / float64(halfLife.Milliseconds()))
}

// add raises every counter by weight at a time, which may lie before the reference time.
func (c *cell) add(windows []window, weight float64, at int64) {
	for i, w := range windows {
		if at > c.ref {
			c.value[i] = c.value[i]*decay(at-c.ref, w.halfLife) + weight
		} else {
			c.value[i] += weight * decay(c.ref-at, w.halfLife)
		}
		c.value[i] = min(c.value[i], maxValue)
	}
	c.ref = max(c.ref, at)
}

// at reads the counter of window i.
func (c *cell) at(windows []window, i int, now int64) float64 {
	return c.value[i] * decay(now-c.ref, windows[i].halfLife)
}

// size is what eviction goes by: the sum over the windows, so that both what is hot now and what has been for long stay.
func (c *cell) size(windows []window, now int64) float64 {
	var sum float64
	for i := range windows {
		sum += c.at(windows, i, now)
	}
	return sum
}

// newerThan orders two copies of the same process's cell (T1).
func (c *cell) newerThan(o *cell) bool {
	return cmp.Or(cmp.Compare(c.ref, o.ref), slices.Compare(c.value[:], o.value[:]), bytes.Compare(c.key[:], o.key[:]), slices.Compare(c.crowd, o.crowd)) > 0
}

// below reports whether every counter is under the floor.
func (c *cell) below(floor float64, windows []window, now int64) bool {
	for i := range windows {
		if c.at(windows, i, now) >= floor {
			return false
		}
	}
	return true
}

// cells are those of one process.
type cells map[cellKey]*cell

// evict drops the smallest eighth, at least one: in one go, since finding the smallest costs a walk.
func (cs cells) evict(windows []window, now int64) []cellKey {
	type sized struct {
		key  cellKey
		size float64
	}
	list := make([]sized, 0, len(cs))
	for key, c := range cs {
		list = append(list, sized{key, c.size(windows, now)})
	}
	slices.SortFunc(list, func(a, b sized) int {
		return cmp.Or(cmp.Compare(a.size, b.size), a.key.compare(b.key))
	})
	var gone []cellKey
	for _, s := range list[:max(1, len(list)/8)] {
		delete(cs, s.key)
		gone = append(gone, s.key)
	}
	return gone
}

func (cs cells) sum(windows []window, now int64) float64 {
	var sum float64
	for _, c := range cs {
		sum += c.size(windows, now)
	}
	return sum
}

// expire drops the cells that have decayed away, and of the others the visitors who count in no window any more.
func (cs cells) expire(floor float64, windows []window, now int64) {
	oldest := oldest(windows, now)
	for key, c := range cs {
		if c.below(floor, windows, now) {
			delete(cs, key)
			continue
		}
		c.crowd.forget(oldest)
	}
}
