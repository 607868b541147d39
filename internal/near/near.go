// Package near finds, among the names that are known, the one that somebody who wrote an unknown one may have meant.
package near

import "strings"

// longest is how long a name may be for anything to be looked for: the work grows with the product of lengths.
const longest = 64

// Name returns the known name nearest to one that is unknown, or "" where none is near: at most a third of its letters (rounded up) wrong, but not
// all; letter case aside. Of equals the first. Names that differ in digits alone, as size1 and size2 do, are meant as they are.
func Name(unknown string, known []string) string {
	return nearest(unknown, known, (len(unknown)+2)/3)
}

// Misspelt is Name where the unknown one may well be right: at most a fifth of its letters is wrong.
func Misspelt(unknown string, known []string) string {
	return nearest(unknown, known, (len(unknown)+4)/5)
}

func nearest(unknown string, known []string, wrong int) string {
	if len(unknown) > longest {
		return ""
	}
	best, least := "", min(wrong, len(unknown)-1)+1
	name := strings.ToLower(unknown)
	for _, k := range known {
		other := strings.ToLower(k)
		if max(len(other)-len(name), len(name)-len(other)) >= least || letters(other) == letters(name) && other != name {
			continue
		}
		if d := distance(name, other); d < least {
			best, least = k, d
		}
	}
	return best
}

// letters are a name without its digits, where it has some.
func letters(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, name)
}

// distance is the number of edits of one byte each, or of two neighbours that have changed places, between a and b (Damerau and Levenshtein, no
// stretch edited twice). before, above and row are the last three rows of the table.
func distance(a, b string) int {
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, above, row = above, row, before
		row[0] = i + 1
		for j := range len(b) {
			row[j+1] = min(above[j]+1, row[j]+1, above[j+1]+1)
			if a[i] == b[j] {
				row[j+1] = above[j]
			}
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}

// DidYouMean is a clause that names the nearest, to stand behind what says that a name is unknown; empty where none is near.
func DidYouMean(unknown string, known []string) string {
	if name := Name(unknown, known); name != "" {
		return "; did you mean " + name + "?"
	}
	return ""
}
