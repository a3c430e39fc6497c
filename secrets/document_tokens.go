package secrets

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// object goes from behind { to behind }.
func (d *document) object() bool {
	if d.closes('}') {
		return true
	}
	for {
		d.space()
		d.start = d.at
		if d.at == len(d.text) || d.text[d.at] != '"' {
			return false
		}
		key, ok := d.quoted()
		if !ok || !d.follows(':') {
			return false
		}
		d.path = append(d.path, element{key, -1})
		if !d.member() {
			return false
		}
		d.path = d.path[:len(d.path)-1]
		if d.closes('}') {
			return true
		}
		if !d.follows(',') {
			return false
		}
	}
}

// array goes from behind [ to behind ].
func (d *document) array() bool {
	if d.closes(']') {
		return true
	}
	for i := 0; ; i++ {
		d.path = append(d.path, element{"", i})
		if !d.member() {
			return false
		}
		d.path = d.path[:len(d.path)-1]
		if d.closes(']') {
			return true
		}
		if !d.follows(',') {
			return false
		}
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func (d *document) digits() bool {
	start := d.at
	for d.at < len(d.text) && isDigit(d.text[d.at]) {
		d.at++
	}
	return d.at > start
}

func (d *document) number() bool {
	start := d.at
	if d.text[d.at] == '-' {
		d.at++
	}
	if d.at < len(d.text) && d.text[d.at] == '0' {
		d.at++
	} else if !d.digits() {
		return false
	}
	if d.at < len(d.text) && d.text[d.at] == '.' {
		if d.at++; !d.digits() {
			return false
		}
	}
	if d.at < len(d.text) && d.text[d.at]|0x20 == 'e' {
		if d.at++; d.at < len(d.text) && (d.text[d.at] == '+' || d.text[d.at] == '-') {
			d.at++
		}
		if !d.digits() {
			return false
		}
	}
	if d.at < len(d.text) && strings.IndexByte(" \n\t\r,]}", d.text[d.at]) < 0 {
		return false // start stays before it: it may be a part of something else
	}
	d.redact(start, d.at, d.text[start:d.at])
	return true
}

// redact replaces text[from:to], which means s, if the Redactor knows some of
// it.
func (d *document) redact(from, to int, s string) {
	if d.hidden || to-from < minLength {
		return
	}
	if masked := d.redactor.String(s); masked != s {
		d.replace(from, to, jsonString(masked))
	}
}

// jsonString returns s as JSON, without the escapes for HTML.
func jsonString(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string can be encoded, and a Builder takes everything
	return strings.TrimSuffix(b.String(), "\n")
}

func (d *document) string() bool {
	_, ok := d.quoted()
	return ok
}

// quoted takes a string and returns what it means.
func (d *document) quoted() (string, bool) {
	start := d.at
	d.at++
	escaped := false
	for d.at < len(d.text) {
		switch c := d.text[d.at]; {
		case c == '"':
			d.at++
			s := d.text[start+1 : d.at-1]
			if escaped && !d.hidden {
				s = unescape(s)
			}
			d.redact(start, d.at, s)
			return s, true
		case c == '\\':
			escaped = true
			if !d.escape() {
				return "", false
			}
		case c < ' ':
			return "", false
		default:
			d.at++
		}
	}
	return "", false
}

// escape takes what begins with a backslash.
func (d *document) escape() bool {
	rest := d.text[d.at+1:]
	switch {
	case rest == "":
	case strings.IndexByte(`"\/bfnrt`, rest[0]) >= 0:
		d.at += 2
		return true
	case rest[0] == 'u' && len(rest) > 4 && isHex(rest[1:5]):
		d.at += 6
		return true
	}
	return false
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; !isDigit(s[i]) && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// unescape returns what s, the valid inside of a JSON string, means.
func unescape(s string) string {
	b := make([]byte, 0, len(s))
	for {
		at := strings.IndexByte(s, '\\')
		if at < 0 {
			return string(append(b, s...))
		}
		b = append(b, s[:at]...)
		c := s[at+1]
		s = s[at+2:]
		switch c {
		case 'b':
			b = append(b, '\b')
		case 'f':
			b = append(b, '\f')
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 't':
			b = append(b, '\t')
		case 'u':
			var r rune
			r, s = unescapeRune(s)
			b = utf8.AppendRune(b, r)
		default:
			b = append(b, c)
		}
	}
}

// unescapeRune takes four hexadecimal digits from s, or two times four where
// they are the halves of one character.
func unescapeRune(s string) (rune, string) {
	r := hexRune(s)
	s = s[4:]
	if !utf16.IsSurrogate(r) {
		return r, s
	}
	if strings.HasPrefix(s, `\u`) {
		if both := utf16.DecodeRune(r, hexRune(s[2:])); both != utf8.RuneError {
			return both, s[6:]
		}
	}
	return utf8.RuneError, s
}

func hexRune(s string) rune {
	n, _ := strconv.ParseUint(s[:4], 16, 32) // checked by escape
	return rune(n)
}
