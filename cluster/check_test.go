package cluster

import (
	"bytes"
	"testing"

	"github.com/hashicorp/go-msgpack/v2/codec"
)

// The library's structures, as it encodes them.
type (
	libPing struct {
		SeqNo      uint32
		Node       string
		SourceAddr []byte `codec:",omitempty"`
		SourcePort uint16 `codec:",omitempty"`
		SourceNode string `codec:",omitempty"`
	}
	libAlive struct {
		Incarnation uint32
		Node        string
		Addr        []byte
		Port        uint16
		Meta        []byte
		Vsn         []uint8
	}
	libAccusation struct {
		Incarnation uint32
		Node, From  string
	}
	libHeader struct {
		Nodes, UserStateLen int
		Join                bool
	}
)

func encodeLib(t *testing.T, kind byte, v any) []byte {
	t.Helper()
	b := bytes.NewBuffer([]byte{kind})
	if err := codec.NewEncoder(b, &codec.MsgpackHandle{}).Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func goodAlive() libAlive {
	return libAlive{7, "a/1f", []byte{127, 0, 0, 1}, 7946, []byte{1}, []byte{1, 5, 2, 0, 0, 0}}
}

// What the library encodes passes at the edges of every bound, and one step beyond is refused.
func TestCheckBounds(t *testing.T) {
	long := string(bytes.Repeat([]byte{'n'}, maxMember))
	for _, c := range []struct {
		name string
		kind byte
		v    any
		ok   bool
	}{
		{"ping", msgPing, libPing{SeqNo: 1<<32 - 1, Node: long}, true},
		{"ping from elsewhere", msgPing, libPing{SourceAddr: make([]byte, 16), SourcePort: 65535, SourceNode: long}, true},
		{"ping, odd address", msgPing, libPing{SourceAddr: make([]byte, 5), SourcePort: 1}, false},
		{"ping, long name", msgPing, libPing{Node: long + "x"}, false},
		{"alive", msgAlive, goodAlive(), true},
		{"alive, largest", msgAlive, func() libAlive {
			a := goodAlive()
			a.Incarnation, a.Meta, a.Node = maxIncarnation, make([]byte, 512), long
			return a
		}(), true},
		{"alive, no metadata", msgAlive, func() libAlive { a := goodAlive(); a.Meta = nil; return a }(), true},
		{"alive, incarnation", msgAlive, func() libAlive { a := goodAlive(); a.Incarnation = maxIncarnation + 1; return a }(), false},
		{"alive, metadata", msgAlive, func() libAlive { a := goodAlive(); a.Meta = make([]byte, 513); return a }(), false},
		{"alive, versions", msgAlive, func() libAlive { a := goodAlive(); a.Vsn = a.Vsn[:5]; return a }(), false},
		{"alive, no address", msgAlive, func() libAlive { a := goodAlive(); a.Addr = nil; return a }(), false},
		{"dead", msgDead, libAccusation{1, "a/1", "b/1"}, true},
		{"dead, nameless", msgDead, libAccusation{1, "", "b/1"}, false},
		{"missing fields", msgDead, struct{ Node string }{"a"}, false},
		{"unknown field", msgNack, map[string]uint32{"SeqNo": 1, "More": 2}, false},
		{"no map", msgNack, []int{1}, false},
		{"negative", msgNack, map[string]int{"SeqNo": -1}, false},
		{"fraction", msgNack, map[string]float64{"SeqNo": 1}, false},
	} {
		b := encodeLib(t, c.kind, c.v)
		if err := checkPacket(b); (err == nil) != c.ok {
			t.Errorf("%s: %v, want ok %v", c.name, err, c.ok)
		}
		for i := range b {
			if checkPacket(b[:i]) == nil {
				t.Errorf("%s cut to %d bytes passes", c.name, i)
			}
		}
		if checkPacket(append(bytes.Clone(b), 0)) == nil {
			t.Errorf("%s with a byte more passes", c.name)
		}
	}
}

func TestCheckFieldTwice(t *testing.T) {
	b := append([]byte{msgNack, 0x82}, bytes.Repeat(append([]byte{0xa5}, "SeqNo\x01"...), 2)...)
	if checkPacket(b) == nil {
		t.Error("a field that comes twice passes")
	}
}

// An exchange holds what its header says: no member, no byte more or less.
func TestCheckExchange(t *testing.T) {
	a := goodAlive()
	member := encodeLib(t, 0, map[string]any{
		"Name": a.Node, "Addr": a.Addr, "Port": a.Port, "Meta": a.Meta, "Incarnation": a.Incarnation, "State": 0, "Vsn": a.Vsn,
	})[1:]
	state := NewCore(CoreConfig{Node: "x"}).State()
	build := func(nodes, length int) []byte {
		b := encodeLib(t, msgPushPull, libHeader{nodes, length, true})
		return append(append(append(b, member...), member...), state...)
	}
	if err := checkStream(build(2, len(state))); err != nil {
		t.Errorf("a sound exchange: %v", err)
	}
	for _, c := range [][2]int{{1, len(state)}, {3, len(state)}, {2, len(state) - 1}, {2, len(state) + 1}, {1 << 20, len(state)}, {2, 1 << 30}, {-1, 0}} {
		if checkStream(build(c[0], c[1])) == nil {
			t.Errorf("announced %d members and %d bytes of facts: passes", c[0], c[1])
		}
	}
}
