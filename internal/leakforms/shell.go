package leakforms

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// shellForms returns s as it stands in a command line.
func shellForms(s string) []string {
	double := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "`", "\\`")
	return []string{
		strings.ReplaceAll(s, "'", `'\''`),  // within single quotes
		strings.ReplaceAll(s, "'", `'"'"'`), // the same by Python's shlex.quote
		double.Replace(s),                   // within double quotes
		strings.ReplaceAll(double.Replace(s), "!", `\!`),
		backslashes(s),
		ansiC(s, false),
		ansiC(s, true),
	}
}

// backslashes is bash's printf %q of text that can be printed: a backslash
// before each character that the shell might take for its own.
func backslashes(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		comment := c == '#' && i == 0
		home := c == '~' && (i == 0 || s[i-1] == ':' || s[i-1] == '=')
		if comment || home || strings.IndexByte(" \t!\"$&'()*,;<>?[\\]^`{|}", c) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}

// ansiC is bash's printf %q of other text: what stands within $'...'. In the
// locale C all that is not ASCII is octal.
func ansiC(s string, ascii bool) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		c, n := utf8.DecodeRuneInString(s[i:])
		short := strings.IndexRune("\a\b\t\n\v\f\r\x1b'\\", c)
		switch {
		case short >= 0:
			b.WriteString(`\` + `abtnvfrE'\`[short:short+1])
		case c < 0x20 || c == 0x7f || c == utf8.RuneError && n == 1 || ascii && c > 0x7f:
			for _, unit := range []byte(s[i : i+n]) {
				fmt.Fprintf(&b, `\%03o`, unit)
			}
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}
