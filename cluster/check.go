package cluster

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/hashicorp/memberlist"
)

// The library's message types that are let through; its compressed and encrypted ones, labels, and whatever comes later are not.
const (
	msgPing         = 0
	msgIndirectPing = 1
	msgAck          = 2
	msgSuspect      = 3
	msgAlive        = 4
	msgDead         = 5
	msgPushPull     = 6
	msgCompound     = 7
	msgUser         = 8
	msgNack         = 11
	msgCRC          = 12
	msgError        = 13
)

const (
	maxMember   = MaxName + 1 + 16 // bytes of a member's name: node, slash, boot in hexadecimal
	maxExchange = 4096             // members in one exchange of states
	// maxIncarnation is far above what any node reaches, and far below where the counter would wrap.
	maxIncarnation = 1 << 30
)

func numberField(name string, limit int) field { return field{name: name, kind: number, max: limit} }

func nameField(name string) field { return field{name: name, kind: raw, min: 1, max: maxMember} }

var (
	fieldSeq         = numberField("SeqNo", math.MaxUint32)
	fieldIncarnation = numberField("Incarnation", maxIncarnation)
	fieldPort        = numberField("Port", math.MaxUint16)
	fieldMeta        = field{name: "Meta", kind: raw, max: memberlist.MetaMaxSize}
	fieldVersions    = field{name: "Vsn", kind: raw, min: 6, max: 6}

	// replyTo is where an answer goes, when not to where the question came from.
	replyTo = form{
		{name: "SourceAddr", kind: address, max: 16, optional: true},
		{name: "SourcePort", kind: number, max: math.MaxUint16, optional: true},
		{name: "SourceNode", kind: raw, max: maxMember, optional: true},
	}
	accusation = form{fieldIncarnation, nameField("Node"), nameField("From")}

	packetForms = map[byte]form{
		msgPing: append(form{fieldSeq, {name: "Node", kind: raw, max: maxMember}}, replyTo...),
		msgIndirectPing: append(form{
			fieldSeq, {name: "Target", kind: address, max: 16}, fieldPort,
			{name: "Node", kind: raw, max: maxMember}, {name: "Nack", kind: boolean},
		}, replyTo...),
		msgAck:     {fieldSeq, {name: "Payload", kind: raw, max: 64}},
		msgNack:    {fieldSeq},
		msgSuspect: accusation,
		msgDead:    accusation,
		msgAlive:   {fieldIncarnation, nameField("Node"), {name: "Addr", kind: address, max: 16}, fieldPort, fieldMeta, fieldVersions},
	}
	streamForms = map[byte]form{
		msgPing:  packetForms[msgPing],
		msgAck:   packetForms[msgAck],
		msgError: {{name: "Error", kind: raw, max: 1024}},
	}
	exchangeForm = form{numberField("Nodes", maxExchange), numberField("UserStateLen", maxReceived), {name: "Join", kind: boolean}}
	partForm     = form{numberField("UserMsgLen", maxReceived+1)}
	memberForm   = form{
		nameField("Name"), {name: "Addr", kind: address, max: 16}, fieldPort, fieldMeta, fieldIncarnation,
		numberField("State", int(memberlist.StateLeft)), fieldVersions,
	}
)

// checkPacket reports why the library must not see an opened packet.
func checkPacket(b []byte) error {
	if len(b) > 5 && b[0] == msgCRC {
		if crc32.ChecksumIEEE(b[5:]) != binary.BigEndian.Uint32(b[1:]) {
			return fmt.Errorf("%w: checksum", errForm)
		}
		b = b[5:]
	}
	if len(b) > 1 && b[0] == msgCompound {
		return checkCompound(b[1:])
	}
	return checkMessage(b)
}

// checkCompound wants exactly the parts that are announced, none of them compound.
func checkCompound(b []byte) error {
	count := int(b[0])
	if len(b) < 1+2*count {
		return fmt.Errorf("%w: compound cut off", errForm)
	}
	lengths, parts := b[1:1+2*count], b[1+2*count:]
	for ; len(lengths) > 0; lengths = lengths[2:] {
		n := int(binary.BigEndian.Uint16(lengths))
		if n > len(parts) {
			return fmt.Errorf("%w: compound cut off", errForm)
		}
		if err := checkMessage(parts[:n]); err != nil {
			return err
		}
		parts = parts[n:]
	}
	if len(parts) > 0 {
		return fmt.Errorf("%w: %d bytes after a compound", errForm, len(parts))
	}
	return nil
}

func checkMessage(b []byte) error {
	if len(b) == 0 {
		return fmt.Errorf("%w: empty message", errForm)
	}
	if b[0] == msgUser {
		_, err := decodeMessage(b[1:])
		return err
	}
	return checkForm(packetForms, b)
}

// checkForm wants one message of a known type and nothing after it.
func checkForm(forms map[byte]form, b []byte) error {
	f, ok := forms[b[0]]
	if !ok {
		return fmt.Errorf("%w: message type %d", errForm, b[0])
	}
	rest, err := f.check(b[1:], nil)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%w: %d bytes after a message", errForm, len(rest))
	}
	return err
}

// checkStream reports why the library must not see a message that came whole by a stream.
func checkStream(b []byte) error {
	if len(b) == 0 {
		return fmt.Errorf("%w: empty message", errForm)
	}
	switch b[0] {
	case msgPushPull:
		return checkExchange(b[1:])
	case msgUser:
		return checkPart(b[1:])
	}
	return checkForm(streamForms, b)
}

// checkPart wants a state of the length that is announced, and nothing after it.
func checkPart(b []byte) error {
	sizes := map[string]int{}
	b, err := partForm.check(b, sizes)
	if err != nil {
		return err
	}
	if len(b) == 0 || len(b) != sizes["UserMsgLen"] || b[0] != partFormat {
		return fmt.Errorf("%w: %d bytes of a message, %d announced, or not in format %d", errForm, len(b), sizes["UserMsgLen"], partFormat)
	}
	return walkState(b[1:], func(*Fact) {})
}

// checkExchange wants the members and the bytes of facts that are announced, and nothing after them.
func checkExchange(b []byte) error {
	sizes := map[string]int{}
	b, err := exchangeForm.check(b, sizes)
	if err != nil {
		return err
	}
	for range sizes["Nodes"] {
		if b, err = memberForm.check(b, nil); err != nil {
			return err
		}
	}
	if len(b) != sizes["UserStateLen"] {
		return fmt.Errorf("%w: %d bytes of facts, %d announced", errForm, len(b), sizes["UserStateLen"])
	}
	if len(b) == 0 {
		return nil
	}
	return walkState(b, func(*Fact) {})
}
