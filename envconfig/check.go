package envconfig

import (
	"errors"

	"github.com/masaruk/devops/secrets"
)

// Variable is one variable of a configuration with its value.
type Variable struct {
	Name  string
	Value secrets.Value // also if it is none, so that it is shown nowhere
	// Secret tells whether the value is a secret.
	Secret bool
}

// CheckValues reports each value that the rules of e refuse, and what is wrong
// with e itself: a joined error of [*Violation], or nil. A Violation has the
// name of the variable as its Field, and never shows the value. Refused are
//
//   - keys and servers of payments in a mode that Rules.Payments refuses;
//   - switches for debugging, levels of logs and kinds of NODE_ENV that
//     Rules.Debug refuses, and in the production tier any NODE_ENV but
//     "production";
//   - plain HTTP to what is reachable from outside, and connections that check
//     no certificate, where Rules.HTTPS demands it;
//   - placeholders in place of a secret, but for the development tier.
//
// It knows keys by how they begin, so one of another provider passes.
func (e Environment) CheckValues(variables []Variable) error {
	if err := e.Validate(); err != nil {
		return err // its rules say nothing
	}
	var errs []error
	for _, v := range variables {
		errs = append(errs, e.checkValue(v)...)
	}
	return errors.Join(errs...)
}

// checkValue returns what the rules of e have against one value; some of the
// errors may be nil.
func (e Environment) checkValue(v Variable) []error {
	text := v.Value.Reveal()
	return append(e.checkPayments(v, text), e.checkDebug(v, text), e.checkHTTPS(v, text), e.checkPlaceholder(v, text))
}
