package httpcheck

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// document is a decoded JSON text.
type document struct{ root any }

func decode(body []byte) (document, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var doc document
	if err := d.Decode(&doc.root); err != nil {
		return doc, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return doc, errors.New("there is more after the value")
	}
	return doc, nil
}

// want tells what is wrong with the value at a pointer, if anything.
func (d document) want(pointer, want string) error {
	value, ok := d.at(pointer)
	if !ok {
		return fmt.Errorf("the body has nothing at %q", pointer)
	}
	got := text(value)
	switch {
	case want == "" && value == nil:
		return fmt.Errorf("the body has null at %q", pointer)
	case want != "" && got != want:
		return fmt.Errorf("the body has %.100q at %q, want %.100q", got, pointer, want)
	}
	return nil
}

// at finds the value of a pointer as of RFC 6901.
func (d document) at(pointer string) (any, bool) {
	value := d.root
	if pointer == "" {
		return value, true
	}
	for token := range strings.SplitSeq(pointer[1:], "/") {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		switch v := value.(type) {
		case map[string]any:
			next, ok := v[token]
			if !ok {
				return nil, false
			}
			value = next
		case []any:
			n, err := strconv.ParseUint(token, 10, 31)
			if err != nil || int(n) >= len(v) || strconv.FormatUint(n, 10) != token {
				return nil, false
			}
			value = v[n]
		default:
			return nil, false
		}
	}
	return value, true
}

// text is a string as it is, and anything else as compact JSON.
func text(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}
