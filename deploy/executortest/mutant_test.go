package executortest_test

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
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/deploy/executortest"
)

// hangs is how long an executor whose fault is to hang may do so before a
// check gives it up; the others get as long as a slow machine needs.
const hangs = 1500 * time.Millisecond

// mutant is an executor with one fault, and the check that must notice it.
type mutant struct {
	name   string
	check  string
	report string // part of what the check says
	run    func(ctx context.Context, good deploy.Executor, cmd deploy.Command) (deploy.Result, error)
}

// after changes what a correct Run returns.
func after(change func(res *deploy.Result, err *error)) func(context.Context, deploy.Executor, deploy.Command) (deploy.Result, error) {
	return func(ctx context.Context, good deploy.Executor, cmd deploy.Command) (deploy.Result, error) {
		res, err := good.Run(ctx, cmd)
		change(&res, &err)
		return res, err
	}
}

// before changes the command that a correct Run gets.
func before(change func(cmd *deploy.Command)) func(context.Context, deploy.Executor, deploy.Command) (deploy.Result, error) {
	return func(ctx context.Context, good deploy.Executor, cmd deploy.Command) (deploy.Result, error) {
		cmd.Env = maps.Clone(cmd.Env)
		if cmd.Env == nil {
			cmd.Env = map[string]string{}
		}
		change(&cmd)
		return good.Run(ctx, cmd)
	}
}

func mutants() []mutant {
	return slices.Concat(outcomeMutants(), outputMutants(), secretMutants(), cancelMutants())
}

func onExit(change func(e *deploy.ExitError)) func(*deploy.Result, *error) {
	return func(_ *deploy.Result, err *error) {
		var e *deploy.ExitError
		if errors.As(*err, &e) {
			change(e)
		}
	}
}

func outcomeMutants() []mutant {
	return []mutant{
		{"every failure is status 1", "exit status", "exit 2: Result has Exit 1", after(func(r *deploy.Result, _ *error) { r.Exit = min(r.Exit, 1) })},
		{"exit status swallowed", "exit status", "not an ExitError", after(func(_ *deploy.Result, err *error) { *err = nil })},
		{"plain error for an exit status", "exit status", "not an ExitError", after(func(_ *deploy.Result, err *error) {
			if *err != nil {
				*err = errors.New((*err).Error())
			}
		})},
		{"wrong status in the error", "exit status", "ExitError has Exit 1", after(onExit(func(e *deploy.ExitError) { e.Exit = 1 }))},
		{"program not named", "exit status", `Program ""`, after(onExit(func(e *deploy.ExitError) { e.Program = "" }))},
		{"no duration", "exit status", "Duration is 0s", after(func(r *deploy.Result, _ *error) { r.Duration = 0 })},
		{"signal as a shell's status", "signal", "Exit 137", after(func(r *deploy.Result, _ *error) {
			if r.Signal == "killed" {
				r.Exit, r.Signal = 137, ""
			}
		})},
		{"signal not named", "signal", `Signal ""`, after(onExit(func(e *deploy.ExitError) { e.Signal = "" }))},
		{"through a shell", "arguments", "Unterminated quoted string", before(func(c *deploy.Command) {
			c.Argv = []string{"/bin/sh", "-c", `for a in ` + strings.Join(c.Argv[4:], " ") + `; do printf '[%s]' "$a"; done`}
		})},
		{"empty arguments dropped", "arguments", "arguments arrived as", before(func(c *deploy.Command) {
			c.Argv = slices.DeleteFunc(slices.Clone(c.Argv), func(a string) bool { return a == "" })
		})},
		{"inherits the environment", "environment", "was not given", before(func(c *deploy.Command) {
			for _, v := range os.Environ() {
				name, value, _ := strings.Cut(v, "=")
				if _, ok := c.Env[name]; !ok && name != "" {
					c.Env[name] = value
				}
			}
		})},
		{"drops empty variables", "environment", "KIT_EMPTY arrived", before(func(c *deploy.Command) {
			maps.DeleteFunc(c.Env, func(_, v string) bool { return v == "" })
		})},
		{"upper-case names", "environment", "kit_lower arrived", before(func(c *deploy.Command) {
			up := map[string]string{}
			for name, v := range c.Env {
				up[strings.ToUpper(name)] = v
			}
			c.Env = up
		})},
		{"ignores Dir", "directory", "Dir is /", before(func(c *deploy.Command) { c.Dir = "" })},
		{"missing Dir ignored", "not started", "missing Dir: Run returned no error", before(func(c *deploy.Command) { c.Dir = "" })},
		{"missing program as status 127", "not started", "something that never ran", after(func(_ *deploy.Result, err *error) {
			if *err != nil && !errors.As(*err, new(*deploy.ExitError)) {
				*err = &deploy.ExitError{Program: "sh", Exit: 127, Stderr: (*err).Error()}
			}
		})},
		{"error without a name", "not started", "does not name", after(func(_ *deploy.Result, err *error) {
			if *err != nil {
				*err = errors.New("not found")
			}
		})},
		{"one command at a time", "concurrent", "side by side", oneAtATime()},
	}
}

