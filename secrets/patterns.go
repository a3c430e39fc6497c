package secrets

import (
	"strings"

	"github.com/masaruk/devops/internal/secretshapes"
)

// Pattern is a form by which a secret is known that nobody registered. See
// [Redactor.AddPatterns].
type Pattern uint8

// The patterns, and how much of a stream a writer may hold back until it can
// tell.
const (
	// PaymentCards are 13 to 19 digits with the check digit of payment cards
	// (Luhn), in one piece or in groups with single spaces or dashes between
	// them. Numbers that begin with 0 or 1 are times and counters, and no cards.
	// One in ten other numbers of this length has the check digit by chance. A
	// writer holds back at most 37 bytes.
	PaymentCards Pattern = iota + 1
	// JSONWebTokens are signed tokens (RFC 7519) of three parts. A writer holds
	// back at most 24 KiB.
	JSONWebTokens
	// PrivateKeys are PEM, OpenSSH and PGP private keys of several lines, also
	// within JSON or encoded once more in base64. One without an end is hidden
	// as far as it looks like a key, at most 16 KiB of it. A writer holds back
	// at most 24 KiB.
	PrivateKeys
	// ProviderKeys are keys of well-known services, which begin with a text of
	// their own (sk_live_, AKIA, ghp_, ...), and passwords in URLs. A writer
	// holds back at most 24 KiB.
	ProviderKeys
	// EmailAddresses are addresses of ASCII letters and digits with a domain of
	// at least two parts. A writer holds back the last word, at most 320 bytes.
	EmailAddresses
	// PhoneNumbers are numbers of 8 to 15 digits that begin with + or 00, with
	// spaces, dots, dashes, slashes and parentheses between them, and North
	// American ones as 555-010-4477 or (555) 010-4477. A writer holds back at
	// most 64 bytes.
	PhoneNumbers
)

// lookBehind is how many bytes that went out a shape may look at.
const lookBehind = secretshapes.MaxBefore

// finder returns what finds p.
func (p Pattern) finder() finder {
	switch p {
	case PaymentCards:
		return findCards
	case EmailAddresses:
		return findEmails
	case PhoneNumbers:
		return findPhones
	}
	var shapes []secretshapes.Shape
	for _, s := range secretshapes.All() {
		if !s.Generic && p == patternOf(s.ID) {
			shapes = append(shapes, s)
		}
	}
	set := secretshapes.NewSet(shapes)
	return func(b []byte, from int, final bool, found func(start, end int)) int {
		return set.Scan(b, from, final, func(m secretshapes.Match) { found(m.Start, m.End) })
	}
}

// patternOf returns the pattern that a shape belongs to.
func patternOf(id string) Pattern {
	switch {
	case id == "jwt":
		return JSONWebTokens
	case strings.HasPrefix(id, "private-key"):
		return PrivateKeys
	}
	return ProviderKeys
}
