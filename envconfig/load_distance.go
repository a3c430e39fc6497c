package envconfig

import "strings"

// tolerance is how many slips of the pen a name of that length may have.
func tolerance(name string) int {
	switch n := len(name); {
	case n < 4:
		return 0
	case n < 10:
		return 1
	case n < 16:
		return 2
	}
	return 3
}

// nearest returns the word within limit of name that is the nearest, the first
// of several, or "".
func nearest(name string, words []string, limit int) string {
	best := ""
	for _, word := range words {
		if more := len(word) - len(name); more > limit || -more > limit {
			continue // as many letters have to be put in or left out
		}
		if d := distance(name, word); d < limit || d == limit && best == "" {
			best, limit = word, d
		}
	}
	return best
}

// distance returns how many letters have to be put in, left out, changed or
// swapped with their neighbour to make b of a, whatever their case (Damerau
// and Levenshtein, in the form that edits no place twice).
func distance(a, b string) int {
	a, b = strings.ToUpper(a), strings.ToUpper(b)
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