func oneAtATime() func(context.Context, deploy.Executor, deploy.Command) (deploy.Result, error) {
	var mu sync.Mutex
	return func(ctx context.Context, good deploy.Executor, cmd deploy.Command) (deploy.Result, error) {
		mu.Lock()
		defer mu.Unlock()
		return good.Run(ctx, cmd)
	}
}

func outputMutants() []mutant {
	return []mutant{
		{"drops stderr", "streams and order", "Stderr holds 0 bytes", before(func(c *deploy.Command) { c.Stderr = nil })},
		{"stderr goes to stdout", "streams and order", "Stdout holds", before(func(c *deploy.Command) { c.Stderr = c.Stdout })},
		{"streams swapped", "streams and order", "Stdout holds", before(func(c *deploy.Command) { c.Stdout, c.Stderr = c.Stderr, c.Stdout })},
		{"output out of order", "streams and order", "Stdout holds", before(func(c *deploy.Command) { c.Stdout = &reordering{w: c.Stdout} })},
		{"output only at the end", "streaming", "did not come", buffered},
		{"no Stdin", "stdin", "1 MiB", before(func(c *deploy.Command) { c.Stdin = nil })},
		{"Stdin cut", "stdin", "bytes came back", before(func(c *deploy.Command) {
			if c.Stdin != nil {
				c.Stdin = io.LimitReader(c.Stdin, 64<<10)
			}
		})},
		{"nil Stdin never ends", "stdin", "has not returned", before(func(c *deploy.Command) {
			if c.Stdin == nil {
				c.Stdin = blocked{}
			}
		})},
		{"waits for Stdin", "stdin", "has not returned", waitsForStdin},
		{"loses the last bytes", "big output", "bytes of output arrived", before(func(c *deploy.Command) { c.Stdout = &shortening{w: c.Stdout} })},
		{"writers at the same time", "big output", "at the same time", overlapping},
		{"tail without limit", "big output", "Result.Stdout holds", longTail},
		{"beginning instead of tail", "big output", "Result.Stderr holds", after(func(r *deploy.Result, _ *error) {
			r.Stderr = bytes.ReplaceAll(r.Stderr, []byte("end\n"), []byte("eeee"))
		})},
		{"no tail without a Writer", "nil writers", "Result.Stdout holds 0", func(ctx context.Context, good deploy.Executor, cmd deploy.Command) (deploy.Result, error) {
			res, err := good.Run(ctx, cmd)
			if cmd.Stdout == nil {
				res.Stdout = nil
			}
			return res, err
		}},
		{"nil Writer panics into an error", "nil writers", "not an ExitError", func(ctx context.Context, good deploy.Executor, cmd deploy.Command) (deploy.Result, error) {
			if cmd.Stdout == nil {
				return deploy.Result{}, errors.New("Stdout is nil")
			}
			return good.Run(ctx, cmd)
		}},
		{"whole stderr in the error", "tails", "more than 1024", func(ctx context.Context, good deploy.Executor, cmd deploy.Command) (deploy.Result, error) {
			res, err := good.Run(ctx, cmd)
			onExit(func(e *deploy.ExitError) { e.Stderr = string(res.Stderr) })(&res, &err)
			return res, err
		}},
		{"beginning of stderr in the error", "tails", "not in the last line", after(onExit(func(e *deploy.ExitError) { e.Stderr = e.Stderr[:100] }))},
		{"character cut in the error", "tails", "inside a character", after(onExit(func(e *deploy.ExitError) { e.Stderr = "\xa9" + e.Stderr[max(0, len(e.Stderr)-500):] }))},
		{"failure of a Writer swallowed", "failing writer", "Run returned <nil>", after(func(_ *deploy.Result, err *error) { *err = nil })},
		{"failing Writer ends the command", "failing writer", "the command ended with", writerKills},
	}
}

