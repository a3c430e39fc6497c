package executortest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/masaruk/devops/deploy"
)

// limit is how long one command of the kit may take before it counts as hung.
const limit = time.Minute

// Run proves the executors that newExecutor makes, each check in a subtest
// with an executor of its own. It reports what an executor does wrong, and
// goes on with the next check.
func Run(t *testing.T, newExecutor func() (deploy.Executor, error)) {
	t.Helper()
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			if err := c.prove(t.Context(), newExecutor, limit); err != nil {
				t.Error(err)
			}
		})
	}
}

// check is one promise of the contract.
type check struct {
	name string
	run  func(ctx context.Context, h *host) error
}

func (c check) prove(ctx context.Context, newExecutor func() (deploy.Executor, error), limit time.Duration) error {
	ex, err := newExecutor()
	if err != nil {
		return fmt.Errorf("new executor: %w", err)
	}
	return c.run(ctx, &host{ex: ex, limit: limit})
}

func checks() []check {
	return []check{
		{"exit status", exitStatus},
		{"signal", endedBySignal},
		{"arguments", arguments},
		{"environment", environment},
		{"directory", directory},
		{"not started", notStarted},
		{"stdin", stdin},
		{"streams and order", streamsAndOrder},
		{"big output", bigOutput},
		{"streaming", streaming},
		{"nil writers", nilWriters},
		{"tails", tails},
		{"failing writer", failingWriter},
		{"secrets hidden", secretsHidden},
		{"secrets in no arguments", secretsInNoArguments},
		{"secrets refused", secretsRefused},
		{"cancelled before", cancelledBefore},
		{"polite signal", politeSignal},
		{"group ended", groupEnded},
		{"leftovers ended", leftoversEnded},
		{"concurrent", concurrent},
	}
}

// host runs commands through the executor under proof.
type host struct {
	ex    deploy.Executor
	limit time.Duration
}

// ran is what a command did.
type ran struct {
	res            deploy.Result
	err            error
	stdout, stderr string
	took           time.Duration
}

// run runs cmd with Writers of its own where cmd has none. Its error is about
// a Run that does not return.
func (h *host) run(ctx context.Context, cmd deploy.Command) (ran, error) {
	var out, errs buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &out
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &errs
	}
	r, err := h.wait(h.begin(ctx, cmd), cmd)
	r.stdout, r.stderr = out.String(), errs.String()
	return r, err
}

// begin starts cmd as it is.
func (h *host) begin(ctx context.Context, cmd deploy.Command) <-chan ran {
	done := make(chan ran, 1)
	go func() {
		began := time.Now()
		res, err := h.ex.Run(ctx, cmd)
		done <- ran{res: res, err: err, took: time.Since(began)}
	}()
	return done
}

func (h *host) wait(done <-chan ran, cmd deploy.Command) (ran, error) {
	timer := time.NewTimer(h.limit)
	defer timer.Stop()
	select {
	case r := <-done:
		return r, nil
	case <-timer.C:
		return ran{}, fmt.Errorf("Run of %q has not returned after %s", cmd.Argv, h.limit)
	}
}

// sh returns a command for the shell, with args as $1 and so on.
func sh(script string, args ...string) deploy.Command {
	return deploy.Command{
		Argv: append([]string{"/bin/sh", "-c", script, "sh"}, args...),
		Env:  map[string]string{"PATH": "/usr/local/bin:/usr/bin:/bin"},
	}
}

// ok runs a command that must succeed and returns its standard output.
func (h *host) ok(ctx context.Context, cmd deploy.Command) (string, error) {
	r, err := h.run(ctx, cmd)
	if err != nil {
		return "", err
	}
	if r.err != nil {
		return "", fmt.Errorf("Run of %q: %w", cmd.Argv, r.err)
	}
	return r.stdout, nil
}

// aliveScript prints those of its arguments that are numbers of processes
// which run, zombies not counted.
const aliveScript = `
for pid; do
	if [ -d /proc/self ]; then
		[ -r "/proc/$pid/stat" ] || continue
		case $(cat "/proc/$pid/stat" 2>/dev/null) in *") Z "* | "") continue ;; esac
	else
		kill -0 "$pid" 2>/dev/null || continue
	fi
	echo "$pid"
done
exit 0`

// mustBeGone fails if one of the processes runs, and ends it then.
func (h *host) mustBeGone(ctx context.Context, pids ...string) error {
	left, err := h.ok(ctx, sh(aliveScript, pids...))
	if err != nil {
		return fmt.Errorf("look for processes: %w", err)
	}
	alive := strings.Fields(left)
	if len(alive) == 0 {
		return nil
	}
	err = fmt.Errorf("Run returned while %d processes of the group were running", len(alive))
	if _, kill := h.ok(ctx, sh(`kill -KILL "$@"`, alive...)); kill != nil {
		return errors.Join(err, fmt.Errorf("end them: %w", kill))
	}
	return err
}

// buffer is a Writer that can be read, and waited for, while it is written.
type buffer struct {
	mu      sync.Mutex
	b       bytes.Buffer
	changed chan struct{}
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// lines waits for n whole lines and returns them.
func (b *buffer) lines(n int, limit time.Duration) ([]string, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		b.mu.Lock()
		text := b.b.String()
		if b.changed == nil {
			b.changed = make(chan struct{})
		}
		changed := b.changed
		b.mu.Unlock()
		if strings.Count(text, "\n") >= n {
			return strings.Split(text, "\n")[:n], nil
		}
		select {
		case <-changed:
		case <-timer.C:
			return nil, fmt.Errorf("the command runs, but %d lines of its output did not come within %s: got %q", n, limit, text)
		}
	}
}

// exitError tells whether err is, or holds, a *deploy.ExitError.
func exitError(err error) (*deploy.ExitError, bool) {
	var e *deploy.ExitError
	ok := errors.As(err, &e)
	return e, ok
}
