package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// argMin512 finds the smallest key, then the first one equal to it. The second pass is free of branches that depend on
// the keys up to 64 of them: the places found go to the bits of a word.
func argMin512() {
	TEXT("argMinAVX512", NOSPLIT, argMinSig)
	keys, n := base("keys"), length("keys")
	for _, n8 := range []int{2, 4, 6, 8} {
		CMPQ(n, Imm(uint64(8*n8)))
		JE(LabelRef(fmt.Sprintf("keys%d", 8*n8)))
	}
	least := zmms(4)
	VPTERNLOGD(Imm(0xff), least[0], least[0], least[0])
	for _, z := range least[1:] {
		VMOVDQA64(least[0], z)
	}
	k, left := K(), copyOf(n)
	p := copyOf(keys)
	part := copyOf(n)
	ANDQ(Imm(7), part)
	tailMask(part, k)
	SUBQ(Imm(32), left)
	JL(LabelRef("few"))
	Label("many")
	for i, z := range least {
		VPMINUQ(at(p, 64*i), z, z)
	}
	ADDQ(U32(256), p)
	SUBQ(Imm(32), left)
	JGE(LabelRef("many"))
	Label("few")
	ADDQ(Imm(32-8), left)
	JL(LabelRef("part"))
	Label("eight")
	VPMINUQ(at(p, 0), least[1], least[1])
	ADDQ(Imm(64), p)
	SUBQ(Imm(8), left)
	JGE(LabelRef("eight"))
	Label("part")
	CMPQ(left, I32(-8))
	JE(LabelRef("fold"))
	VPMINUQ(at(p, 0), least[2], k, least[2])
	Label("fold")
	VPMINUQ(least[1], least[0], least[0])
	VPMINUQ(least[3], least[2], least[2])
	VPMINUQ(least[2], least[0], least[0])
	everyLane(least[0])

	place, found := GP64(), GP64()
	XORQ(place, place)
	left = copyOf(n)
	eq := make([]reg.OpmaskVirtual, 4)
	for i := range eq {
		eq[i] = K()
	}
	SUBQ(Imm(64), left)
	JL(LabelRef("rest"))
	Label("look")
	words := make([]reg.OpmaskVirtual, 2)
	for half := range 2 {
		for i := range eq {
			VPCMPEQQ(at(keys, 256*half+64*i), least[0], eq[i])
		}
		KUNPCKBW(eq[0], eq[1], eq[0])
		KUNPCKBW(eq[2], eq[3], eq[2])
		words[half] = K()
		KUNPCKWD(eq[0], eq[2], words[half])
	}
	KUNPCKDQ(words[0], words[1], words[0])
	KMOVQ(words[0], found)
	TESTQ(found, found)
	JNZ(LabelRef("done"))
	ADDQ(Imm(64), place)
	ADDQ(U32(512), keys)
	SUBQ(Imm(64), left)
	JGE(LabelRef("look"))
	Label("rest") // fewer than 64 keys
	shift, bits := GP64(), GP64()
	XORQ(found, found)
	XORQ(shift, shift)
	ADDQ(Imm(64-8), left)
	JL(LabelRef("restPart"))
	Label("restEight")
	VPCMPEQQ(at(keys, 0), least[0], eq[0])
	KMOVB(eq[0], bits.As32())
	SHLXQ(shift, bits, bits)
	ORQ(bits, found)
	ADDQ(Imm(64), keys)
	ADDQ(Imm(8), shift)
	SUBQ(Imm(8), left)
	JGE(LabelRef("restEight"))
	Label("restPart")
	VPCMPEQQ(at(keys, 0), least[0], k, eq[0])
	KMOVB(eq[0], bits.As32())
	SHLXQ(shift, bits, bits)
	ORQ(bits, found)
	Label("done")
	TZCNTQ(found, found)
	ADDQ(found, place)
	VZEROUPPER()
	Store(place, ReturnIndex(0))
	RET()
	for _, n8 := range []int{2, 4, 6, 8} {
		argMinFixed(keys, n8)
	}
}

// everyLane brings the smallest lane into all lanes.
func everyLane(z reg.VecVirtual) {
	half, quarter := YMM(), XMM()
	VEXTRACTI64X4(Imm(1), z, half)
	VPMINUQ(z.AsY(), half, half)
	VEXTRACTI32X4(Imm(1), half, quarter)
	VPMINUQ(half.AsX(), quarter, quarter)
	swapped := XMM()
	VPSHUFD(Imm(0x4e), quarter, swapped)
	VPMINUQ(swapped, quarter, quarter)
	VPBROADCASTQ(quarter, z)
}

// argMinFixed is for 8·n8 keys, 64 at most: they are loaded once.
func argMinFixed(keys reg.Register, n8 int) {
	Label(fmt.Sprintf("keys%d", 8*n8))
	key := zmms(n8)
	least := make([]reg.VecVirtual, n8/2)
	for i := range key {
		VMOVDQU64(at(keys, 64*i), key[i])
		if i&1 == 1 {
			least[i/2] = ZMM()
			VPMINUQ(key[i-1], key[i], least[i/2])
		}
	}
	for len(least) > 1 {
		n := len(least)
		VPMINUQ(least[n-1], least[n-2], least[n-2])
		least = append([]reg.VecVirtual{least[n-2]}, least[:n-2]...)
	}
	everyLane(least[0])
	found := GP64()
	var words []reg.OpmaskVirtual
	for i := 0; i < n8; i += 2 {
		k := []reg.OpmaskVirtual{K(), K()}
		VPCMPEQQ(key[i], least[0], k[0])
		VPCMPEQQ(key[i+1], least[0], k[1])
		KUNPCKBW(k[0], k[1], k[0])
		words = append(words, k[0])
	}
	if n8 == 2 {
		KMOVW(words[0], found.As32())
	} else {
		for i := 0; i+1 < len(words); i += 2 {
			KUNPCKWD(words[i], words[i+1], words[i])
		}
		if n8 > 4 {
			KUNPCKDQ(words[0], words[2], words[0])
		}
		KMOVQ(words[0], found)
	}
	TZCNTQ(found, found)
	VZEROUPPER()
	Store(found, ReturnIndex(0))
	RET()
}
