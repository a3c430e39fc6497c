package leakscan

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Finding is a place where a secret is. It holds nothing of the secret.
type Finding struct {
	// Rule is the ID of a [Rule] and Name is the Name of it.
	Rule string `json:"rule"`
	Name string `json:"name"`
	// Path is that of the file in the tree or, as it is after the change, in the
	// diff; or the name that Stream was given.
	Path string `json:"path"`
	// Line and Column are those of the first byte of the secret, from 1. Columns
	// count bytes. Both are 0 in a binary file. In UTF-16 the columns are those
	// of the text in UTF-8.
	Line   int `json:"line"`
	Column int `json:"column"`
	// Offset is where the secret begins in a file or stream, in bytes from 0; in
	// UTF-16, in the text in UTF-8. In a diff it is 0.
	Offset int64 `json:"offset"`

	context [8]byte // of the rule, the path and what the secret is called
}

// String returns "path:line:column: rule: name", for a binary file
// "path: byte offset: rule: name". A path with characters that a terminal
// obeys is quoted.
func (f Finding) String() string {
	name := f.Path
	if strings.ContainsFunc(name, func(c rune) bool { return !unicode.IsPrint(c) }) {
		name = strconv.Quote(name)
	}
	if f.Line == 0 {
		return fmt.Sprintf("%s: byte %d: %s: %s", name, f.Offset, f.Rule, f.Name)
	}
	return fmt.Sprintf("%s:%d:%d: %s: %s", name, f.Line, f.Column, f.Rule, f.Name)
}

// contextOf returns what a baseline knows a finding by: a hash of its rule, its
// path and what stands before the secret on its line as a name, such as
// DB_PASSWORD. The secret is not in it, so that nobody can try values.
func contextOf(rule, path string, before []byte) (sum [8]byte) {
	h := sha256.New()
	for _, part := range [...]string{"github.com/masaruk/devops/secrets/leakscan baseline v1", rule, path, label(before)} {
		_, _ = fmt.Fprintf(h, "%d %s\x00", len(part), part) // a hash takes everything
	}
	copy(sum[:], h.Sum(nil))
	return sum
}

// maxLabel is the length in bytes of the longest name that label returns.
const maxLabel = 40

// label returns the last name in the text before a secret, to which it is
// assigned or given. What stands there in another way may be a secret too.
func label(before []byte) string {
	end := len(before)
	for end > 0 && len(before)-end < 16 && !isLabel(before[end-1]) {
		end--
	}
	if between := before[end:]; !bytes.ContainsAny(between, "=:(") || bytes.ContainsRune(between, ',') {
		return ""
	}
	begin := end
	for begin > 0 && end-begin < maxLabel && isLabel(before[begin-1]) {
		begin--
	}
	return string(before[begin:end])
}

func isLabel(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// Error is the error of the operations of this package. It wraps its cause:
// [ErrFindings], [ErrDiff], [ErrTooMany], the cause of the context, or the
// error of the file system or reader. It holds nothing of what was read.
type Error struct {
	Op   string // "tree", "diff", "stream", "check" or "baseline"
	Path string // of the file, or ""
	Err  error
}

// Error returns the operation, the path and the cause.
func (e *Error) Error() string {
	if e.Path == "" {
		return "leakscan: " + e.Op + ": " + e.Err.Error()
	}
	return "leakscan: " + e.Op + " " + strconv.Quote(e.Path) + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
