package localexec

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/secrets"
)

const (
	// defaultGrace applies where a grace of zero is given.
	defaultGrace = 10 * time.Second
	// tailBytes and errorBytes are the lengths that deploy promises for the
	// tails of a Result and the standard error in an ExitError.
	tailBytes  = 64 << 10
	errorBytes = 1 << 10
)

// ErrLeftover reports a command that ended while other processes of its group
// ran on. They were ended too, which may have cut their work short.
var ErrLeftover = errors.New("left processes running in its group")

// Options adjusts an [Executor]. The zero value inherits nothing and filters
// the secrets of each command only.
type Options struct {
	// Inherit names the variables of the program's own environment that every
	// command gets too, where they are set. Env and Secrets of the command win.
	Inherit []string
	// Redactor filters all output beside the secrets of the command itself;
	// nil filters nothing more.
	Redactor *secrets.Redactor
	// Fence is the folder in which [Executor.Fence] keeps who may act, made
	// with mode 0700 if need be. All programs that release to this machine
	// with one log name the same folder, on a local file system; with another
	// log they name another. Empty is no fence.
	Fence string
}

// Executor runs commands on this machine. It is safe for concurrent use and
// keeps nothing between commands, apart from the folder of its fence.
type Executor struct {
	inherit  []string
	redactor *secrets.Redactor
	folder   string // of the fence
	fence    *fence // nil until Fence has made this Executor
}

var _ deploy.Executor = (*Executor)(nil)

// New returns an Executor; nil opts are the defaults. It fails when a name in
// Inherit cannot be that of a variable.
func New(opts *Options) (*Executor, error) {
	o := Options{}
	if opts != nil {
		o = *opts
	}
	for i, name := range o.Inherit {
		if err := checkName(name); err != nil {
			return nil, fmt.Errorf("localexec: Inherit[%d] %q: %w", i, name, err)
		}
	}
	return &Executor{inherit: slices.Clone(o.Inherit), redactor: o.Redactor, folder: o.Fence}, nil
}

// Run implements [deploy.Executor]. Beside the errors described there it
// returns one that wraps [ErrLeftover] when processes of the group outlived
// the command, one that names Stdin, Stdout or Stderr when reading or writing
// it failed, and one that wraps [deploy.ErrSecret] for a command that it
// refuses to start because a secret would be seen, or [deploy.ErrFenced] for
// one that another controller does not allow any more. On windows it returns
// [errors.ErrUnsupported].
func (e *Executor) Run(ctx context.Context, cmd deploy.Command) (deploy.Result, error) {
	p, err := e.prepare(cmd)
	if err != nil {
		return deploy.Result{}, err
	}
	if ctx.Err() != nil {
		return deploy.Result{}, fmt.Errorf("%s: not started: %w", p.argv[0], context.Cause(ctx))
	}
	began := time.Now()
	c, err := e.claim(ctx, cmd)
	if err != nil {
		return deploy.Result{}, fmt.Errorf("%s: not started: %w", p.argv[0], err)
	}
	r, err := launch(ctx, p, cmd, c)
	if err != nil {
		c.drop()
		return deploy.Result{}, fmt.Errorf("%s: %w", p.argv[0], err)
	}
	end := r.settle(ctx, graceOf(cmd.Grace))
	if end.err == nil {
		c.drop() // what is left has left the group on purpose
	}
	ioErr := r.drain(ctx)
	result := r.result()
	result.Duration = time.Since(began)
	return result, join(p.verdict(end, result), ioErr)
}

// verdict says what Run reports about the way the command ended.
func (p *prepared) verdict(end ending, res deploy.Result) error {
	program := p.argv[0]
	var errs []error
	switch {
	case end.cause != nil && end.killed:
		errs = append(errs, fmt.Errorf("%s: killed, since it had not ended %s after the polite signal: %w", program, end.grace, end.cause))
	case end.cause != nil:
		errs = append(errs, fmt.Errorf("%s: ended: %w", program, end.cause))
	case res.Exit != 0:
		errs = append(errs, &deploy.ExitError{Program: program, Exit: res.Exit, Signal: res.Signal, Stderr: lastBytes(res.Stderr, errorBytes)})
	}
	if len(end.leftover) > 0 {
		errs = append(errs, fmt.Errorf("%s: %w, which were ended: %s", program, ErrLeftover, strings.Join(end.leftover, ", ")))
	}
	if end.err != nil {
		errs = append(errs, fmt.Errorf("%s: %w", program, end.err))
	}
	return join(errs...)
}

// join is errors.Join but for a single error, which it returns as it is.
func join(errs ...error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

// graceOf resolves the default; a negative grace kills at once.
func graceOf(d time.Duration) time.Duration { return max(0, cmp.Or(d, defaultGrace)) }

// lastBytes returns at most the last n bytes of b as text that begins with a
// whole character.
func lastBytes(b []byte, n int) string {
	s := strings.TrimSpace(string(b))
	if len(s) > n {
		s = s[len(s)-n:]
		for i := 0; i < utf8.UTFMax && len(s) > 0 && !utf8.RuneStart(s[0]); i++ {
			s = s[1:]
		}
	}
	return strings.TrimSpace(s)
}
