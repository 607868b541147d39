package train

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// A card ends in the SHA-256 of its own text with zeros in place of the sum, so that a bit that flipped in a setting is noticed.
const noSum = "0000000000000000000000000000000000000000000000000000000000000000"

func sumField(sum string) []byte { return fmt.Appendf(nil, `"sum": "%s"`, sum) }

func cardSum(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// seal writes the sum of a card in place of its zeros.
func seal(text []byte) []byte {
	return bytes.Replace(text, sumField(noSum), sumField(cardSum(text)), 1)
}

// checkSeal compares a card's text with the sum in it.
func checkSeal(text []byte, sum string) error {
	if sum == "" {
		return fmt.Errorf("%s has no sum: it was damaged, or written by an edged of before there was one; train anew (--anew)", CardFile)
	}
	if cardSum(bytes.Replace(text, sumField(sum), sumField(noSum), 1)) != sum {
		return fmt.Errorf("%s is not what was written, by its sum: damaged, or edited; take it from a copy, or train anew (--anew); --pin takes settings from an edited card", CardFile)
	}
	return nil
}
