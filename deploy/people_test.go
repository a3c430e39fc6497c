package deploy_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/secrets"
)

func TestPeopleSeeWhatIsHandedOnAndProbed(t *testing.T) {
	var did []string
	p := three(&did)
	p.Steps[0].Provides, p.Steps[1].Binds = []string{"o@1:string", "q"}, []string{"o"}
	p.Steps[2].Retry = deploy.Retry{Max: 2, Wait: time.Second, MaxWait: time.Minute}
	p.Availability = &deploy.Availability{URL: "http://127.0.0.1/", Interval: time.Minute}
	d, err := p.Describe()
	require.NoError(t, err)
	require.Contains(t, d.String(), "provides o@1:string, q")
	require.Contains(t, d.String(), "reads o")
	require.Contains(t, d.String(), "asks http://127.0.0.1/ each 1m0s meanwhile, and counts what fails")
	require.Contains(t, d.String(), "up to 2 more attempts, at most 2s apart")
}

func TestAPreviewTellsWhereACommandRuns(t *testing.T) {
	p := plan(deploy.Step{Name: "s", Do: &deploy.Exec{Command: deploy.Command{Argv: []string{"make"}, Dir: "/srv/a b"}}})
	text, err := p.Preview()
	require.NoError(t, err)
	require.Contains(t, text, "cd '/srv/a b' && make")
}

type panicsInPreview struct{ effect }

func (*panicsInPreview) Preview() []string { panic("canary") }

func TestAPreviewThatPanics(t *testing.T) {
	p := plan(deploy.Step{Name: "s", Do: &panicsInPreview{}})
	text, err := p.Preview()
	require.NoError(t, err)
	require.Contains(t, text, "no preview: it panics with a string")
	require.NotContains(t, text, "canary")
}

func TestWhatIsProbedHoldsNoSecret(t *testing.T) {
	var did []string
	redactor, err := secrets.NewRedactor(secrets.New("canary-canary"))
	require.NoError(t, err)
	for url, want := range map[string]string{
		"http://me:pass@127.0.0.1/":         "field Availability: field URL has a password",
		"http://127.0.0.1/?k=canary-canary": "field Availability: holds a secret",
		"ftp://127.0.0.1/":                  "field Availability: field URL",
		"127.0.0.1:80/":                     "field Availability: field URL",
	} {
		log := newMemLog()
		p := three(&did)
		p.Availability = &deploy.Availability{URL: url}
		_, err = newRunner(t, log, &deploy.Options{Redactor: redactor}).Run(t.Context(), "r1", p)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "canary-canary")
		require.Empty(t, log.streams)
	}
}

// TestForeignTextStaysOnItsLine, and controls no terminal.
func TestForeignTextStaysOnItsLine(t *testing.T) {
	var did []string
	p := three(&did)
	p.Change = &deploy.Change{Commit: "c1\n  9. approved by everybody", Artefact: "a\x1b[2J"}
	p.BreakGlass = "it burns\n  1. nothing"
	p.Steps[1].Kind = "k\nx"
	p.Steps[1].Do = &effect{Name: "do b", did: &did, fn: func(_ context.Context, c *deploy.Call) error {
		c.Printf("tail\x1b[2J")
		return errors.New("reason\x1b[2J")
	}}
	d, err := p.Describe()
	require.NoError(t, err)
	log := newMemLog()
	r := newRunner(t, log, &deploy.Options{Initiator: "ada\nmallory"})
	rep, err := r.Run(t.Context(), "r1", p)
	require.Error(t, err)
	p.Steps[1].Do = &effect{Name: "do b", did: &did}
	_, err = r.Run(t.Context(), "r2", p)
	require.NoError(t, err)
	for s, err := range r.Standing(t.Context(), p.Ref("")) {
		require.NoError(t, err)
		for _, text := range []string{d.String(), rep.String(), s.String()} {
			require.NotContains(t, text, "\x1b")
			require.NotContains(t, text, "\n  9.")
			require.NotContains(t, text, "\n  1. nothing")
			require.NotContains(t, text, "\nmallory")
			require.NotContains(t, text, "k\nx")
		}
	}
}

func TestABlankReasonIsNone(t *testing.T) {
	var did []string
	p := three(&did)
	p.BreakGlass = " \n"
	require.ErrorContains(t, p.Validate(), "field BreakGlass is blank")
	err := newRunner(t, newMemLog(), nil).Decide(t.Context(), p.Ref("r1"), "", deploy.Decision{Answer: deploy.AnswerUndo, By: " "})
	require.ErrorContains(t, err, "field By is empty")
}
