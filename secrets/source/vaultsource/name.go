package vaultsource

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// wanted is what a name means.
type wanted struct {
	path    string // relative to the mount
	version string // decimal; empty is the newest
	field   string
}

// parseName reads path, path#field, path?version=3#field.
func parseName(name string) (wanted, error) {
	path, field, named := strings.Cut(name, "#")
	switch {
	case name == "":
		return wanted{}, errors.New("the name is empty")
	case !named:
		field = "value"
	case field == "":
		return wanted{}, errors.New(`the name ends with "#" and names no field`)
	}
	path, query, queried := strings.Cut(path, "?")
	version := ""
	if queried {
		var ok bool
		version, ok = strings.CutPrefix(query, "version=")
		number, err := strconv.ParseUint(version, 10, 31)
		if !ok || err != nil || number == 0 || strconv.FormatUint(number, 10) != version {
			return wanted{}, errors.New(`after "?" only a version can stand, such as "?version=3"`)
		}
	}
	return wanted{path, version, field}, checkPath(path)
}

func checkPath(path string) error {
	if !utf8.ValidString(path) || hasControl(path) {
		return errors.New("the path holds a control character or is no UTF-8")
	}
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "":
			return errors.New("the path has an empty segment: it must neither begin nor end with a slash, nor hold two in a row")
		case ".", "..":
			return errors.New(`the path has a segment "." or ".."`)
		}
	}
	return nil
}

// escape escapes a path but for its slashes.
func escape(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return strings.Join(segments, "/")
}

func hasControl(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }
