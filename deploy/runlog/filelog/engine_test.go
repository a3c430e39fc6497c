package filelog_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/filelog"
	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/internal/durable"
	"github.com/masaruk/devops/internal/durable/powercut"
)

// effect is an Action that changes files durably. Its spec does not name the
// folder, which is another one after each power cut.
type effect struct {
	Name string `json:"name"`
	run  func() error
}

func (e *effect) Spec() any                               { return e }
func (e *effect) Run(context.Context, *deploy.Call) error { return e.run() }

// swap is a release in small: files of a new release, the swap of current,
// which must not run twice unasked, and the mark that it is proven.
func swap(fsys durable.FS, dir string, bad bool) deploy.Plan {
	at := func(name string) string { return filepath.Join(dir, name) }
	step := func(name string, f deploy.InFlight, do, undo func() error) deploy.Step {
		s := deploy.Step{Name: name, InFlight: f, Do: &effect{name, do}}
		if undo != nil {
			s.Undo = &effect{"un" + name, undo}
		}
		return s
	}
	watch := func() error { return nil }
	if bad {
		watch = func() error { return errors.New("it answers errors") }
	}
	return deploy.Plan{Service: "api", Env: envconfig.Staging(), Steps: []deploy.Step{
		step("place", deploy.Repeat, func() error {
			if err := durable.MkdirAll(fsys, at("new"), 0o700); err != nil {
				return err
			}
			return durable.WriteFile(fsys, at("new/app"), []byte("new"), 0o600)
		}, nil),
		step("switch", deploy.Ask,
			func() error { return durable.ReplaceSymlink(fsys, "new", at("current")) },
			func() error { return durable.ReplaceSymlink(fsys, "old", at("current")) }),
		step("watch", deploy.Repeat, watch, nil),
		step("prove", deploy.Repeat, func() error { return durable.WriteFile(fsys, at("proven"), []byte("new"), 0o600) }, nil),
	}}
}

// prepare makes a machine that serves the old release.
func prepare(dir string) error {
	return errors.Join(
		os.Mkdir(filepath.Join(dir, "old"), 0o700),
		os.WriteFile(filepath.Join(dir, "old", "app"), []byte("old"), 0o600),
		os.Symlink("old", filepath.Join(dir, "current")),
	)
}

func runOn(fsys durable.FS, dir string, bad bool, answer deploy.Answer) (*deploy.Report, error) {
	log, err := filelog.NewOn(filepath.Join(dir, "log"), fsys)
	if err != nil {
		return nil, err
	}
	r, err := deploy.New(log, &deploy.Options{Executable: "sha256:test"})
	if err != nil {
		return nil, err
	}
	plan := swap(fsys, dir, bad)
	if answer != "" {
		if err := r.Decide(ctx(), plan.Ref("r1"), "switch", deploy.Decision{Answer: answer, By: "test"}); err != nil {
			return nil, err
		}
	}
	return r.Run(ctx(), "r1", plan)
}

// serving returns the content of the release that current names.
func serving(dir string) (string, error) {
	app, err := os.ReadFile(filepath.Join(dir, "current", "app"))
	return string(app), err
}

// TestPowerCutInARun cuts the power after every operation of a run, in every
// way that the simulator knows, and goes on with what is left.
func TestPowerCutInARun(t *testing.T) {
	for name, c := range map[string]struct {
		bad  bool
		want deploy.Outcome
		live string
	}{
		"good release": {false, deploy.Succeeded, "new"},
		"bad release":  {true, deploy.Undone, "old"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, prepare(dir))
			rec, err := powercut.New(dir)
			require.NoError(t, err)
			rep, _ := runOn(rec, dir, c.bad, "")
			require.Equal(t, c.want, rep.Outcome)
			rec.Mark("ended")
			states, held := 0, 0
			require.NoError(t, rec.Recording().Check(nil, func(s powercut.State) error {
				states++
				wasHeld, err := goOn(s, c.bad, c.want, c.live)
				if wasHeld {
					held++
				}
				return err
			}))
			t.Logf("%d operations, %d states, %d of them held for a person", len(rec.Recording().Ops()), states, held)
			require.Positive(t, held, "no cut hit the step that asks")
		})
	}
}

// goOn continues the run in one state, and answers for a person where it asks.
func goOn(s powercut.State, bad bool, want deploy.Outcome, live string) (held bool, err error) {
	before, err := serving(s.Dir)
	if err != nil || before != "old" && before != "new" {
		return false, fmt.Errorf("current is not valid: %q, %w", before, err)
	}
	rep, err := runOn(unsynced{}, s.Dir, bad, "")
	if rep == nil {
		return false, err
	}
	if rep.Outcome == deploy.Held {
		held = true
		answer := deploy.AnswerRepeat
		if before == "new" && !strings.Contains(err.Error(), "(undo)") {
			answer = deploy.AnswerDone
		}
		if rep, err = runOn(unsynced{}, s.Dir, bad, answer); rep == nil {
			return held, err
		}
	}
	if rep.Outcome != want {
		return held, fmt.Errorf("the run is %s: %w", rep.Outcome, err)
	}
	after, err := serving(s.Dir)
	if err != nil || after != live {
		return held, fmt.Errorf("%q serves, not %q: %w", after, live, err)
	}
	_, err = os.Stat(filepath.Join(s.Dir, "proven"))
	if proven := !errors.Is(err, fs.ErrNotExist); proven == bad {
		return held, fmt.Errorf("proven is %t", proven)
	}
	if len(s.Marks) > 0 && (held || before != live) {
		return held, errors.New("a run that had ended was not there any more")
	}
	return held, nil
}
