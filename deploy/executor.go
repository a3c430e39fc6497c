package deploy

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/masaruk/devops/secrets"
)

// Command is one program to run: an argument vector, never a shell line.
type Command struct {
	// Argv is the program and its arguments. A secret never belongs here:
	// other users of the host can read it.
	Argv []string
	// Dir is the working directory; empty is the executor's own.
	Dir string
	// Env is the whole environment together with Secrets: nothing is
	// inherited unless the executor was told to.
	Env map[string]string
	// Secrets are environment variables whose values appear in no
	// description, log, error or output.
	Secrets map[string]secrets.Value
	// Stdin is the standard input; nil is empty.
	Stdin io.Reader
	// Stdout and Stderr receive the output as it is produced, filtered. Nil
	// discards it; the tails are kept in the Result either way. Writes to the
	// two come one at a time.
	Stdout, Stderr io.Writer
	// ReadOnly declares that the command changes nothing, so it needs no
	// fence. The zero value is a mutating command.
	ReadOnly bool
	// Grace is how long the process group may take to end after the polite
	// signal that follows cancellation, before it is killed; zero is 10
	// seconds.
	Grace time.Duration
}

// Result is what a command left behind when it ended.
type Result struct {
	// Exit is the exit status; -1 when a signal ended the process.
	Exit int
	// Signal names the signal that ended the process, such as "killed".
	Signal string
	// Stdout and Stderr are the last 64 KiB of each stream, filtered.
	Stdout, Stderr []byte
	// Duration is the time from start to end.
	Duration time.Duration
}

// Executor runs commands on one host.
//
// Run refuses a command whose secrets stand in Argv or Env, and returns an
// error, though no [*ExitError], when the program is missing or a Writer
// fails. It returns when the command and everything in its process group have
// ended, or could not be started. A command that ran and exited with a status
// other than zero is reported by an [*ExitError] beside the Result. When ctx
// ends, the executor ends the whole process group and returns an error that
// wraps [context.Cause]. Run is safe for concurrent use. Package executortest
// proves an implementation.
type Executor interface {
	Run(ctx context.Context, cmd Command) (Result, error)
}

// ExecutorFunc makes an [Executor] of a function.
type ExecutorFunc func(ctx context.Context, cmd Command) (Result, error)

// Run calls f.
func (f ExecutorFunc) Run(ctx context.Context, cmd Command) (Result, error) { return f(ctx, cmd) }

var _ Executor = ExecutorFunc(nil)

// ExitError reports a command that ran and did not exit with status zero.
type ExitError struct {
	// Program is Argv[0].
	Program string
	// Exit and Signal are as in [Result].
	Exit   int
	Signal string
	// Stderr is the filtered end of the standard error, at most 1 KiB.
	Stderr string
}

// Error names the program, how it ended, and the end of its standard error.
func (e *ExitError) Error() string {
	how := fmt.Sprintf("exit status %d", e.Exit)
	if e.Signal != "" {
		how = "ended by signal " + e.Signal
	}
	if e.Stderr == "" {
		return fmt.Sprintf("%s: %s", e.Program, how)
	}
	return fmt.Sprintf("%s: %s: %s", e.Program, how, e.Stderr)
}
