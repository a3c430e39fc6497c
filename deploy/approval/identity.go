package approval

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Identity is a person, as whoever authenticated them knows them.
type Identity struct {
	// ID is the account name or e-mail address: up to 254 characters of
	// printable ASCII, so that no two look the same. Case and spaces do not
	// count, and of "Ada <ada@example.com>" only the address does.
	ID string `json:"id"`
	// Name is how people know them, up to 100 bytes; for display only.
	Name string `json:"name,omitempty"`
	// Roles are what they may vote as.
	Roles []string `json:"roles,omitempty"`
}

// Approver is a person with a key of their own, by which they vote from
// anywhere, with a file.
type Approver struct {
	// Identity is what the key stands for. The roles are these, whatever a
	// file says.
	Identity
	Key ed25519.PublicKey
}

const (
	maxID   = 254 // of an e-mail address: RFC 5321 with its erratum 1690
	maxName = 100
	maxRole = 100
)

// canonical is the one spelling of an ID by which people are told apart.
func canonical(id string) (string, error) {
	if open := strings.LastIndexByte(id, '<'); open >= 0 && strings.HasSuffix(strings.TrimSpace(id), ">") {
		id = strings.TrimSuffix(strings.TrimSpace(id[open+1:]), ">")
	}
	var b strings.Builder
	for _, r := range id {
		switch {
		case r == ' ' || r == '\t' || r == '\r' || r == '\n':
		case r < ' ' || r > '~':
			return "", fmt.Errorf("%w: %q is not printable ASCII; use the account name or e-mail address, and Name for the name", ErrIdentity, id)
		default:
			b.WriteRune(unicode.ToLower(r))
		}
	}
	if b.Len() == 0 || b.Len() > maxID {
		return "", fmt.Errorf("%w: it has %d characters, 1 to %d are possible", ErrIdentity, b.Len(), maxID)
	}
	return b.String(), nil
}

// samePerson tells whether two IDs mean one person. What is no ID is nobody.
func samePerson(a, b string) bool {
	x, errX := canonical(a)
	y, errY := canonical(b)
	return errX == nil && errY == nil && x == y
}

// Validate reports everything that is wrong with i, joined.
func (i Identity) Validate() error {
	var errs []error
	if _, err := canonical(i.ID); err != nil {
		errs = append(errs, fmt.Errorf("field ID: %w", err))
	}
	if len(i.Name) > maxName || plain(i.Name) != i.Name || strings.Contains(i.Name, "\n") {
		errs = append(errs, fmt.Errorf("field Name: it has at most %d bytes of printable text", maxName))
	}
	for n, r := range i.Roles {
		if err := checkRole(r); err != nil {
			errs = append(errs, fmt.Errorf("field Roles[%d]: %w", n, err))
		}
	}
	return errors.Join(errs...)
}

func checkRole(role string) error {
	if role == "" || len(role) > maxRole || plain(role) != role || strings.ContainsAny(role, "\n") {
		return fmt.Errorf("%q is not 1 to %d bytes of printable text", role, maxRole)
	}
	return nil
}

// has tells whether the person has the role.
func (i Identity) has(role string) bool { return slices.Contains(i.Roles, role) }

// String returns the name and the ID.
func (i Identity) String() string {
	if i.Name == "" {
		return i.ID
	}
	return i.Name + " (" + i.ID + ")"
}

// plain makes the characters visible that would change how the text around
// them is shown: terminal escapes, marks that reverse the direction of
// writing, and whatever else is neither printable nor a line feed.
func plain(s string) string {
	clean := func(r rune) bool { return r == '\n' || unicode.IsPrint(r) && r != utf8.RuneError }
	if !strings.ContainsFunc(s, func(r rune) bool { return !clean(r) }) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if clean(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
	}
	return b.String()
}
