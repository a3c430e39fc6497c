package deploy_test

import (
	"bytes"
	"context"
	"log/slog"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/secrets"
)

func TestAHandlerThatPanicsIsTold(t *testing.T) {
	var did []string
	var out bytes.Buffer
	redactor, err := secrets.NewRedactor(secrets.New("canary-canary"))
	require.NoError(t, err)
	_, err = newRunner(t, newMemLog(), &deploy.Options{
		Redactor: redactor, Handle: func(deploy.Event) { panic("boo canary-canary") }, Logger: slog.New(slog.NewTextHandler(&out, nil)),
	}).Run(t.Context(), "r1", three(&did))
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(out.String(), "boo"))
	require.NotContains(t, out.String(), "canary-canary")
}

func TestAnActionThatEndsItsGoroutine(t *testing.T) {
	var did []string
	p := three(&did)
	p.Steps[1].Do.(*effect).fn = func(context.Context, *deploy.Call) error { runtime.Goexit(); return nil }
	done := make(chan error, 1)
	go func() {
		_, err := newRunner(t, newMemLog(), nil).Run(context.Background(), "r1", p)
		done <- err
	}()
	select {
	case err := <-done:
		require.ErrorContains(t, err, `step "b"`)
		require.ErrorContains(t, err, "runtime.Goexit")
	case <-time.After(10 * time.Second):
		t.Fatal("hangs")
	}
}

func TestCancelledBeforeItBegan(t *testing.T) {
	var did []string
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := newRunner(t, newMemLog(), nil).Run(ctx, "r1", three(&did))
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "api@dev run r1")
}

func TestAVerifyThatIsCutShortNamesItsStep(t *testing.T) {
	var did []string
	log := newMemLog()
	ctx, cancel := context.WithCancel(t.Context())
	p := three(&did)
	p.Steps[1].InFlight, p.Steps[1].Verify = deploy.Verify, &effect{Name: "verify", did: &did, fn: func(context.Context, *deploy.Call) error { cancel(); return ctx.Err() }}
	crashAt(log, 4)
	r := newRunner(t, log, nil)
	_, err := r.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, errCrash)
	log.before = nil
	_, err = r.Run(ctx, "r1", p)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, `api@dev run r1: looking whether step "b" (forward) was done`)
}

// TestEveryEventSaysOfWhichRun: of which service, in which environment.
func TestEveryEventSaysOfWhichRun(t *testing.T) {
	var did []string
	events := make(chan deploy.Event, 100)
	handle := func(e deploy.Event) { events <- e }
	log := newMemLog()
	p := three(&did)
	p.Steps[0].When, p.Steps[0].Binds, p.Steps[0].Provides = &deploy.When{Output: "o", Is: "x"}, []string{"o"}, []string{"o"}
	p.Steps[1].Do.(*effect).fn = func(_ context.Context, c *deploy.Call) error { c.Printf("line"); return deploy.ErrInconclusive }
	r := newRunner(t, log, &deploy.Options{Handle: handle})
	_, err := r.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, deploy.ErrHeld)
	require.NoError(t, r.Decide(t.Context(), p.Ref("r1"), "", deploy.Decision{Answer: deploy.AnswerPause, By: "ada"}))
	_, err = r.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, deploy.ErrHeld)
	missing := map[string]bool{"RunStarted": true, "StepStarted": true, "StepOutput": true, "StepFinished": true, "StepHeld": true, "RunPaused": true, "RunFinished": true}
	for len(missing) > 0 {
		e := reflect.ValueOf(<-events)
		delete(missing, e.Type().Name())
		for field, want := range map[string]string{"Run": "r1", "Service": "api", "Environment": "dev"} {
			require.Equal(t, want, e.FieldByName(field).String(), "%s", e.Type())
		}
	}
}
