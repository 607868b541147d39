package trend

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math"
	"slices"
	"time"
)

// visitor is who came when: the time, Unix seconds made coarse, above a keyed hash of visitor and item. So one that is newer is larger.
type visitor uint64

func (v visitor) hash() uint32 { return uint32(v) }
func (v visitor) at() uint32   { return uint32(v >> 32) }

// crowd is the newest distinct visitors, the newest first: at most so many of a hash each, at the latest time it was seen.
//
// Whoever is among the k newest of several crowds together has fewer than k newer ones in his own, too. So crowds that keep k each say exactly of
// all together whether k or fewer of them came since a time, whichever is added to which, in any order and however often.
type crowd []visitor

// add takes a visitor in, and lets go of the oldest beyond most.
func (c *crowd) add(v visitor, most int) {
	if i := c.index(v); i >= 0 {
		if (*c)[i] >= v {
			return
		}
		*c = slices.Delete(*c, i, i+1)
	}
	i := len(*c)
	for i > 0 && (*c)[i-1] < v {
		i--
	}
	if i >= most {
		return
	}
	*c = (*c)[:min(len(*c), most-1)]
	*c = slices.Insert(*c, i, v)
}

// index is the place of a visitor, whatever the time; -1: not there.
func (c crowd) index(v visitor) int {
	return slices.IndexFunc(c, func(o visitor) bool { return o.hash() == v.hash() })
}

func (c *crowd) addAll(o crowd, most int) {
	for _, v := range o {
		if len(*c) >= most && v <= (*c)[most-1] {
			return // as are all that follow
		}
		c.add(v, most)
	}
}

// reaches reports whether floor visitors came since a time.
func (c crowd) reaches(floor int, since uint32) bool {
	return floor <= 1 || len(c) >= floor && c[floor-1].at() >= since
}

// forget drops who came before a time.
func (c *crowd) forget(before uint32) {
	n := len(*c)
	for n > 0 && (*c)[n-1].at() < before {
		n--
	}
	*c = (*c)[:n]
}

// seconds is a time as visitors have it; before 1970 is 0.
func seconds(ms int64) uint32 { return uint32(min(max(ms/1000, 0), math.MaxUint32)) }

// keyID names a key without telling it: hashes under different keys tell nothing of who is whom.
type keyID [4]byte

// coarse is a time as visitors have it, down to a part of the shortest half-life: two items that one visitor had in one minute look like any two that
// somebody had then. What is compared with it is made coarse alike, so that who is counted is the same on all nodes, and nobody is forgotten early.
func coarse(windows []window, ms int64) uint32 {
	grain := time.Second.Milliseconds()
	if len(windows) > 0 {
		grain = max(grain, windows[0].halfLife.Milliseconds()/staleAfter)
	}
	return seconds(ms - ms%grain)
}

// namer names visitors by HMAC-SHA-256(key, visitor, item), cut to 32 bits. As the item is part of it, the hashes don't tell without the key which items
// the same visitor had; when they were raised still may, where few came. Two visitors of an item under one hash, one pair in 4 billion, count as one: an item is shown too late then, never too early.
type namer struct {
	id   keyID
	mac  hash.Hash
	what []byte // what is hashed
	sum  [sha256.Size]byte
}

func newNamer(key []byte) namer {
	n := namer{mac: hmac.New(sha256.New, key)}
	id := sha256.Sum256(append([]byte("edged trend key id\x00"), key...))
	copy(n.id[:], id[:])
	return n
}

func randomKey() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return key
}

func (n *namer) name(who, item string, at uint32) visitor {
	n.what = binary.LittleEndian.AppendUint64(n.what[:0], uint64(len(who)))
	n.what = append(append(n.what, who...), item...)
	n.mac.Reset()
	_, _ = n.mac.Write(n.what) // never fails
	return visitor(at)<<32 | visitor(binary.LittleEndian.Uint32(n.mac.Sum(n.sum[:0])))
}
