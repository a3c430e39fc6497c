package envconfig

import (
	"fmt"
	"strings"
)

// StaleError tells that a committed file is not what the program generates.
type StaleError struct {
	// File is the name that CheckGenerated was given.
	File string
	// Lines are the differences, each with its number in the committed file:
	// "- 12: PORT=..." is to go and "+ 12: PORT=8080" is to come before. What
	// goes is cut after the name of a variable, since somebody may have put a
	// secret there.
	Lines []string
}

// Error tells the file and the differences, one a line.
func (e *StaleError) Error() string {
	return fmt.Sprintf("envconfig: %s is stale; generate it again:\n%s", e.File, strings.Join(e.Lines, "\n"))
}

// CheckGenerated compares a committed file with what [Description.EnvExample]
// or [Description.Markdown] returns now. It returns nil or a [*StaleError].
// Line endings do not count.
func CheckGenerated(file, committed, want string) error {
	have, need := fileLines(committed), fileLines(want)
	edits := difference(have, need)
	if len(edits) == 0 {
		return nil
	}
	return &StaleError{File: file, Lines: edits}
}

func fileLines(text string) []string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// difference returns the lines that differ, by the longest common subsequence
// of what lies between the first and the last of them.
func difference(have, need []string) []string {
	start := 0
	for start < len(have) && start < len(need) && have[start] == need[start] {
		start++
	}
	endHave, endNeed := len(have), len(need)
	for endHave > start && endNeed > start && have[endHave-1] == need[endNeed-1] {
		endHave, endNeed = endHave-1, endNeed-1
	}
	a, b := have[start:endHave], need[start:endNeed]
	if len(a)*len(b) > 1<<22 {
		return []string{fmt.Sprintf("- %d: ... and everything after it: too different to compare line by line", start+1)}
	}
	common := commonLengths(a, b)
	var out []string
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			i, j = i+1, j+1
		case i < len(a) && (j == len(b) || common[i+1][j] >= common[i][j+1]):
			out = append(out, fmt.Sprintf("- %d: %s", start+i+1, cut(a[i])))
			i++
		default:
			out = append(out, fmt.Sprintf("+ %d: %s", start+i+1, b[j]))
			j++
		}
	}
	return out
}

// commonLengths returns the length of the longest common subsequence of each
// pair of ends.
func commonLengths(a, b []string) [][]int {
	table := make([][]int, len(a)+1)
	for i := range table {
		table[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			table[i][j] = max(table[i+1][j], table[i][j+1])
			if a[i] == b[j] {
				table[i][j] = table[i+1][j+1] + 1
			}
		}
	}
	return table
}

// cut returns no more of a committed line than the name of its variable.
func cut(line string) string {
	start := strings.TrimLeft(line, "#| `")
	name := strings.TrimRight(start[:len(start)-len(strings.TrimLeft(start, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789"))], " ")
	if rest := start[len(name):]; validName(name) && (strings.HasPrefix(rest, "=") || strings.HasPrefix(rest, "`")) {
		return name + " ..."
	}
	if strings.TrimSpace(line) == "" {
		return ""
	}
	return "..."
}