// reordering holds the first chunk back until the second has been written.
type reordering struct {
	w    io.Writer
	held []byte
}

func (r *reordering) Write(p []byte) (int, error) {
	if r.held == nil {
		r.held = bytes.Clone(p)
		return len(p), nil
	}
	_, err := r.w.Write(append(bytes.Clone(p), r.held...))
	r.held = []byte{}
	return len(p), err
}

// shortening loses each chunk that ends a line.
type shortening struct{ w io.Writer }

func (s *shortening) Write(p []byte) (int, error) {
	if bytes.HasSuffix(p, []byte("\n")) {
		return len(p), nil
	}
	return s.w.Write(p)
}

type blocked struct{}

func (blocked) Read([]byte) (int, error) { select {} }

func buffered(ctx context.Context, good deploy.Executor, cmd deploy.Command) (deploy.Result, error) {
	var out, errs bytes.Buffer
	stdout, stderr := cmd.Stdout, cmd.Stderr
	cmd.Stdout, cmd.Stderr = &out, &errs
	res, err := good.Run(ctx, cmd)
	_, werr := stdout.Write(out.Bytes())
	_, eerr := stderr.Write(errs.Bytes())
	return res, errors.Join(err, werr, eerr)
}

func waitsForStdin(ctx context.Context, good deploy.Executor, cmd deploy.Command) (deploy.Result, error) {
	if cmd.Stdin != nil {
		text, err := io.ReadAll(cmd.Stdin)
		if err != nil {
			return deploy.Result{}, err
		}
		cmd.Stdin = bytes.NewReader(text)
	}
	return good.Run(ctx, cmd)
}

// overlapping writes to both streams from inside one Write.
func overlapping(ctx context.Context, good deploy.Executor, cmd deploy.Command) (deploy.Result, error) {
	out, errs := cmd.Stdout, cmd.Stderr
	cmd.Stdout = writerFunc(func(p []byte) (int, error) {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { _, _ = errs.Write(nil) })
			wg.Go(func() { _, _ = out.Write(nil) })
		}
		wg.Wait()
		return out.Write(p)
	})
	return good.Run(ctx, cmd)
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func longTail(ctx context.Context, good deploy.Executor, cmd deploy.Command) (deploy.Result, error) {
	var all bytes.Buffer
	cmd.Stdout = io.MultiWriter(cmd.Stdout, &all)
	res, err := good.Run(ctx, cmd)
	res.Stdout = all.Bytes()
	return res, err
}

func writerKills(ctx context.Context, good deploy.Executor, cmd deploy.Command) (deploy.Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan struct{})
	defer close(ended)
	out := cmd.Stdout
	cmd.Stdout = writerFunc(func(p []byte) (int, error) {
		n, err := out.Write(p)
		if err != nil {
			cancel(err)
			<-ended // nobody reads on, so the command cannot be faster than its end
		}
		return n, err
	})
	return good.Run(ctx, cmd)
}

// unmasked runs cmd with its secrets as plain variables.
func unmasked(ctx context.Context, good deploy.Executor, cmd deploy.Command) (deploy.Result, error) {
	cmd.Env = maps.Clone(cmd.Env)
	for name, v := range cmd.Secrets {
		cmd.Env[name] = v.Reveal()
	}
	cmd.Secrets = nil
	return good.Run(ctx, cmd)
}

