package secretshapes

import (
	"bytes"
	"strings"
)

// maxPlaceholder is how many bytes of a body are looked at for a word.
const maxPlaceholder = 512

// isPlaceholder tells whether the body of a match says itself that it stands
// for something else. The words are so long that random text does not have
// them.
func isPlaceholder(body []byte) bool {
	if len(body) == 0 {
		return true
	}
	lower := bytes.ToLower(body[:min(len(body), maxPlaceholder)])
	for _, word := range [...]string{"example", "placeholder", "changeme", "change_me", "change-me", "redacted", "xxxxxx", "******", "......", "1234567890", "0123456789", "abcdefgh"} {
		if bytes.Contains(lower, []byte(word)) {
			return true
		}
	}
	return false
}

// isStandIn tells whether a value that only its name makes a secret is one: it
// is filled in later, is computed, or is one of the words that people write
// where there is no secret.
func isStandIn(value []byte) bool {
	switch value[0] {
	case '$', '<', '{', '%', '[', '@', '&':
		return true
	}
	v := string(bytes.ToLower(value))
	for _, mark := range [...]string{"${", "{{", "$(", "://"} {
		if strings.Contains(v, mark) {
			return true
		}
	}
	for _, word := range [...]string{"password", "passwd", "secret", "credential", "replace", "process.env", "getenv", "environ", "undefined", "abcdef", "123456", "qwerty"} {
		if strings.Contains(v, word) {
			return true
		}
	}
	for _, word := range [...]string{"your", "xxxx", "dummy", "sample", "fake", "test", "todo", "insert", "null", "token"} {
		if hasWord(v, word) {
			return true
		}
	}
	return false
}

// hasWord tells whether a word is in v at the beginning, at the end or next to
// something that is neither a letter nor a digit. A word of four letters is in
// random text now and then, but seldom there.
func hasWord(v, word string) bool {
	for from := 0; ; {
		i := strings.Index(v[from:], word)
		if i < 0 {
			return false
		}
		begin, end := from+i, from+i+len(word)
		if begin == 0 || end == len(v) || !isAlnum(v[begin-1]) || !isAlnum(v[end]) {
			return true
		}
		from = begin + 1
	}
}

// isStandInPassword tells whether the password of an address is nothing but a
// word that stands for one, perhaps with a number.
func isStandInPassword(password []byte) bool {
	switch password[0] {
	case '$', '<', '{':
		return true
	case '%':
		return !isAnyHex(password[1])
	}
	switch string(bytes.TrimRight(bytes.ToLower(password), "0123456789!_-")) {
	case "", "password", "passwd", "pass", "secret", "pwd", "xxx", "xxxx", "xxxxx", "test", "your_password", "yourpassword", "my_password", "mypassword", "mysecret":
		return true
	}
	return false
}
