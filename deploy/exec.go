package deploy

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
)

// Exec is the Action that runs one command on the step's host.
type Exec struct{ Command Command }

// execSpec is what Exec is made of; secrets by the names of their variables.
type execSpec struct {
	Argv     []string          `json:"argv"`
	Dir      string            `json:"dir,omitempty"`
	Env      map[string]string `json:"env,omitempty"`
	Secrets  []string          `json:"secrets,omitempty"`
	ReadOnly bool              `json:"read_only,omitempty"`
}

// Spec returns the command with its secrets by name.
func (e *Exec) Spec() any {
	c := e.Command
	return execSpec{c.Argv, c.Dir, c.Env, slices.Sorted(maps.Keys(c.Secrets)), c.ReadOnly}
}

// Validate reports a command without a program or with a Stdin.
func (e *Exec) Validate() error {
	if len(e.Command.Argv) == 0 || e.Command.Argv[0] == "" {
		return errors.New("field Command.Argv is empty; name a program")
	}
	if e.Command.Stdin != nil {
		return errors.New("field Command.Stdin is a stream, which is empty when the step runs again, and nobody can read in the plan; write an Action that opens it")
	}
	return nil
}

// Run runs the command; its output is the step's. An exit status other than
// zero is an error.
func (e *Exec) Run(ctx context.Context, c *Call) error {
	cmd := e.Command
	if cmd.Stdout == nil {
		cmd.Stdout = c.out
	}
	if cmd.Stderr == nil {
		cmd.Stderr = c.out
	}
	_, err := c.Exec.Run(ctx, cmd)
	return err
}

// Preview returns the command as one line, quoted as a shell would want it.
func (e *Exec) Preview() []string {
	var b strings.Builder
	if e.Command.Dir != "" {
		b.WriteString("cd " + quote(e.Command.Dir) + " && ")
	}
	for _, name := range slices.Sorted(maps.Keys(e.Command.Env)) {
		b.WriteString(name + "=" + quote(e.Command.Env[name]) + " ")
	}
	for _, name := range slices.Sorted(maps.Keys(e.Command.Secrets)) {
		b.WriteString(name + "=<secret> ")
	}
	for i, arg := range e.Command.Argv {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(quote(arg))
	}
	return []string{b.String()}
}

var _ Previewer = (*Exec)(nil)

// quote returns s as one word of a POSIX shell.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=@%+,", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// markedExecutor makes every command carry the marker of the run.
type markedExecutor struct {
	next   Executor
	marker string
}

// Run adds the marker and runs the command.
func (m markedExecutor) Run(ctx context.Context, cmd Command) (Result, error) {
	env := make(map[string]string, len(cmd.Env)+1)
	maps.Copy(env, cmd.Env)
	env[MarkerVar] = m.marker
	cmd.Env = env
	return m.next.Run(ctx, cmd)
}

// Unwrap returns the executor that the runner was given, for an Action that
// looks for an optional interface.
func (m markedExecutor) Unwrap() Executor { return m.next }
