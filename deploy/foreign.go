package deploy

import (
	"strconv"
	"strings"
	"unicode"
)

// oneLine is text of others as a part of a line that people read: quoted where
// it would begin another line, or change how the rest of it looks.
func oneLine(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}

// harmless is text of several lines without what controls a terminal.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}
