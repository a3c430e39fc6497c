package dotenv

import (
	"errors"
	"regexp"
	"slices"
	"strings"
)

// Format writes a .env file from which d's reader reads the same variables
// again, one after the other, whatever the caller appends to it. The lines of
// the entries are not used.
//
// Of the ways to write a value it takes one that all readers of [Lint] read
// alike, if there is one; [Lint] of the result tells of the others. The error
// joins an [*SyntaxError] for each variable that cannot be written at all: its name
// is not made of letters, digits and "_", a digit not first; its value is not
// UTF-8, has a NUL, or has such a mixture of quotes, backslashes and line
// endings that no way of writing survives.
func Format(entries []Entry, d Dialect) (string, error) {
	if err := d.check(); err != nil {
		return "", err
	}
	var out strings.Builder
	var errs []error
	for _, e := range entries {
		line, problem := formatNode(e.Name, e.Value)
		if problem != "" {
			errs = append(errs, &SyntaxError{Name: e.Name, Problem: problem})
		}
		out.WriteString(line)
	}
	if err := errors.Join(errs...); err != nil {
		return "", err
	}
	return out.String(), nil
}

var (
	portableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	// plain is a value that means itself without quotes, to a shell as well.
	plain = regexp.MustCompile(`^[A-Za-z0-9_./:@%+,=-]+$`)
	// escapeBreaks writes line endings as they are escaped in double quotes.
	escapeBreaks = strings.NewReplacer("\r", `\r`, "\n", `\n`)
)

// formatNode returns the line of one variable, or the problem with it.
func formatNode(name, value string) (line, problem string) {
	switch {
	case !portableName.MatchString(name):
		return "", `the name is not one of letters, digits and "_", a digit not first; choose another name`
	case name == protoName:
		return "", "a variable of this name is lost in JavaScript; choose another name"
	case strings.Contains(value, "\x00"):
		return "", "no environment can hold a value with a NUL; write it in base64"
	case invalidUTF8(value) >= 0:
		return "", "the value is not UTF-8; write it in base64"
	case plain.MatchString(value):
		return name + "=" + value + "\n", ""
	}
	var only string
	for _, raw := range written(value) {
		text := name + "=" + raw + "\n"
		switch {
		case !readsBack(text, name, value):
		case len(Lint(text)) == 0:
			return text, ""
		case only == "":
			only = text
		}
	}
	if only == "" {
		return "", "no quotes can carry the value, for the quotes, backslashes or line endings in it; write it in base64"
	}
	return only, ""
}

// written returns the ways to write a value that may be read back, the best
// first. The last ones have the quotes in them that they are in.
func written(value string) []string {
	var plain, odd []string
	for _, quote := range []string{`'`, `"`, "`"} {
		forms := []string{quote + value + quote}
		if quote == `"` {
			forms = append(forms, quote+escapeBreaks.Replace(value)+quote)
		}
		if strings.Contains(value, quote) {
			odd = append(odd, forms...)
		} else {
			plain = append(plain, forms...)
		}
	}
	return slices.Concat(plain, []string{value}, odd)
}

// readsBack tells whether text is that one variable, whatever comes after it:
// a quote below must not become part of it.
func readsBack(text, name, value string) bool {
	text, err := normalize(text)
	if err != nil {
		return false
	}
	for _, quote := range []string{`'`, `"`, "`"} {
		items := scanNode(text + quote)
		if len(items) != 3 || items[0].name != name || items[0].value != value || items[1].kind != ignored {
			return false
		}
	}
	return true
}
