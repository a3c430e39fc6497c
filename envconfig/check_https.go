package envconfig

import "strings"

// checkHTTPS tells whether the value leads outside without encryption where
// Rules.HTTPS demands it.
func (e Environment) checkHTTPS(v Variable, text string) error {
	if e.Rules.HTTPS.Has(Off) {
		return nil
	}
	wrong := func(want, got, hint string) error {
		return &Violation{Field: v.Name, Rule: "is encrypted where it is reachable from outside", Want: want, Got: got, Hint: hint}
	}
	if strings.EqualFold(v.Name, "NODE_TLS_REJECT_UNAUTHORIZED") && strings.TrimSpace(text) == "0" {
		return wrong("certificates that are checked", "no check", "leave it out; give an authority of your own to NODE_EXTRA_CA_CERTS")
	}
	for _, a := range addressesIn(text) {
		if (a.scheme == "http" || a.scheme == "ws") && isPublic(a.host) {
			return wrong(a.scheme+"s://", a.scheme+":// to a public host", "serve it over "+a.scheme+"s; a host that is not public needs a private name or address")
		}
	}
	return nil
}
