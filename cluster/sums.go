package cluster

import (
	"encoding/binary"
	"time"

	"github.com/cespare/xxhash/v2"
)

// Shared facts may be many, and nodes mostly hold the same. So an exchange of states carries sums of them: who finds that another's differ sends it
// what it holds under those sums, and hears the same from it.

// kindSums is the fact that carries them. It is of its sender, for whoever takes the state, and neither kept nor passed on.
const kindSums uint8 = Shared - 1

const (
	sumCount = 256 // each shared fact is part of one
	sumsSize = 8 * sumCount
	sumsLife = time.Minute
)

type sums [sumCount]uint64

// bucket is which sum a fact is part of.
func (k factKey) bucket() int {
	return int(xxhash.Sum64String(string([]byte{k.kind})+k.key) % sumCount)
}

// flip takes a fact into its sum, or out of it.
func (s *sums) flip(f *Fact) { s[f.id().bucket()] ^= xxhash.Sum64(appendFact(nil, f)) }

func (s *sums) encode() []byte {
	b := make([]byte, 0, sumsSize)
	for _, x := range s {
		b = binary.LittleEndian.AppendUint64(b, x)
	}
	return b
}

// differ says under which sums another holds something else.
func (s *sums) differ(theirs []byte) (buckets [sumCount]bool, any bool) {
	for i, x := range s {
		buckets[i] = x != binary.LittleEndian.Uint64(theirs[8*i:])
		any = any || buckets[i]
	}
	return buckets, any
}

// debt is what is to be sent to a member.
type debt struct {
	member  string
	buckets [sumCount]bool
}

// Brief is what this node knows, with sums in the place of shared facts.
func (c *Core) Brief(now int64) []byte {
	s := stateWriter{b: appendStateHeader(nil, 0)}
	own := &Fact{Kind: kindSums, Node: c.cfg.Node, Boot: c.cfg.Boot, Seq: c.seq + 1, Expires: now + sumsLife.Milliseconds(), Value: c.sums.encode()}
	s.add(map[factKey]*Fact{own.id(): own})
	return c.fill(s, urgent, bulk)
}

// hearSums takes another's sums, when everything else of its state was learned.
func (c *Core) hearSums(f *Fact) {
	if f.Node == c.cfg.Node || len(f.Value) != sumsSize {
		return
	}
	if buckets, any := c.sums.differ(f.Value); any {
		c.owed = &debt{memberName(f.Node, f.Boot), buckets}
	}
}

// Owed is what a member lacks as far as its last state tells, nil for nothing, which is then taken for paid. It is a state.
func (c *Core) Owed() (member string, part []byte) {
	owed := c.owed
	if c.owed = nil; owed == nil {
		return "", nil
	}
	s := stateWriter{b: appendStateHeader(nil, 0)}
	for key, f := range c.shared {
		if owed.buckets[key.bucket()] {
			s.add(map[factKey]*Fact{key: f})
		}
	}
	if s.count == 0 {
		return "", nil
	}
	return owed.member, s.done()
}
