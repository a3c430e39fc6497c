package deploy

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// CommandCheck is the condition that a command says that all is well: it ends
// with exit status 0. A command that is missing or cannot be run is
// [ErrUnmeasured].
type CommandCheck struct {
	// Command is run on the step's host. It changes nothing, whatever its
	// ReadOnly says.
	Command Command
	// Inconclusive is the exit status that says that the command cannot tell;
	// zero is 75 (EX_TEMPFAIL of sysexits.h), negative is none.
	Inconclusive int
	// Timeout bounds the command, which is ended then and has failed; zero is
	// 30 s.
	Timeout time.Duration
}

// exitInconclusive is EX_TEMPFAIL: "try again later", which shells and common
// tools do not use for anything else.
const exitInconclusive = 75

// Spec returns the command with its secrets by name, and the other fields.
func (k *CommandCheck) Spec() any {
	return struct {
		Command      any           `json:"command"`
		Inconclusive int           `json:"inconclusive,omitempty"`
		Timeout      time.Duration `json:"timeout,omitempty"`
	}{(&Exec{k.readOnly()}).Spec(), k.Inconclusive, k.Timeout}
}

// Validate reports fields that cannot work.
func (k *CommandCheck) Validate() error {
	errs := []error{(&Exec{k.Command}).Validate()}
	if k.Inconclusive > 255 {
		errs = append(errs, fmt.Errorf("field Inconclusive: %d is no exit status", k.Inconclusive))
	}
	if k.Timeout < 0 {
		errs = append(errs, errors.New("field Timeout is negative"))
	}
	return errors.Join(errs...)
}

// Preview returns the command as one line.
func (k *CommandCheck) Preview() []string {
	return []string{(&Exec{k.Command}).Preview()[0] + " exits with 0"}
}

// Run runs the command once. What it writes is kept as little as the end of
// its standard error in the error.
func (k *CommandCheck) Run(ctx context.Context, c *Call) error {
	timeout := orDur(k.Timeout, checkTimeout)
	bound, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("%s did not end within %s", k.Command.Argv[0], timeout))
	defer cancel()
	_, err := c.Exec.Run(bound, k.readOnly())
	var exit *ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil, errors.Is(err, ErrFenced):
		return err
	case bound.Err() != nil:
		return context.Cause(bound)
	case !errors.As(err, &exit):
		return fmt.Errorf("%w: %w", ErrUnmeasured, err)
	case exit.Signal == "" && exit.Exit == orInt(k.Inconclusive, exitInconclusive):
		return fmt.Errorf("%w: %w", ErrInconclusive, err)
	}
	return err
}

func (k *CommandCheck) readOnly() Command {
	cmd := k.Command
	cmd.ReadOnly = true
	return cmd
}

var _ Previewer = (*CommandCheck)(nil)
