package leakforms

import (
	"fmt"
	"strconv"
	"strings"
)

// quotedForms returns s as it stands between the quotes of a literal of a
// program, which is how debugging output shows texts.
func quotedForms(s string) []string {
	forms := []string{
		inside(strconv.Quote(s)),        // Go: %q, %#v, slog.TextHandler
		inside(strconv.QuoteToASCII(s)), // Go: %+q
	}
	for _, digits := range []string{`\x%02x`, `\x%02X`} { // Python: repr; Node: util.inspect, console.log of an object
		plain := literal(s, digits)
		forms = append(forms, plain, strings.ReplaceAll(plain, "'", `\'`))
	}
	return forms
}

func inside(quoted string) string { return quoted[1 : len(quoted)-1] }

// literal escapes backslashes and control characters; the latter as digits
// where they have no letter.
func literal(s, digits string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		short := strings.IndexByte("\t\n\r\\", c)
		switch {
		case short >= 0:
			b.WriteString(`\` + `tnr\`[short:short+1])
		case c < 0x20 || c == 0x7f:
			fmt.Fprintf(&b, digits, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
