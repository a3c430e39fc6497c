package awssecrets

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/masaruk/devops/secrets"
)

var errNoValue = errors.New("the answer of AWS has no value")

// content is what a secret holds; a function, so that nothing can print it.
type content struct{ text func() string }

func contentOf(text *string, binary []byte) content {
	switch {
	case text != nil:
		return content{func() string { return *text }}
	case binary != nil:
		return content{func() string { return string(binary) }}
	}
	return content{}
}

// field makes a value of the whole, or of a field of it.
func (c content) field(field string) (secrets.Value, error) {
	if c.text == nil {
		return secrets.Value{}, errNoValue
	}
	text := c.text()
	if field != "" {
		var err error
		if text, err = fieldOf(text, field); err != nil {
			return secrets.Value{}, err
		}
	}
	var v secrets.Value
	err := v.UnmarshalText([]byte(text))
	return v, err
}

// fieldOf takes a field out of a JSON object. The errors of encoding/json would
// quote it.
func fieldOf(object, field string) (string, error) {
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(object), &fields) != nil || fields == nil {
		return "", fmt.Errorf("it is no JSON object, so it has no fields: leave out %q", "#"+field)
	}
	raw, ok := fields[field]
	if !ok {
		return "", fmt.Errorf("it has no field %q: %w", field, fs.ErrNotExist)
	}
	switch raw[0] {
	case '"':
		var text string
		if json.Unmarshal(raw, &text) != nil {
			return "", fmt.Errorf("the field %q is no text", field)
		}
		return text, nil
	case '{', '[', 'n':
		return "", fmt.Errorf("the field %q is null, an object or an array, and no text", field)
	}
	return string(raw), nil
}
