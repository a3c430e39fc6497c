package sentrysink_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/monitor"
	"github.com/masaruk/devops/monitor/sink/sentrysink"
	"github.com/masaruk/devops/secrets"
)

// canary is the secret that must not arrive, in no form.
const canary = "canary/of\"the vault+1"

// stacked is an error with a stack, as those of pkg/errors have it.
type stacked struct{ error }

func (stacked) StackTrace() []uintptr { return []uintptr{1} }

// Every text of a transition, an option and an error has a secret in it, and none
// arrives: neither in events nor in check-ins, which pass no hook of sentry-go.
func TestNoSecretArrives(t *testing.T) {
	redactor, err := secrets.NewRedactor(secrets.New(canary))
	require.NoError(t, err)
	s := newStation()
	defer s.Close()
	sink, err := sentrysink.New(envconfig.Development(), s.dsn(), &sentrysink.Options{
		Redactor: redactor, Release: "r " + canary, ServerName: "s " + canary,
	})
	require.NoError(t, err)
	why := fmt.Errorf("dial %s: %q: %s", canary, canary, url.QueryEscape(canary))
	stack := "goroutine 1 [running]:\n" + "example.org/" + canary + ".f(...)\n\t/src/" + canary + "/f.go:12 +0x1d\n"
	for i, cause := range []error{why, stacked{why}, &monitor.PanicError{Text: canary, Stack: stack}, errors.Join(why, why), fmt.Errorf("wrapped: %w", why)} {
		for _, kind := range []monitor.Kind{monitor.AlertOpened, monitor.AlertResolved} {
			send(t, sink, monitor.Transition{
				Seq: uint64(i), Time: at, Kind: kind, Environment: "e " + canary, Check: "c " + canary,
				Result: monitor.Result{Err: cause, Detail: canary, Measurements: []monitor.Measurement{{Name: canary, Unit: canary}}},
				Owner:  canary, Runbook: "https://wiki/?q=" + url.QueryEscape(canary), Reason: canary, Labels: map[string]string{canary: canary},
			})
		}
	}
	job, err := sink.Job("backup", &sentrysink.JobOptions{Cron: "0 3 * * *"})
	require.NoError(t, err)
	require.ErrorIs(t, job.Run(t.Context(), func(context.Context) error { return why }), why)
	require.NoError(t, sink.Close(t.Context()))

	envelopes := s.taken()
	require.Len(t, envelopes, 13)
	parsed(t, envelopes) // what is left is whole
	for _, e := range envelopes {
		require.NotContains(t, string(e), "canary")
		require.NotContains(t, strings.ToLower(string(e)), "vault")
	}
	require.Contains(t, string(envelopes[0]), secrets.Placeholder)
	for _, r := range s.requests {
		require.NotContains(t, fmt.Sprint(r.Header, r.URL), "canary")
	}
}

func TestASlugWithASecretIsRefused(t *testing.T) {
	redactor, err := secrets.NewRedactor(secrets.New("canary-1"))
	require.NoError(t, err)
	sink, _ := newSink(t, &sentrysink.Options{Redactor: redactor})
	_, err = sink.Job("backup-canary-1", nil)
	require.ErrorContains(t, err, "has a secret in it")
	require.NotContains(t, err.Error(), "canary-1")
}

// What Sentry answers may repeat what it was sent.
func TestAnswersAreMasked(t *testing.T) {
	redactor, err := secrets.NewRedactor(secrets.New(canary))
	require.NoError(t, err)
	sink, s := newSink(t, &sentrysink.Options{Redactor: redactor})
	s.answers(refuseWith(canary))
	err = sink.Send(t.Context(), []monitor.Transition{opened(1, "a")})
	require.ErrorContains(t, err, secrets.Placeholder)
	require.NotContains(t, err.Error()+sink.Stats().LastError, "canary")
	s.answers(nil)
}
