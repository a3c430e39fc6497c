package secrets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// maxStderr is how much of its standard error a command may pass on.
	maxStderr = 64 << 10
	// leftoverDelay is how long a process that a command leaves behind may
	// hold its output open.
	leftoverDelay = time.Second
)

// CommandOptions adjusts [NewCommand]. The zero value gives commands an empty
// environment, takes every failure for one, and discards standard error.
type CommandOptions struct {
	// Env is the command's environment. Its values are hidden, because what
	// opens a vault stands there.
	Env map[string]Value
	// Inherit names variables that the command gets from this process where
	// they are set, such as HOME; they are read at each call. Env wins.
	Inherit []string
	// NotFoundExit is the exit status by which the command says that it has no
	// such secret; 0 or less means that there is none, and that every failure is
	// an error other than not found.
	NotFoundExit int
	// Stderr gets what the commands write to standard error, up to 64 KiB of
	// each, as they write it: it is not filtered and may hold the secret. It
	// is used by one command at a time; one that hangs holds up Lookup. What it
	// fails to write is lost.
	Stderr io.Writer
}

// NewCommand is a source of what a program prints, such as
// []string{"pass", "show"}. At each call argv runs with the name as one more
// argument, never in a shell. The secret is its standard output without one
// line ending ("\n" or "\r\n") at the end; an empty output is an empty secret.
// A name that begins with "-" is refused, since it would be an option. The
// name goes there because it is no secret and because most such programs want
// it there; for others it is "$1" in []string{"sh", "-c", script, "sh"}.
//
// A program without a slash in its name is looked up in the PATH of this
// process. The command gets no standard input. It is killed when ctx ends or
// when it prints more than [MaxSize] bytes. A process that it leaves behind is
// not ended; if that holds the output open for a second, Lookup gives an error.
//
// Errors never hold what the command printed, not even on standard error:
// nobody can tell whether a command that failed wrote the secret there. They
// hold its exit status; see [CommandOptions] for more.
//
// The error says that argv names no program, or which variable cannot be one.
func NewCommand(argv []string, opts *CommandOptions) (Source, error) {
	if len(argv) == 0 || argv[0] == "" {
		return nil, errors.New("secrets: command: argv names no program")
	}
	var o CommandOptions
	if opts != nil {
		o = *opts
	}
	c := &command{argv: slices.Clone(argv), env: maps.Clone(o.Env), inherit: slices.Clone(o.Inherit), missing: o.NotFoundExit}
	if o.Stderr != nil {
		c.stderr = &sharedWriter{to: o.Stderr}
	}
	for _, name := range slices.Concat(slices.Sorted(maps.Keys(c.env)), c.inherit) {
		if err := checkVariable(name); err != nil {
			return nil, fmt.Errorf("secrets: command %s: a variable of Env or Inherit: %w", argv[0], err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.env)) {
		if strings.ContainsRune(c.env[name].Reveal(), 0) {
			return nil, fmt.Errorf("secrets: command %s: Env[%q]: the value holds a NUL byte", argv[0], name)
		}
	}
	return &source{"command " + argv[0], c.get}, nil
}

type command struct {
	argv    []string
	env     map[string]Value
	inherit []string
	missing int // exit status
	stderr  *sharedWriter
}

func (c *command) get(ctx context.Context, name string) (Value, error) {
	switch {
	case strings.HasPrefix(name, "-"):
		return Value{}, errors.New(`the name begins with "-", so the command would take it for an option`)
	case strings.ContainsRune(name, 0):
		return Value{}, errors.New("the name holds a NUL byte, which no argument can")
	}
	run, stop := context.WithCancel(ctx)
	defer stop()
	stdout := &limited{left: MaxSize, full: stop}
	stderr := &counted{to: c.stderr}
	cmd := exec.CommandContext(run, c.argv[0], append(slices.Clone(c.argv[1:]), name)...)
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = c.variables(), stdout, stderr, leftoverDelay
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return Value{}, context.Cause(ctx)
	case stdout.over:
		return Value{}, fmt.Errorf("it printed more than %d bytes", MaxSize)
	case err != nil:
		return Value{}, c.failure(err, stderr.n)
	}
	return loaded(stdout.buf.String())
}

// failure says why a command failed, without anything that it wrote.
func (c *command) failure(err error, written int) error {
	var exit *exec.ExitError
	switch {
	case errors.Is(err, exec.ErrWaitDelay):
		return fmt.Errorf("it left a process behind that holds its output open: %w", err)
	case !errors.As(err, &exit):
		return otherThanMissing("it cannot be run", err)
	case c.missing > 0 && exit.ExitCode() == c.missing:
		return fmt.Errorf("%w: the command's answer is %w", os.ErrNotExist, err)
	case written > 0 && c.stderr == nil:
		return fmt.Errorf("%w (the %d bytes on its standard error may hold the secret: set CommandOptions.Stderr to read them)", err, written)
	}
	return err
}

// variables is never nil, which would be all variables of this process.
func (c *command) variables() []string {
	all := []string{}
	for _, name := range c.inherit {
		if text, ok := os.LookupEnv(name); ok {
			all = append(all, name+"="+text)
		}
	}
	for name, v := range c.env { // of two the last one counts
		all = append(all, name+"="+v.Reveal())
	}
	return all
}

// limited keeps what is written up to a size, and reports more by a call.
type limited struct {
	buf  bytes.Buffer
	left int
	over bool
	full func()
}

func (l *limited) Write(p []byte) (int, error) {
	if len(p) > l.left {
		l.over = true
		l.full()
		return 0, io.ErrShortWrite
	}
	l.left -= len(p)
	return l.buf.Write(p)
}

// counted passes on the beginning of one command's standard error and counts
// all of it. It never fails, so that the command does not.
type counted struct {
	to *sharedWriter
	n  int
}

func (c *counted) Write(p []byte) (int, error) {
	if left := maxStderr - c.n; left > 0 && c.to != nil {
		c.to.write(p[:min(left, len(p))])
	}
	c.n += len(p)
	return len(p), nil
}

// sharedWriter writes for several commands in turn.
type sharedWriter struct {
	mu sync.Mutex
	to io.Writer
}

func (w *sharedWriter) write(p []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = w.to.Write(p) // promised to be lost
}
