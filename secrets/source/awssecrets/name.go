package awssecrets

import (
	"errors"
	"fmt"
	"strings"
)

// maxID is the length in bytes of the longest name or ARN of either service.
const maxID = 2048

var errNoName = errors.New("the name is empty")

// name is what a name of a secret means.
type name struct {
	id      string // name or ARN
	field   string // of the JSON object; empty is the whole
	refused error
}

// parseName reads the name of a secret: id or id#field.
func parseName(text string) (name, error) {
	n, err := split(text)
	if err == nil && strings.Contains(n.id, ":") && !isARN(n.id) {
		err = errors.New("the name holds a colon, which only an ARN may")
	}
	return n, err
}

// parseParameter reads the name of a parameter: id, id:version or id:label,
// with or without #field.
func parseParameter(text string) (name, error) {
	n, err := split(text)
	if err == nil && !isARN(n.id) && strings.Count(n.id, ":") > 1 {
		err = errors.New("the name holds two colons")
	}
	return n, err
}

func split(text string) (name, error) {
	id, field, named := strings.Cut(text, "#")
	switch {
	case text == "":
		return name{}, errNoName
	case id == "":
		return name{}, errors.New(`the name begins with "#" and names no secret`)
	case named && field == "":
		return name{}, errors.New(`the name ends with "#" and names no field`)
	}
	return name{id: id, field: field}, checkID(id)
}

// checkID refuses what is in no name or ARN: AWS would answer by an error that
// cannot be told from others, or trim it.
func checkID(id string) error {
	if len(id) > maxID {
		return fmt.Errorf("the name is longer than %d bytes", maxID)
	}
	for _, c := range []byte(id) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("/_+=.@-:", c) >= 0:
		default:
			return fmt.Errorf("the name holds %q; AWS allows letters, digits and /_+=.@-", string(c))
		}
	}
	return nil
}

func isARN(id string) bool { return strings.HasPrefix(id, "arn:") }

// isExactly tells what is wrong with an answer that has a name and an ARN.
func isExactly(id, gotName, gotARN string) error {
	if id == gotName || isARN(id) && id == gotARN {
		return nil
	}
	return fmt.Errorf("AWS takes the name for %q (%s), which is another: give the whole name or the whole ARN", gotName, gotARN)
}

// withoutSelector cuts the version or label off the name of a parameter.
func withoutSelector(id string) string {
	at := strings.LastIndexByte(id, ':')
	if at < 0 || isARN(id) && at < strings.LastIndexByte(id, '/') {
		return id
	}
	return id[:at]
}
