package release

import (
	"regexp"
	"strings"
)

var nameSyntax = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// plain is a value that means itself without quotes, in a shell as well.
var plain = regexp.MustCompile(`^[A-Za-z0-9_./:@%+,-]+$`)

// quote writes a value for a dotenv file so that the npm package dotenv and
// node --env-file read the same bytes. Their grammar has three kinds of
// quotes, in none of which a quote can be escaped. Only between double quotes
// are \n and \r taken for characters; a backslash before the closing quote is
// read in different ways; a carriage return in the file is lost.
func quote(value string) (string, bool) {
	escape := strings.Contains(value, `\n`) || strings.Contains(value, `\r`)
	switch {
	case plain.MatchString(value):
		return value, true
	case strings.HasSuffix(value, `\`):
		return value, plain.MatchString(strings.ReplaceAll(value, `\`, ""))
	case strings.ContainsAny(value, "\x00\r"):
		return "", false
	case !strings.Contains(value, `'`):
		return `'` + value + `'`, true
	case !strings.Contains(value, `"`) && !escape:
		return `"` + value + `"`, true
	case !strings.Contains(value, "`"):
		return "`" + value + "`", true
	}
	return "", false
}
