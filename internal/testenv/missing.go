package testenv

import "fmt"

// MissingError reports a server that cannot start because the machine lacks
// something it needs.
type MissingError struct {
	// Server is the name of its [Requirement].
	Server string
	// Parts is what is not there.
	Parts []Part
}

// Error names everything that is missing and the command that installs it.
func (e *MissingError) Error() string {
	return fmt.Sprintf("%s cannot start, missing: %s; `go run ./internal/cmd/check` at the root of the checkout installs what can be installed",
		e.Server, missingText(e.Parts))
}

// requirePresent fails with a [*MissingError] unless the named server can start.
func requirePresent(name string) error {
	rs, err := Requirements()
	if err != nil {
		return err
	}
	for _, r := range rs {
		if r.Name != name {
			continue
		}
		if missing := r.Missing(); len(missing) > 0 {
			return &MissingError{Server: name, Parts: missing}
		}
		return nil
	}
	return fmt.Errorf("no server is named %q", name)
}
