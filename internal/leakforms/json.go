package leakforms

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonForms returns s as it stands between the quotes of a JSON string.
func jsonForms(s string) []string {
	lower, upper := jsonString(s, asciiOnly, "%04x"), jsonString(s, asciiOnly, "%04X")
	plain, escaped, node := goJSON(s, false), goJSON(s, true), jsonString(s, nil, "%04x")
	return []string{
		plain, escaped, node, lower, upper,
		strings.ReplaceAll(node, "/", `\/`), strings.ReplaceAll(lower, "/", `\/`),
		goJSON(plain, false), goJSON(escaped, true), jsonString(node, nil, "%04x"),
		logJSON(s),
	}
}

// goJSON is what encoding/json writes. It replaces what is not UTF-8.
func goJSON(s string, html bool) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	if err := e.Encode(s); err != nil {
		return s // a string cannot fail
	}
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(b.String(), "\n"), `"`), `"`)
}

func asciiOnly(c rune) bool { return c >= 0x7f }

// logJSON is what log/slog writes. It replaces what is not UTF-8.
func logJSON(s string) string {
	asDigits := func(c rune) bool { return c == '\b' || c == '\f' || c == '\u2028' || c == '\u2029' }
	var b strings.Builder
	for i := 0; i < len(s); {
		c, n := utf8.DecodeRuneInString(s[i:])
		if c == utf8.RuneError && n == 1 {
			b.WriteString(`\ufffd`)
		} else {
			b.WriteString(jsonString(s[i:i+n], asDigits, "%04x"))
		}
		i += n
	}
	return b.String()
}

// jsonString escapes as ECMA-262, 25.5.2.3 (QuoteJSONString) does, and what
// also picks with digits. Bytes that are not UTF-8 stay.
func jsonString(s string, also func(rune) bool, unit string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		c, n := utf8.DecodeRuneInString(s[i:])
		short := strings.IndexRune("\b\t\n\f\r\"\\", c)
		switch {
		case c == utf8.RuneError && n == 1:
			b.WriteByte(s[i])
		case short >= 0 && (also == nil || !also(c)):
			b.WriteString(`\` + `btnfr"\`[short:short+1])
		case c < 0x20 || also != nil && also(c):
			for _, u := range utf16.Encode([]rune{c}) {
				fmt.Fprintf(&b, `\u`+unit, u)
			}
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}