func secretMutants() []mutant {
	return []mutant{
		{"secrets not filtered", "secrets hidden", "Stdout holds the value", unmasked},
		{"filtered chunk by chunk", "secrets hidden", "holds the value", chunkwise},
		{"secret in a tail", "secrets hidden", "Result.Stderr holds the value", func(ctx context.Context, good deploy.Executor, cmd deploy.Command) (deploy.Result, error) {
			res, err := good.Run(ctx, cmd)
			res.Stderr = append(res.Stderr, reveal(cmd)...)
			return res, err
		}},
		{"secret in an error", "secrets hidden", "error text holds the value", func(ctx context.Context, good deploy.Executor, cmd deploy.Command) (deploy.Result, error) {
			res, err := good.Run(ctx, cmd)
			return res, fmt.Errorf("%w with %s", err, reveal(cmd))
		}},
		{"keeps what its filter held back", "secrets hidden", "Stdout lost its end", before(func(c *deploy.Command) {
			out := c.Stdout
			c.Stdout = writerFunc(func(p []byte) (int, error) {
				_, err := out.Write(bytes.ReplaceAll(p, []byte("kit-Zq7vWm3x"), nil))
				return len(p), err
			})
		})},
		{"secrets not passed", "secrets hidden", "did not reach", before(func(c *deploy.Command) { c.Secrets = nil })},
		{"output with a secret dropped", "secrets hidden", "lost", before(func(c *deploy.Command) { c.Stdout = nil })},
		{"secret in the arguments of a shell", "secrets in no arguments", "argument vector", func(ctx context.Context, good deploy.Executor, cmd deploy.Command) (deploy.Result, error) {
			var set strings.Builder
			for name, v := range cmd.Secrets {
				fmt.Fprintf(&set, "export %s='%s'; ", name, v.Reveal())
			}
			cmd.Argv = append([]string{"/bin/sh", "-c", set.String() + `"$@"; exit $?`, "sh"}, cmd.Argv...)
			cmd.Secrets = nil
			return good.Run(ctx, cmd)
		}},
		{"runs with a secret in Argv", "secrets refused", "in Argv was run", unmasked},
		{"shows the secret it refuses", "secrets refused", "shows it", func(ctx context.Context, good deploy.Executor, cmd deploy.Command) (deploy.Result, error) {
			res, err := good.Run(ctx, cmd)
			return res, fmt.Errorf("%w: %s", err, reveal(cmd))
		}},
		{"does not say where", "secrets refused", "does not say where", after(func(_ *deploy.Result, err *error) { *err = errors.New("refused") })},
	}
}

func reveal(cmd deploy.Command) string {
	return cmd.Secrets["KIT_SECRET"].Reveal()
}

// chunkwise replaces secrets within each Write, but not across two.
func chunkwise(ctx context.Context, good deploy.Executor, cmd deploy.Command) (deploy.Result, error) {
	value := reveal(cmd)
	filter := func(w io.Writer) io.Writer {
		return writerFunc(func(p []byte) (int, error) {
			_, err := w.Write(bytes.ReplaceAll(p, []byte(value), []byte("***")))
			return len(p), err
		})
	}
	// One byte at a time is what a slow pipe may deliver.
	cmd.Stdout, cmd.Stderr = bytewise{filter(cmd.Stdout)}, bytewise{filter(cmd.Stderr)}
	return unmasked(ctx, good, cmd)
}

type bytewise struct{ w io.Writer }

func (b bytewise) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := b.w.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

