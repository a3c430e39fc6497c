package progress

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got, file)
}

// story is a run with everything in it: a repeated attempt, a failure with
// hostile output, an undo, and a second run that is held. Calling pause lets
// time pass.
func story(handle func(deploy.Event), pause func(time.Duration)) {
	service, env := "api", "production"
	step := func(run deploy.RunID, name string, phase deploy.Phase, attempt int, took time.Duration, f deploy.StepFinished) {
		handle(deploy.StepStarted{Run: run, Service: service, Environment: env, Step: name, Host: "local", Phase: phase, Attempt: attempt})
		handle(deploy.StepOutput{Run: run, Service: service, Environment: env, Step: name, Line: "output that comes again as a tail"})
		pause(took)
		f.Service, f.Environment = service, env
		f.Run, f.Step, f.Host, f.Phase, f.Attempt, f.Duration = run, name, "local", phase, attempt, took
		handle(f)
	}
	ok := deploy.StepFinished{Outcome: deploy.Succeeded}
	handle(deploy.RunStarted{Run: "r-1", Service: "api", Environment: "production", Steps: []string{"build", "migrate", "switch"}})
	handle(deploy.LogRepaired{Stream: "api/production", Seq: 7})
	step("r-1", "build", deploy.PhaseForward, 1, 300*time.Millisecond, deploy.StepFinished{
		Outcome: deploy.Failed, Retry: true, Err: errors.New("npm: exit status 1"), Tail: []byte("not shown, since it is tried again\n"),
	})
	step("r-1", "build", deploy.PhaseForward, 2, 83*time.Second, ok)
	step("r-1", "migrate", deploy.PhaseForward, 1, 4200*time.Millisecond, deploy.StepFinished{
		Outcome: deploy.Failed, Err: errors.New("psql: exit status 3: ERROR:  column \"email\" of relation \"customer\" contains null values\nand a second line"),
		Tail: []byte("begin\n\x1b[31mred\x1b[0m and \x1b]0;title\x07tab\there\r\n10 %\r 50 %\r100 %\nbell\a back\b bad \xff\n" +
			strings.Repeat("long ", 30) + "\n\n日本語の出力\n"),
	})
	step("r-1", "build", deploy.PhaseUndo, 1, 50*time.Millisecond, ok)
	handle(deploy.RunFinished{Run: "r-1", Service: "api", Environment: "production", Outcome: deploy.Undone, Duration: 88 * time.Second, Err: errors.New("api@production run r-1: step \"migrate\" failed")})

	handle(deploy.RunStarted{Run: "r-2", Service: "api", Environment: "production", Steps: []string{"build", "switch"}, Continued: true})
	step("r-2", "build", deploy.PhaseForward, 1, 2*time.Minute, ok)
	handle(deploy.RunFinished{Run: "r-2", Service: "api", Environment: "production", Outcome: deploy.Held, Duration: 2 * time.Minute, Err: errors.New("step \"switch\" was interrupted and may have had its effect; look at the host")})

	service, env = "web", "staging"
	handle(deploy.RunStarted{Run: "r-3", Service: service, Environment: env, Steps: []string{"build"}})
	step("r-3", "build", deploy.PhaseForward, 1, time.Second, ok)
	handle(deploy.RunFinished{Run: "r-3", Service: service, Environment: env, Outcome: deploy.Succeeded, Duration: time.Second})
}

func TestPlain(t *testing.T) {
	for name, opts := range map[string]*Options{"plain.golden": nil, "quiet.golden": {Quiet: true}} {
		var out bytes.Buffer
		p, err := New(&out, opts)
		require.NoError(t, err)
		story(p.Handle, func(time.Duration) {})
		require.NoError(t, p.Close())
		golden(t, name, out.String())
		require.NotContains(t, out.String(), "\x1b")
		require.NotContains(t, out.String(), "\r")
	}
}

func TestLiveEndsAsTheScreenShows(t *testing.T) {
	for name, opts := range map[string]Options{
		"live80.golden": {Live: true, Width: 80}, "live34.golden": {Live: true, Width: 34}, "livequiet.golden": {Live: true, Width: 60, Quiet: true},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &screen{width: opts.Width}
			p, err := New(s, &opts)
			require.NoError(t, err)
			story(p.Handle, time.Sleep) // of the bubble
			require.NoError(t, p.Close())
			golden(t, name, s.String())
			require.Empty(t, s.faults)
		})
	}
}

// What is drawn while steps run, moment by moment.
func TestLiveDrawsElapsedInPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &screen{width: 60}
		p, err := New(s, &Options{Live: true, Width: 60, NoColor: true})
		require.NoError(t, err)
		var film strings.Builder
		shot := func(after time.Duration) {
			time.Sleep(after) // of the bubble
			synctest.Wait()
			film.WriteString(s.String() + "--\n")
		}
		p.Handle(deploy.RunStarted{Run: "r", Service: "api", Environment: "staging", Steps: []string{"build", "test"}})
		p.Handle(deploy.StepStarted{Run: "r", Service: "api", Environment: "staging", Step: "build", Attempt: 1})
		shot(0)
		shot(1250 * time.Millisecond)
		p.Handle(deploy.StepStarted{Run: "r", Service: "api", Environment: "staging", Step: "build", Host: "web-2", Attempt: 3})
		shot(time.Second)
		p.Handle(deploy.StepFinished{Run: "r", Service: "api", Environment: "staging", Step: "build", Outcome: deploy.Succeeded, Duration: 2250 * time.Millisecond})
		shot(time.Second)
		require.NoError(t, p.Close())
		film.WriteString(s.String())
		golden(t, "film.golden", film.String())
		require.Empty(t, s.faults)
	})
}
