package stepinput

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/masaruk/devops/deploy"
)

var reference = regexp.MustCompile(`\$\{([A-Za-z0-9][A-Za-z0-9._-]*)\}`)

// Shown returns text with each ${name} as something that only a run can know.
func Shown(text string) string { return reference.ReplaceAllString(text, "<output $1>") }

// Placed returns text with something harmless in the place of each ${name}, so
// that its form can be judged before the run.
func Placed(text string) string { return reference.ReplaceAllString(text, "output") }

// URL replaces each ${name} in an address by the output of that name, a
// string, escaped so that it stays one segment or one value; a segment that
// would be nothing, "." or ".." is refused, since it leads elsewhere. One that
// the address begins with is the base of it and is taken as it is.
func URL(c *deploy.Call, address string) (string, error) {
	base := ""
	if at := reference.FindStringIndex(address); at != nil && at[0] == 0 {
		base, address = address[:at[1]], address[at[1]:]
	}
	base, err := c.Expand(base)
	if err != nil {
		return "", err
	}
	rest := reference.ReplaceAllStringFunc(address, func(ref string) string {
		v, e := c.Expand(ref)
		if err == nil {
			err = e
		}
		return strings.ReplaceAll(url.QueryEscape(v), "+", "%20")
	})
	if err == nil {
		err = checkSegments(address, rest)
	}
	return base + rest, err
}

// checkSegments compares the path of an address with what became of it.
func checkSegments(address, expanded string) error {
	path := func(s string) []string {
		s, _, _ = strings.Cut(s, "?")
		s, _, _ = strings.Cut(s, "#")
		return strings.Split(s, "/")
	}
	became := path(expanded)
	for i, segment := range path(address) {
		if !reference.MatchString(segment) {
			continue
		}
		switch became[i] {
		case "", ".", "..":
			return fmt.Errorf("%s became %q, which is no segment of a path", segment, became[i])
		}
	}
	return nil
}

// JSON replaces each ${name} in the strings of a JSON document by the output
// of that name. What the output holds stays within the string.
func JSON(c *deploy.Call, document []byte) ([]byte, error) {
	v, err := decode(document)
	if err != nil {
		return nil, err
	}
	if v, err = expandValue(c, v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

func expandValue(c *deploy.Call, v any) (any, error) {
	var err error
	switch v := v.(type) {
	case string:
		return c.Expand(v)
	case []any:
		for i := range v {
			if v[i], err = expandValue(c, v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for key := range v {
			if v[key], err = expandValue(c, v[key]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// decode keeps numbers as they are written.
func decode(document []byte) (v any, err error) {
	d := json.NewDecoder(strings.NewReader(string(document)))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}
