package powercut

import (
	"errors"
	"fmt"
)

// Prove runs check on every state, and then again for each sync left out: one
// that check does not miss is reported, since it was not needed or is not
// tested. It returns all that is wrong, or nil.
func (r *Recording) Prove(opts *Options, check func(State) error) error {
	if err := r.Check(opts, check); err != nil {
		return err
	}
	var errs []error
	for _, i := range r.Syncs() {
		if r.Without(i).Check(opts, check) == nil {
			errs = append(errs, fmt.Errorf("operation %d, %s, can be left out and nothing notices", i, r.ops[i]))
		}
	}
	return errors.Join(errs...)
}

// Check runs check on every state and returns the first failure.
func (r *Recording) Check(opts *Options, check func(State) error) error {
	for s, err := range r.States(opts) {
		if err != nil {
			return err
		}
		if err := check(s); err != nil {
			return fmt.Errorf("power cut %s: %w", s.Cut, err)
		}
	}
	return nil
}
