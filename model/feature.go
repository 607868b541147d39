package model

import (
	"fmt"
	"math"
	"strings"
	"unicode"

	"github.com/edged/edged"
)

// mostWords bounds the words of one text that are looked at.
const mostWords = 200

// EachFeature names each feature of an item, of what it says of itself, as often as it has it: words and pairs of words next to each other in title and
// description, categories and those above them, tags, brand and price band.
func EachFeature(it *edged.Item, fn func(name string)) {
	for _, text := range []string{it.Title, it.Description} {
		before := ""
		for _, w := range wordsOf(text) {
			fn("w " + w)
			if before != "" {
				fn("p " + before + " " + w)
			}
			before = w
		}
	}
	for _, path := range it.Categories {
		for at := range path {
			if path[at] == '/' {
				fn("c " + path[:at])
			}
		}
		fn("c " + path)
	}
	for _, tag := range it.Tags {
		fn("t " + tag)
	}
	if it.Brand != "" {
		fn("b " + it.Brand)
	}
	if it.Price > 0 {
		fn(fmt.Sprintf("€ %s %.0f", it.Currency, 2*math.Log2(it.Price)))
	}
}

// wordsOf are the words of a text, in small letters and without a plural's s.
func wordsOf(text string) []string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	words = words[:min(len(words), mostWords)]
	for i, w := range words {
		if len(w) > 3 && strings.HasSuffix(w, "s") && !strings.HasSuffix(w, "ss") {
			words[i] = w[:len(w)-1]
		}
	}
	return words
}
