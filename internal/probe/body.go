package probe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Contains is a Body of [HTTP] that looks for text.
func Contains(text string) func(body []byte, whole bool) error {
	return func(body []byte, whole bool) error {
		if bytes.Contains(body, []byte(text)) {
			return nil
		}
		return fmt.Errorf("the body does not contain %q%s", text, within(whole))
	}
}

// JSONValue is a Body of [HTTP] that looks for a value at a place of a JSON
// document. The pointer names the place as RFC 6901 says. A string there is
// compared as it is, anything else as compact JSON.
func JSONValue(pointer, want string) func(body []byte, whole bool) error {
	return func(body []byte, whole bool) error {
		got, err := At(body, pointer)
		if err != nil {
			return fmt.Errorf("%w%s", err, within(whole))
		}
		if got != want {
			return fmt.Errorf("%s of the body is %q, want %q", place(pointer), got, want)
		}
		return nil
	}
}

// At returns what stands at a place of a JSON document, which the pointer
// names as RFC 6901 says: a string as it is, anything else as compact JSON.
func At(document []byte, pointer string) (string, error) {
	v, err := Decode(document)
	if err != nil {
		return "", err
	}
	if v, err = Find(v, pointer); err != nil {
		return "", err
	}
	return Text(v), nil
}

// Decode reads a JSON document of which [Find] finds parts; numbers stay as they
// are written.
func Decode(document []byte) (any, error) {
	var v any
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	if d.Decode(&v) != nil || !ends(d) {
		return nil, errors.New("the body is not JSON")
	}
	return v, nil
}

// Find returns what the pointer names in a document of [Decode].
func Find(document any, pointer string) (any, error) {
	if err := CheckPointer(pointer); err != nil {
		return nil, err
	}
	v := document
	for _, token := range strings.Split(pointer, "/")[1:] {
		next, ok := step(v, pointerEscapes.Replace(token))
		if !ok {
			return nil, fmt.Errorf("the body has no %s", place(pointer))
		}
		v = next
	}
	return v, nil
}

// Text is a part of a document as [At] has it. The keys of an object are sorted.
func Text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return "" // nothing of a document
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// ends tells that nothing but white space follows.
func ends(d *json.Decoder) bool {
	_, err := d.Token()
	return err == io.EOF
}

// CheckPointer tells whether a JSON pointer can be followed.
func CheckPointer(pointer string) error {
	if pointer != "" && pointer[0] != '/' {
		return fmt.Errorf("the JSON pointer %.100q does not begin with %q", pointer, "/")
	}
	return nil
}

// pointerEscapes undoes both at once, as RFC 6901 wants: "~01" is "~1".
var pointerEscapes = strings.NewReplacer("~1", "/", "~0", "~")

func step(v any, token string) (next any, ok bool) {
	switch v := v.(type) {
	case map[string]any:
		next, ok = v[token]
	case []any:
		i, err := strconv.Atoi(token)
		if err == nil && i >= 0 && i < len(v) && strconv.Itoa(i) == token {
			return v[i], true
		}
	}
	return next, ok
}

func place(pointer string) string {
	if pointer == "" {
		return "value"
	}
	return clip(pointer, 100)
}

func within(whole bool) string {
	if whole {
		return ""
	}
	return fmt.Sprintf(" in its first %d KiB", maxBody>>10)
}