func cancelMutants() []mutant {
	return []mutant{
		{"starts after the end of ctx", "cancelled before", "the command was run", func(_ context.Context, good deploy.Executor, cmd deploy.Command) (deploy.Result, error) {
			return good.Run(context.Background(), cmd)
		}},
		{"ctx.Err instead of the cause", "cancelled before", "does not wrap", func(ctx context.Context, good deploy.Executor, cmd deploy.Command) (deploy.Result, error) {
			res, err := good.Run(ctx, cmd)
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			return res, err
		}},
		{"ignores ctx", "polite signal", "has not returned", func(_ context.Context, good deploy.Executor, cmd deploy.Command) (deploy.Result, error) {
			ctx, cancel := context.WithTimeout(context.Background(), 2*hangs)
			defer cancel()
			return good.Run(ctx, cmd)
		}},
		{"kills at once", "polite signal", "Stdout holds", before(func(c *deploy.Command) { c.Grace = -1 })},
		{"asks the leader only", "polite signal", "Stdout holds", leaderOnly},
		{"no time after the signal", "polite signal", "Stdout holds", before(func(c *deploy.Command) { c.Grace = time.Nanosecond })},
		{"success after the end of ctx", "polite signal", "Run returned <nil>", after(func(_ *deploy.Result, err *error) { *err = nil })},
		{"never kills", "group ended", "has not returned", before(func(c *deploy.Command) { c.Grace = 2 * hangs })},
		{"ends the leader only", "group ended", "processes of the group were running", leaderOnly},
		{"returns before the group is gone", "group ended", "processes of the group were running", returnsEarly},
		{"leaves the rest of the group", "leftovers ended", "processes of the group were running", leaderOnly},
		{"status of what was left over", "leftovers ended", "not that of the command", after(func(r *deploy.Result, _ *error) { r.Exit = 1 })},
	}
}

// returnsEarly does not wait for what it ends.
func returnsEarly(ctx context.Context, good deploy.Executor, cmd deploy.Command) (deploy.Result, error) {
	done := make(chan error, 1)
	go func() {
		_, err := good.Run(ctx, cmd)
		done <- err
	}()
	select {
	case err := <-done:
		return deploy.Result{}, err
	case <-ctx.Done():
		return deploy.Result{}, context.Cause(ctx)
	}
}

// leaderOnly is what os/exec does when it is told nothing about groups.
func leaderOnly(ctx context.Context, good deploy.Executor, cmd deploy.Command) (deploy.Result, error) {
	if strings.Contains(cmd.Argv[2], "/proc/$pid") || strings.HasPrefix(cmd.Argv[2], "kill") {
		return good.Run(ctx, cmd) // the kit looks and cleans up
	}
	c := exec.CommandContext(ctx, cmd.Argv[0], cmd.Argv[1:]...)
	c.Env = []string{"PATH=" + cmd.Env["PATH"]}
	c.Stdin, c.Stdout, c.Stderr = cmd.Stdin, cmd.Stdout, cmd.Stderr
	c.WaitDelay = 50 * time.Millisecond
	err := c.Run()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return deploy.Result{Exit: c.ProcessState.ExitCode()}, err
}

func TestKitNoticesBrokenExecutors(t *testing.T) {
	noticed := map[string]bool{}
	for _, m := range mutants() {
		noticed[m.check] = true
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var running sync.WaitGroup
			t.Cleanup(func() { // nothing is left behind, whatever the fault
				mu.Lock()
				defer mu.Unlock()
				running.Wait()
			})
			broken := func() (deploy.Executor, error) {
				good, err := localexec.New(nil)
				return deploy.ExecutorFunc(func(ctx context.Context, cmd deploy.Command) (deploy.Result, error) {
					mu.Lock()
					running.Add(1)
					mu.Unlock()
					defer running.Done()
					return m.run(ctx, good, cmd)
				}), err
			}
			limit := time.Minute
			if slices.Contains([]string{"has not returned", "did not come", "side by side"}, m.report) {
				limit = hangs
			}
			require.ErrorContains(t, executortest.Prove(t.Context(), m.check, broken, limit), m.report)
		})
	}
	require.ElementsMatch(t, executortest.Names(), slices.Collect(maps.Keys(noticed)), "each check needs a fault that it notices")
}

func TestKitReportsNewThatFails(t *testing.T) {
	failed := errors.New("no such host")
	err := executortest.Prove(t.Context(), "arguments", func() (deploy.Executor, error) { return nil, failed }, hangs)
	require.ErrorIs(t, err, failed)
}
