package train

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/edged/edged"
	"github.com/edged/edged/learn"
)

// itemFeatures counts what items say of themselves: words and pairs of words next to each other in title and description,
// categories and those above them, tags, brand and price band. Features are numbered in the order of their names.
func itemFeatures(items []edged.Item) *learn.Matrix {
	names := newInterner()
	type count struct{ item, feature uint32 }
	var counts []count
	for i := range items {
		eachFeature(&items[i], func(name string) { counts = append(counts, count{uint32(i), names.add(name)}) })
	}
	n := len(names.ids)
	place := names.sort()
	slices.SortFunc(counts, func(a, b count) int {
		if a.item != b.item {
			return int(a.item) - int(b.item)
		}
		return int(place[a.feature]) - int(place[b.feature])
	})
	m := &learn.Matrix{Cols: n, Start: make([]int, len(items)+1)}
	for at, i := 0, 0; i < len(items); i++ {
		for ; at < len(counts) && int(counts[at].item) == i; at++ {
			if f := place[counts[at].feature]; len(m.Index) > m.Start[i] && m.Index[len(m.Index)-1] == f {
				m.Value[len(m.Value)-1]++
			} else {
				m.Index, m.Value = append(m.Index, f), append(m.Value, 1)
			}
		}
		m.Start[i+1] = len(m.Index)
	}
	return m
}

// mostWords bounds the words of one text that are looked at.
const mostWords = 200

// eachFeature names each feature of an item as often as it has it.
func eachFeature(it *edged.Item, fn func(name string)) {
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
