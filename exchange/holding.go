package exchange

import (
	"encoding/binary"
	"fmt"
	"net"
)

const (
	holdingFormat = 1
	holdingHeader = 8
	maxBits       = 1024 // bytes of a bitmap: with the rest it fits into one gossiped message
	maxAddress    = 255

	flagWanting = 1
)

// Holding is what a node says of itself and one release: where it can be asked, and for what.
type Holding struct {
	Address string // host:port of its exchange; "": it answers nobody
	Wanting bool   // it is at work on the release, and can ask the origin for it
	Load    uint8  // of what it can send, in 255ths
	shift   uint8  // log2 of the pieces behind one bit
	bits    []byte
}

// NewHolding describes who has the pieces of a release, in their order.
func NewHolding(address string, wanting bool, load uint8, have []bool) Holding {
	h := Holding{Address: address, Wanting: wanting, Load: load}
	for (len(have)-1)>>h.shift >= 8*maxBits {
		h.shift++
	}
	group := 1 << h.shift
	h.bits = make([]byte, ((len(have)+group-1)/group+7)/8)
	for i := 0; i < len(have); i += group {
		all := true
		for _, one := range have[i:min(i+group, len(have))] {
			all = all && one
		}
		if bit := i / group; all {
			h.bits[bit/8] |= 1 << (bit % 8)
		}
	}
	return h
}

// Has reports whether the node has the i-th piece, for sure: where a bit stands for several, it has them all.
func (h Holding) Has(i int) bool {
	bit := i >> h.shift
	return bit/8 < len(h.bits) && h.bits[bit/8]&(1<<(bit%8)) != 0
}

// Encode is the value of a fact (WIRE.md).
func (h Holding) Encode() []byte {
	flags := byte(0)
	if h.Wanting {
		flags |= flagWanting
	}
	b := []byte{holdingFormat, flags, h.Load, h.shift, byte(len(h.Address)), 0}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(h.bits)))
	return append(append(b, h.Address...), h.bits...)
}

// DecodeHolding reads the value of a fact. Unknown flags are for later versions.
func DecodeHolding(b []byte) (Holding, error) {
	bad := func(what string) (Holding, error) { return Holding{}, fmt.Errorf("holding: %s", what) }
	if len(b) < holdingHeader {
		return bad("cut short")
	}
	address, bits := int(b[4]), int(binary.LittleEndian.Uint16(b[6:]))
	switch {
	case b[0] != holdingFormat:
		return bad(fmt.Sprintf("format %d", b[0]))
	case b[5] != 0:
		return bad("reserved byte")
	case b[3] > 16:
		return bad("groups of more than 65,536 pieces")
	case bits > maxBits || len(b) != holdingHeader+address+bits:
		return bad("lengths")
	}
	h := Holding{Wanting: b[1]&flagWanting != 0, Load: b[2], shift: b[3], bits: append([]byte(nil), b[holdingHeader+address:]...)}
	h.Address = string(b[holdingHeader : holdingHeader+address])
	if h.Address != "" {
		host, port, err := net.SplitHostPort(h.Address)
		if err != nil || net.ParseIP(host) == nil || !digits(port) {
			return bad("address: want an IP and a port")
		}
	}
	return h, nil
}

func digits(s string) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != "" && len(s) <= 5
}
