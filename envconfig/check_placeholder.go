package envconfig

import (
	"slices"
	"strings"

	"github.com/masaruk/devops/secrets"
)

// placeholders are texts that stand where a secret belongs, or that everybody
// tries first; compared without case and without any of "-_ ".
var placeholders = []string{
	"changeme", "changeit", "changethis", "replaceme", "replacethis", "placeholder", "example", "sample", "dummy", "fake",
	"secret", "mysecret", "supersecret", "topsecret", "password", "mypassword", "passw0rd", "p@ssw0rd", "pass", "admin", "root",
	"postgres", "mysql", "redis", "user", "guest", "default", "test", "testing", "temp", "todo", "tbd", "fixme", "none", "null",
	"undefined", "nil", "insecure", "notasecret", "letmein", "qwerty", "123", "1234", "12345", "123456", "1234567", "12345678",
	"123456789", "1234567890", "abc123", "password1", "password123", "key", "apikey", "token",
}

// placeholderParts make a placeholder of whatever holds them.
var placeholderParts = []string{"changeme", "replaceme", "placeholder", "example", "yourapikey", "yoursecret", "yourpassword", "yourkey", "yourtoken", "goeshere", "inserthere"}

// checkPlaceholder tells whether a placeholder stands for a secret.
func (e Environment) checkPlaceholder(v Variable, text string) error {
	if e.Tier == TierDevelopment || !v.Secret {
		return nil
	}
	parts := []string{text}
	if strings.Contains(text, "://") { // the names of hosts are no secrets
		parts = passwordsIn(text)
	}
	if !slices.ContainsFunc(parts, isPlaceholder) && !strings.Contains(text, secrets.Placeholder) {
		return nil
	}
	return &Violation{
		Field: v.Name, Rule: "is a secret", Want: "the secret itself", Got: "a placeholder, or what anybody would try first",
		Hint: "set the one of " + e.Name,
	}
}

func isPlaceholder(text string) bool {
	plain := strings.ToLower(strings.Trim(strings.TrimSpace(text), "\"'"))
	if plain == "" {
		return false // that is for the rules of the variable
	}
	if strings.HasPrefix(plain, "<") && strings.HasSuffix(plain, ">") {
		return true // such as <password>
	}
	if strings.HasPrefix(plain, "${") || strings.HasPrefix(plain, "$(") || strings.HasPrefix(plain, "{{") {
		return true // of a template that nobody filled in
	}
	if strings.Trim(plain, plain[:1]) == "" {
		return true // one character again and again
	}
	plain = strings.NewReplacer("-", "", "_", "", " ", "", ".", "").Replace(plain)
	if slices.Contains(placeholders, plain) {
		return true
	}
	return slices.ContainsFunc(placeholderParts, func(p string) bool { return strings.Contains(plain, p) }) ||
		strings.HasPrefix(plain, "your") && strings.HasSuffix(plain, "here")
}

// passwordsIn returns the passwords of the URLs in text.
func passwordsIn(text string) []string {
	var out []string
	for {
		_, after, ok := strings.Cut(text, "://")
		if !ok {
			return out
		}
		authority, _, _ := strings.Cut(after, "/")
		if at := strings.LastIndexByte(authority, '@'); at >= 0 {
			if _, password, _ := strings.Cut(authority[:at], ":"); password != "" {
				out = append(out, password)
			}
		}
		text = after
	}
}
