package leakforms

import (
	"encoding/hex"
	"strings"
)

// MinLength is the length in bytes of the shortest form: a shorter text is in
// half of all words.
const MinLength = 4

// Placeholder is what stands in place of a secret in filtered text, so no form
// is a part of it. It is the one of package secrets.
const Placeholder = "[redacted]"

// Form is a text that shows a secret.
type Form struct {
	// Name is the kind of encoding: raw, json, url, html, shell, quoted, base64
	// or hex.
	Name string
	Text string
}

// Of returns the forms of value, each text once under the first name in the
// order of the package comment, the value itself first. It returns none for a
// value shorter than [MinLength] without the space around it. Results are the
// same for the same value.
func Of(value string) []Form {
	c := collection{seen: map[string]bool{}}
	texts := lines(value)
	for _, text := range texts {
		c.add("raw", text)
	}
	for _, text := range texts {
		if strings.ContainsFunc(text, isEscaped) {
			c.addAll("json", jsonForms(text))
			c.addAll("url", urlForms(text))
			c.addAll("html", htmlForms(text))
			c.addAll("shell", shellForms(text))
			c.addAll("quoted", quotedForms(text))
		}
		c.addAll("base64", base64Forms(text))
		lower := hex.EncodeToString([]byte(text))
		c.add("hex", lower)
		c.add("hex", strings.ToUpper(lower))
	}
	return c.forms
}

// isEscaped tells whether some encoder writes c in another way.
func isEscaped(c rune) bool {
	return c >= 0x80 || !alphanumeric(byte(c)) && c != '-' && c != '_' && c != '.'
}

// lines returns value and its lines without the space around them, as far as
// they are long enough to look for.
func lines(value string) []string {
	texts := []string{value}
	if trimmed := strings.TrimSpace(value); trimmed != value {
		texts = append(texts, trimmed)
	}
	for line := range strings.FieldsFuncSeq(value, func(c rune) bool { return c == '\n' || c == '\r' }) {
		texts = append(texts, strings.TrimSpace(line))
	}
	fit := texts[:0]
	for _, text := range texts {
		if Fit(text) {
			fit = append(fit, text)
		}
	}
	return fit
}

// Fit tells whether text can be removed from other text: without the space
// around it it has [MinLength] bytes and is no part of the [Placeholder].
func Fit(text string) bool {
	trimmed := strings.TrimSpace(text)
	return len(trimmed) >= MinLength && !strings.Contains(Placeholder, trimmed)
}

// collection keeps each text once.
type collection struct {
	forms []Form
	seen  map[string]bool
}

func (c *collection) add(name, text string) {
	if c.seen[text] || !Fit(text) {
		return
	}
	c.seen[text] = true
	c.forms = append(c.forms, Form{name, text})
}

func (c *collection) addAll(name string, texts []string) {
	for _, text := range texts {
		c.add(name, text)
	}
}
