package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

// service answers with what answer says, by the number of the request.
func service(t *testing.T, answer func(n int64, w http.ResponseWriter)) *httptest.Server {
	t.Helper()
	var n atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(n.Add(1), w) }))
	t.Cleanup(srv.Close)
	return srv
}

func good(release string, w http.ResponseWriter) {
	w.Header().Set("X-Release", release)
	fmt.Fprintln(w, "well")
}

func runHealth(t *testing.T, h *deploy.Health) error {
	t.Helper()
	h.Interval = time.Millisecond
	_, err := newRunner(t, newMemLog(), nil).Run(t.Context(), "r1", plan(deploy.Step{Name: "gate", InFlight: deploy.Repeat, Do: h}))
	return err
}

func TestHealthWaitsForAnswersInARow(t *testing.T) {
	var asked atomic.Int64
	srv := service(t, func(n int64, w http.ResponseWriter) {
		asked.Store(n)
		if n <= 2 || n == 5 { // starting, and once more unwell
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		good("v3", w)
	})
	require.NoError(t, runHealth(t, &deploy.Health{URL: srv.URL, Header: "X-Release", Want: "v3"}))
	require.EqualValues(t, 8, asked.Load(), "two bad, two good, one bad, three good in a row")
}

func TestHealthIsNotFooledByAnotherRelease(t *testing.T) {
	srv := service(t, func(_ int64, w http.ResponseWriter) { good("v2", w) })
	err := runHealth(t, &deploy.Health{URL: srv.URL + "?token=canary-canary", Header: "X-Release", Want: "v3", Patience: time.Second})
	require.ErrorContains(t, err, "not good within its patience (1s)")
	require.ErrorContains(t, err, `header X-Release is "v2", want "v3"`)
	require.NotContains(t, err.Error(), "canary-canary")
}

func TestHealthGivesUpOnADeadProcessAtOnce(t *testing.T) {
	err := runHealth(t, &deploy.Health{
		URL: "http://127.0.0.1:1/healthz", Patience: time.Hour,
		Alive: func(context.Context) error { return errors.New("process 7 has ended") },
	})
	require.ErrorContains(t, err, "process 7 has ended")
}

func TestHealthRefusesAURLThatCannotBeAsked(t *testing.T) {
	require.Error(t, runHealth(t, &deploy.Health{URL: "ftp://127.0.0.1/", Patience: time.Hour}))
}

func TestTheProberCountsFromTheFirstStepToTheLast(t *testing.T) {
	srv := service(t, func(n int64, w http.ResponseWriter) {
		if n == 2 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		good("v1", w)
	})
	r := newRunner(t, newMemLog(), nil)
	w := &deploy.Watch{For: time.Second, Interval: time.Millisecond, MinRequests: 3, MaxFailed: 1}
	p := plan(deploy.Step{Name: "watch", InFlight: deploy.Repeat, Do: w})
	p.Availability = &deploy.Availability{URL: srv.URL, Interval: 5 * time.Millisecond}
	rep, err := r.Run(t.Context(), "r1", p)
	require.NoError(t, err)
	require.GreaterOrEqual(t, rep.Availability.Requests, 3)
	require.Equal(t, 1, rep.Availability.Failed)
	require.Contains(t, rep.Availability.FirstReason, "status 502")
	require.False(t, rep.Availability.FirstFailure.IsZero())

	p.Availability = &deploy.Availability{}
	require.ErrorContains(t, p.Validate(), "field Availability: field URL is empty")
}
