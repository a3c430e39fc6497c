package stepinput

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"text/template"

	"github.com/masaruk/devops/deploy"
)

// Text is a text/template whose missing keys are errors, with the functions
// of [Parse].
type Text struct{ parsed *template.Template }

// Parse parses a template. Its functions are output, which gives the output of
// a name; secret, which gives a secret of a name that was looked up; and json,
// which writes a value as JSON.
func Parse(name, text string) (*Text, error) {
	t, err := template.New(name).Option("missingkey=error").Funcs(functions(nil, nil)).Parse(text)
	if err != nil {
		return nil, err
	}
	return &Text{t}, nil
}

// Render executes the template with dot. A nil c has no outputs. Errors are
// without the secrets.
func (t *Text) Render(c *deploy.Call, given *Secrets, dot any) ([]byte, error) {
	own, err := t.parsed.Clone()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := own.Funcs(functions(c, given)).Execute(&b, dot); err != nil {
		return nil, given.Error(err)
	}
	return b.Bytes(), nil
}

func functions(c *deploy.Call, given *Secrets) template.FuncMap {
	return template.FuncMap{
		"output": func(name string) (any, error) {
			if c == nil {
				return nil, errors.New("there are no outputs here")
			}
			var raw json.RawMessage
			if err := c.Bind(name, &raw); err != nil {
				return nil, err
			}
			return decode(raw)
		},
		"secret": func(name string) (string, error) {
			if !given.Has(name) {
				return "", fmt.Errorf("secret %q is not in Secrets", name)
			}
			return given.Reveal(name), nil
		},
		"json": func(v any) (string, error) {
			raw, err := json.Marshal(v)
			return string(raw), err
		},
	}
}
