package agesource

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"unicode/utf8"
)

// member returns the string of that name in a JSON object of strings. All of
// the text is checked, so that what is wrong with it is noticed by whichever
// name is asked for first. Errors tell where that is, and no more: those of
// encoding/json show characters of the text.
func member(text []byte, name string) ([]byte, error) {
	wrong := func(at int64, what string, args ...any) error {
		line := 1 + bytes.Count(text[:min(at, int64(len(text)))], []byte("\n"))
		return fmt.Errorf("%w: what it holds, line %d: %s", ErrCorrupt, line, fmt.Sprintf(what, args...))
	}
	if !utf8.Valid(text) {
		return nil, fmt.Errorf("%w: what it holds is not UTF-8; see Options.Name for a secret that is binary", ErrCorrupt)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, wrong(d.InputOffset(), "it is not a JSON object; see Options.Name for a file that is one secret")
	}
	seen := map[string]bool{}
	var found []byte
	for d.More() {
		key, ok := nextString(d)
		if !ok {
			return nil, wrong(d.InputOffset(), "it is not JSON")
		}
		switch {
		case key == "":
			return nil, wrong(d.InputOffset(), "a name is empty")
		case seen[key]:
			return nil, wrong(d.InputOffset(), "the name %q is there twice", key)
		}
		seen[key] = true
		value, ok := nextString(d)
		switch {
		case !ok:
			return nil, wrong(d.InputOffset(), "the value of %q is not a JSON string", key)
		case strings.ContainsRune(key+value, utf8.RuneError):
			return nil, wrong(d.InputOffset(), "the name or value of %q holds U+FFFD, the sign for what could not be read", key)
		case key == name:
			found = []byte(value)
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, wrong(d.InputOffset(), "the JSON object does not end")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, wrong(d.InputOffset(), "there is more after the JSON object")
	}
	if !seen[name] {
		return nil, fmt.Errorf("not among the %d in the file: %w", len(seen), fs.ErrNotExist)
	}
	return found, nil
}

func nextString(d *json.Decoder) (string, bool) {
	t, err := d.Token()
	if err != nil {
		return "", false
	}
	s, ok := t.(string)
	return s, ok
}

// withoutLineEnding cuts the line ending that editors and echo add.
func withoutLineEnding(text []byte) []byte {
	if rest, ok := bytes.CutSuffix(text, []byte("\n")); ok {
		return bytes.TrimSuffix(rest, []byte("\r"))
	}
	return text
}
