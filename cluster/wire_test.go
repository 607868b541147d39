package cluster

import (
	"encoding/hex"
	"strings"
	"testing"
)

// The numbers of WIRE.md.
func TestSizesAsDocumented(t *testing.T) {
	for _, c := range []struct {
		what      string
		got, want int
	}{
		{"packet header", packetHeader, 29}, {"sealing a packet", packetSealed, 53}, {"library message", maxPacketPlain, 1347},
		{"stream header", streamHeader, 29}, {"member name", maxMember, 81}, {"message", maxMessage, 1283},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d bytes, documented %d", c.what, c.got, c.want)
		}
	}
}

// A fact, byte for byte. If this changes, nodes of different versions can't talk: give it a new format number.
func TestFactGolden(t *testing.T) {
	golden := []string{
		"01",               // format
		"01",               // kind
		"06",               // length of node
		"0700",             // length of key
		"0100",             // length of value
		"0900000000000000", // boot
		"0300000000000000", // sequence number
		"e86be5cf8b010000", // expires
		"656467652d31",     // node: edge-1
		"72656c65617365",   // key: release
		"37",               // value: 7
	}
	if got, want := hex.EncodeToString(encodeMessage(sampleFact())), strings.Join(golden, ""); got != want {
		t.Errorf("fact\n%s, want\n%s", got, want)
	}
}

// Cut short anywhere, a message or a state is an error.
func TestEveryCutIsNoticed(t *testing.T) {
	c := NewCore(CoreConfig{Node: "x"})
	msg := encodeMessage(sampleFact())
	if _, err := c.Step(testNow, msg); err != nil {
		t.Fatal(err)
	}
	state := c.State()
	for i := range msg {
		if _, err := decodeMessage(msg[:i]); err == nil {
			t.Errorf("a message cut to %d bytes decodes", i)
		}
	}
	for i := range state {
		if err := walkState(state[:i], func(*Fact) {}); err == nil {
			t.Errorf("a state cut to %d bytes decodes", i)
		}
	}
	for _, b := range [][]byte{append(msg, 0), append(state, 0)} {
		if _, err := decodeMessage(b); err == nil {
			t.Error("a byte too many is taken")
		}
		if err := walkState(b, func(*Fact) {}); err == nil {
			t.Error("a byte too many is taken")
		}
	}
}

func TestLimitsOfAFact(t *testing.T) {
	for what, change := range map[string]func(*Fact){
		"no node":        func(f *Fact) { f.Node = "" },
		"long node":      func(f *Fact) { f.Node = strings.Repeat("n", MaxName+1) },
		"slash":          func(f *Fact) { f.Node = "a/b" },
		"space":          func(f *Fact) { f.Node = "a b" },
		"not UTF-8":      func(f *Fact) { f.Node = "\xff" },
		"long key":       func(f *Fact) { f.Key = strings.Repeat("k", MaxKey+1) },
		"long value":     func(f *Fact) { f.Value = make([]byte, MaxValue+1) },
		"sequence zero":  func(f *Fact) { f.Seq = 0 },
		"sequence's end": func(f *Fact) { f.Seq = maxSeq + 1 },
	} {
		f := sampleFact()
		change(f)
		if _, err := decodeMessage(encodeMessage(f)); err == nil {
			t.Errorf("%s: taken", what)
		}
	}
	largest := sampleFact()
	largest.Node, largest.Key = strings.Repeat("n", MaxName), strings.Repeat("k", MaxKey)
	largest.Value, largest.Seq = make([]byte, MaxValue), maxSeq
	if _, err := decodeMessage(encodeMessage(largest)); err != nil {
		t.Errorf("the largest fact: %v", err)
	}
}
