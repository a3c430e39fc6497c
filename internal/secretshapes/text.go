package secretshapes

import "bytes"

// text is what a matcher reads. It notes when the matcher wanted to know what
// is behind the end of it.
type text struct {
	b     []byte
	limit int  // nothing is read from here on, as if the text ended
	open  bool // the end of b was looked at, and is before limit
}

// at returns the byte at i, or 0 at either end of the text.
func (t *text) at(i int) byte {
	if i >= t.limit || i < 0 {
		return 0
	}
	if i >= len(t.b) {
		t.open = true
		return 0
	}
	return t.b[i]
}

// run returns the end of the bytes of a class that begin at i, of which there
// are at most n.
func (t *text) run(i int, in class, n int) int {
	for end := i + n; i < end && in(t.at(i)); {
		i++
	}
	return i
}

// runBack returns the beginning of the bytes of a class that end at i, of which
// there are at most n.
func (t *text) runBack(i int, in class, n int) int {
	for begin := i - n; i > begin && i > 0 && in(t.b[i-1]); {
		i--
	}
	return i
}

// has tells whether s stands at i.
func (t *text) has(i int, s string) bool {
	for k := range len(s) {
		if t.at(i+k) != s[k] {
			return false
		}
	}
	return true
}

// wordBegins tells whether a word begins at i: there is no letter, digit or
// underscore before it, but for those of an escape such as \n or %20.
func (t *text) wordBegins(i int) bool {
	return i == 0 || !isWord(t.b[i-1]) || endsInEscape(t.b[max(0, i-6):i])
}

// endsInEscape tells whether b ends in one of \n, \r, \t, %20, \x20 and
// \u0020, with any digits.
func endsInEscape(b []byte) bool {
	digits := 0 // at the end of b
	for digits < min(4, len(b)) && isAnyHex(b[len(b)-1-digits]) {
		digits++
	}
	for _, escape := range [...]struct {
		begin  string
		digits int
	}{{`\n`, 0}, {`\r`, 0}, {`\t`, 0}, {"%", 2}, {`\x`, 2}, {`\u`, 4}} {
		if digits >= escape.digits && bytes.HasSuffix(b[:len(b)-escape.digits], []byte(escape.begin)) {
			return true
		}
	}
	return false
}

// blanks returns the end of the spaces and tabs at i, of which there are at
// most n.
func (t *text) blanks(i, n int) int { return t.run(i, isBlank, n) }

// class is a set of bytes. No class has the byte 0 in it.
type class func(byte) bool

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isUpper(c byte) bool  { return 'A' <= c && c <= 'Z' }
func isLower(c byte) bool  { return 'a' <= c && c <= 'z' }
func isLetter(c byte) bool { return isUpper(c) || isLower(c) }
func isAlnum(c byte) bool  { return isLetter(c) || isDigit(c) }
func isWord(c byte) bool   { return isAlnum(c) || c == '_' }
func isBlank(c byte) bool  { return c == ' ' || c == '\t' }
func isHex(c byte) bool    { return isDigit(c) || 'a' <= c && c <= 'f' }
func isAnyHex(c byte) bool { return isHex(c) || 'A' <= c && c <= 'F' }

// isURL64 is the alphabet of base64 for URLs (RFC 4648, section 5).
func isURL64(c byte) bool { return isWord(c) || c == '-' }

// isStd64 is the alphabet of base64 (RFC 4648, section 4) with its padding.
func isStd64(c byte) bool { return isAlnum(c) || c == '+' || c == '/' || c == '=' }

// isBase32 is the alphabet of base32 (RFC 4648, section 6).
func isBase32(c byte) bool { return isUpper(c) || '2' <= c && c <= '7' }

func isUpperAlnum(c byte) bool { return isUpper(c) || isDigit(c) }

func isDashed(c byte) bool { return isAlnum(c) || c == '-' }

func isDotted(c byte) bool { return isURL64(c) || c == '.' }

func lower(c byte) byte {
	if isUpper(c) {
		return c + 'a' - 'A'
	}
	return c
}
