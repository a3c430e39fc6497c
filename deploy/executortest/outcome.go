package executortest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/masaruk/devops/deploy"
)

func exitStatus(ctx context.Context, h *host) error {
	var errs []error
	for _, want := range []int{0, 1, 2, 126, 255} {
		r, err := h.run(ctx, sh("exit "+strconv.Itoa(want)))
		if err != nil {
			return err
		}
		if r.res.Exit != want || r.res.Signal != "" {
			errs = append(errs, fmt.Errorf("exit %d: Result has Exit %d, Signal %q", want, r.res.Exit, r.res.Signal))
		}
		if r.res.Duration <= 0 || r.res.Duration > r.took {
			errs = append(errs, fmt.Errorf("exit %d: Duration is %s where Run took %s", want, r.res.Duration, r.took))
		}
		errs = append(errs, wantExitError(r.err, "/bin/sh", want, ""))
	}
	return errors.Join(errs...)
}

func wantExitError(err error, program string, exit int, signal string) error {
	if exit == 0 {
		if err != nil {
			return fmt.Errorf("exit 0: Run returned %w", err)
		}
		return nil
	}
	e, ok := exitError(err)
	switch {
	case !ok:
		return fmt.Errorf("exit %d, signal %q: Run returned %v, not an ExitError", exit, signal, err)
	case e.Exit != exit || e.Signal != signal || e.Program != program:
		return fmt.Errorf("exit %d, signal %q of %s: ExitError has Exit %d, Signal %q, Program %q", exit, signal, program, e.Exit, e.Signal, e.Program)
	}
	return nil
}

func endedBySignal(ctx context.Context, h *host) error {
	var errs []error
	for name, want := range map[string]string{"KILL": "killed", "TERM": "terminated"} {
		r, err := h.run(ctx, sh("kill -"+name+" $$; sleep 60"))
		if err != nil {
			return err
		}
		if r.res.Exit != -1 || r.res.Signal != want {
			errs = append(errs, fmt.Errorf("SIG%s: Result has Exit %d, Signal %q, not -1 and %q", name, r.res.Exit, r.res.Signal, want))
		}
		errs = append(errs, wantExitError(r.err, "/bin/sh", -1, want))
	}
	return errors.Join(errs...)
}

func arguments(ctx context.Context, h *host) error {
	args := []string{"plain", "", "two  words", "$HOME", "`id`", "$(id)", "*", "'", `"`, `\`, "a\nb", "\t", "-n", "#", ";", "&&", "ü→日本", " lead", "trail "}
	got, err := h.ok(ctx, sh(`for a; do printf '[%s]' "$a"; done`, args...))
	if err != nil {
		return err
	}
	if want := "[" + strings.Join(args, "][") + "]"; got != want {
		return fmt.Errorf("arguments arrived as %q, not as %q", got, want)
	}
	return nil
}

// environment compares what env prints. A shell or a login may set the
// variables in ignored by itself.
func environment(ctx context.Context, h *host) error {
	want := map[string]string{"KIT_A": "1", "KIT_EMPTY": "", "KIT_TEXT": `two words 'and' "$quotes" \ = ü`, "kit_lower": "x"}
	got, err := h.ok(ctx, deploy.Command{Argv: []string{"env"}, Env: want})
	if err != nil {
		return err
	}
	ignored := []string{"PWD", "OLDPWD", "SHLVL", "_"}
	have := map[string]string{}
	for line := range strings.Lines(got) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !slices.Contains(ignored, name) {
			have[name] = value
		}
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if _, ok := want[name]; !ok {
			errs = append(errs, fmt.Errorf("variable %s is in the environment and was not given", name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if value, ok := have[name]; !ok || value != want[name] {
			errs = append(errs, fmt.Errorf("variable %s arrived as %q (%t), not as %q", name, value, ok, want[name]))
		}
	}
	return errors.Join(errs...)
}

func directory(ctx context.Context, h *host) error {
	cmd := sh("pwd")
	cmd.Dir = "/"
	got, err := h.ok(ctx, cmd)
	if err != nil {
		return err
	}
	if got != "/\n" {
		return fmt.Errorf("Dir is / and pwd prints %q", got)
	}
	return nil
}

// notStarted wants errors that say that nothing ran.
func notStarted(ctx context.Context, h *host) error {
	missing := "/nonexistent/executortest"
	inMissing := sh("echo ran")
	inMissing.Dir = missing
	var errs []error
	for name, tc := range map[string]struct {
		cmd   deploy.Command
		names string // what the error must name
	}{
		"missing program":       {deploy.Command{Argv: []string{"executortest-no-such-program"}}, "executortest-no-such-program"},
		"missing program file":  {deploy.Command{Argv: []string{missing}}, missing},
		"directory as program":  {deploy.Command{Argv: []string{"/"}}, "/"},
		"missing Dir":           {inMissing, missing},
		"empty Argv":            {deploy.Command{}, "Argv"},
		"empty name of program": {deploy.Command{Argv: []string{""}}, "Argv"},
	} {
		r, err := h.run(ctx, tc.cmd)
		if err != nil {
			return err
		}
		_, exit := exitError(r.err)
		switch {
		case r.err == nil:
			errs = append(errs, fmt.Errorf("%s: Run returned no error", name))
		case exit:
			errs = append(errs, fmt.Errorf("%s: Run returned the exit status of something that never ran: %w", name, r.err))
		case !strings.Contains(r.err.Error(), tc.names):
			errs = append(errs, fmt.Errorf("%s: the error does not name %s: %w", name, tc.names, r.err))
		case r.stdout != "":
			errs = append(errs, fmt.Errorf("%s: the command ran", name))
		}
	}
	return errors.Join(errs...)
}

// concurrent starts commands that need each other to be running.
func concurrent(ctx context.Context, h *host) error {
	const n = 8
	var outs [n]buffer
	var dones [n]<-chan ran
	release, finish := newGate()
	for i := range n {
		cmd := sh(`echo "$1"; read -r x; echo "end $1"`, strconv.Itoa(i))
		cmd.Stdin, cmd.Stdout = release(), &outs[i]
		dones[i] = h.begin(ctx, cmd)
	}
	var errs []error
	for i := range n {
		if _, err := outs[i].lines(1, h.limit); err != nil {
			errs = append(errs, fmt.Errorf("%d commands side by side: %w", n, err))
			break
		}
	}
	finish()
	for i := range n {
		r, err := h.wait(dones[i], sh("concurrent"))
		if err == nil {
			err = r.err
		}
		if want := fmt.Sprintf("%d\nend %d\n", i, i); err == nil && outs[i].String() != want {
			err = fmt.Errorf("command %d printed %q, not %q", i, outs[i].String(), want)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
