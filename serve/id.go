package serve

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"sync/atomic"
)

// idSource makes ids of answers: 64 bits drawn at start and 64 that differ for every answer of the run, mixed so that
// neighbouring ids look unlike. There is no lock and no allocation.
type idSource struct {
	run     uint64
	counter atomic.Uint64
}

func (s *idSource) init(r *rand.Rand) {
	s.run = r.Uint64()
	s.counter.Store(r.Uint64())
}

func (s *idSource) append(dst []byte) []byte {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], s.run)
	binary.BigEndian.PutUint64(b[8:], mix(s.counter.Add(1)))
	return hex.AppendEncode(dst, b[:])
}

// mix is the finaliser of SplitMix64 (Steele, Lea, Flood 2014), a bijection: distinct in, distinct out.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
