package leakscan

import (
	"bytes"
	"slices"
	"strings"
)

// marker is what an allow comment begins with.
const marker = "leakscan:" + "allow"

// maxComment is the length in bytes that the marker and the rules of an allow
// comment can have together.
const maxComment = 256

// indexMarker returns where the first marker begins in the first n bytes of b,
// or -1. The marker may end behind those.
func indexMarker(b []byte, n int) int {
	return bytes.Index(b[:min(len(b), n+len(marker)-1)], []byte(marker))
}

// allowances are the allow comments for the present line and the next one.
type allowances struct{ lines [2]allowance }

// allowance allows rules on one line.
type allowance struct {
	line  int
	all   bool
	rules []string
}

// read takes the comment at b[at:], where b begins with the line, or in it
// unless whole is set. A comment that has its line for itself is for the next
// line too.
func (a *allowances) read(b []byte, at, line int, whole bool, known map[string]string) {
	all, rules := parseAllow(b[at+len(marker):], known)
	a.add(line, all, rules)
	if whole && isOnlyComment(b[:at]) {
		a.add(line+1, all, rules)
	}
}

func (a *allowances) add(line int, all bool, rules []string) {
	for i := range a.lines {
		if l := &a.lines[i]; l.line == line {
			l.all, l.rules = l.all || all, append(l.rules, rules...)
			return
		}
	}
	oldest := &a.lines[0]
	if a.lines[1].line < oldest.line {
		oldest = &a.lines[1]
	}
	*oldest = allowance{line, all, rules}
}

// covers tells whether a rule is allowed on a line. No comment allows a loaded
// value.
func (a *allowances) covers(rule string, line int) bool {
	return rule != LoadedValue && slices.ContainsFunc(a.lines[:], func(l allowance) bool {
		return l.line == line && (l.all || slices.Contains(l.rules, rule))
	})
}

// parseAllow reads what follows the marker: nothing or a reason for every
// rule, or =rule,rule. A rule that does not exist allows nothing.
func parseAllow(b []byte, known map[string]string) (all bool, rules []string) {
	b = b[:min(len(b), maxComment-len(marker))]
	if len(b) == 0 || b[0] != '=' {
		return len(b) == 0 || !isLabel(b[0]) && b[0] != '-', nil
	}
	list := b[1:]
	if i := bytes.IndexFunc(list, func(c rune) bool {
		return c != '-' && c != ',' && (c < 'a' || c > 'z') && (c < '0' || c > '9')
	}); i >= 0 {
		list = list[:i]
	}
	for rule := range strings.SplitSeq(string(list), ",") {
		if known[rule] != "" {
			rules = append(rules, rule)
		}
	}
	return false, rules
}

// isOnlyComment tells whether the text before a marker is nothing but the
// beginning of a comment.
func isOnlyComment(b []byte) bool {
	return len(bytes.Trim(b, " \t/#*;-<!{%")) == 0
}
