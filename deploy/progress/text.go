package progress

import (
	"math"
	"regexp"
	"strings"
	"unicode"
)

// noLimit is the room on a line without an end.
const noLimit = math.MaxInt

// sequence is an escape sequence of ECMA-48: CSI, OSC and other strings up to
// their end, or two characters.
var sequence = regexp.MustCompile(`\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])`)

// clean makes one line of foreign text harmless: no control characters, none
// that change the direction of the text, and of a line that was overwritten
// only what was seen last.
func clean(s string) string {
	s = sequence.ReplaceAllString(strings.ToValidUTF8(s, "\uFFFD"), "")
	s = strings.TrimRight(s, "\r")
	if i := strings.LastIndexByte(s, '\r'); i >= 0 {
		s = s[i+1:]
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == '\u2028', r == '\u2029':
			return -1
		}
		return r
	}, s)
}

// columns is the width of clean text on a terminal, or more: from Hangul on
// every character counts as a wide one.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += width(r)
	}
	return n
}

func width(r rune) int {
	if r >= 0x1100 && (r < 0x2000 || r >= 0x2e80) {
		return 2
	}
	return 1
}

// cut shortens s to the given columns and shows that it did.
func cut(s string, most int) string {
	if most == noLimit || columns(s) <= most {
		return s
	}
	var b strings.Builder
	left := most - 1
	for _, r := range s {
		if left -= width(r); left < 0 {
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimRight(b.String(), " ") + "…"
}

// wrap breaks s into lines of the given columns, at spaces where it can.
// Lines after the first are indented by two.
func wrap(s string, most int) []string {
	var lines []string
	indent := ""
	for most != noLimit && columns(s) > most {
		end, space, used := 0, 0, 0
		for i, r := range s {
			if used += width(r); used > most && i > 0 {
				break
			}
			if r == ' ' && strings.TrimSpace(s[:i]) != "" {
				space = i
			}
			end = i + len(string(r))
		}
		if space > 0 && space > len(indent) {
			end = space
		}
		lines = append(lines, strings.TrimRight(s[:end], " "))
		if most > 20 {
			indent = "  "
		}
		rest := strings.TrimLeft(s[end:], " ")
		if rest == "" {
			return lines
		}
		s = indent + rest
	}
	return append(lines, s)
}
