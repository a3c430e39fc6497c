package dotenv

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// isSpace tells whether r is white space to JavaScript, line endings included.
func isSpace(r rune) bool {
	switch r {
	case '\t', '\n', '\v', '\f', '\r', ' ', 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000, 0xfeff:
		return true
	}
	return 0x2000 <= r && r <= 0x200a
}

// spaceAt returns how many bytes the white space character at pos has; 0 if
// there is none.
func spaceAt(text string, pos int) int {
	if r, n := utf8.DecodeRuneInString(text[pos:]); isSpace(r) {
		return n
	}
	return 0
}

func skipSpace(text string, pos int) int {
	for n := spaceAt(text, pos); n > 0; n = spaceAt(text, pos) {
		pos += n
	}
	return pos
}

func trim(text string) string { return strings.TrimFunc(text, isSpace) }

// lineEnd returns the place of the first line ending from pos on, of those
// that end a line in JavaScript's expressions.
func lineEnd(text string, pos int) int {
	if i := strings.IndexAny(text[pos:], "\n\u2028\u2029"); i >= 0 {
		return pos + i
	}
	return len(text)
}

// nextLine returns the place behind the first line ending from pos on.
func nextLine(text string, pos int) int {
	end := lineEnd(text, pos)
	return end + spaceAt(text, end)
}

func isQuote(c byte) bool { return c == '\'' || c == '"' || c == '`' }

func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '.' || c == '-'
}

var conventional = regexp.MustCompile(`^[A-Z_][A-Z0-9_]{0,63}$`)

// isConventional tells whether a name is one as everybody writes them.
func isConventional(name string) bool { return conventional.MatchString(name) }

// unquote takes the quotes off a value as written. Quotes at both ends go,
// those of any line, which are several only where the line separators of
// JavaScript are in a value without quotes. In a value that begins with a double
// quote \n and \r become the characters, also where nothing closes it.
func unquote(raw string) string {
	if raw == "" {
		return ""
	}
	var out strings.Builder
	last := lastQuotes(raw)
	for pos := 0; pos < len(raw); {
		if end := last[raw[pos]]; end > pos {
			out.WriteString(raw[pos+1 : end])
			pos = end + 1
		}
		next := nextLine(raw, pos)
		out.WriteString(raw[pos:next])
		pos = next
	}
	value := out.String()
	if raw[0] == '"' {
		value = strings.ReplaceAll(value, `\n`, "\n")
		value = strings.ReplaceAll(value, `\r`, "\r")
	}
	return value
}

// lastQuotes returns, for each kind of quote, the place of the last one that
// ends its line.
func lastQuotes(raw string) map[byte]int {
	last := make(map[byte]int, 3)
	for i := range len(raw) {
		if isQuote(raw[i]) && (i+1 == len(raw) || lineEnd(raw[:min(len(raw), i+4)], i+1) == i+1) {
			last[raw[i]] = i
		}
	}
	return last
}
