package deploy_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/secrets"
)

// runOnce runs an action as the only step of a plan, with a real executor.
func runOnce(t *testing.T, a deploy.Action) (*deploy.Report, error) {
	t.Helper()
	local, err := localexec.New(&localexec.Options{Inherit: []string{"PATH"}})
	require.NoError(t, err)
	return newRunner(t, newMemLog(), &deploy.Options{Executor: local}).Run(t.Context(), "r1", plan(deploy.Step{Name: "gate", InFlight: deploy.Repeat, Do: a}))
}

// listen serves each connection with handle until the test ends.
func listen(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var all sync.WaitGroup
	t.Cleanup(func() { l.Close(); all.Wait() })
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { defer c.Close(); handle(c) })
		}
	})
	return l.Addr().String()
}

// hung is the address of a program that has stopped: its kernel accepts.
func hung(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

func TestHTTPCheckOfBadServices(t *testing.T) {
	lies := service(t, func(_ int64, w http.ResponseWriter) {
		w.Header().Set("X-Release", "v3")
		fmt.Fprint(w, `{"status":"error","checks":[{"db":false}]}`)
	})
	short := 300 * time.Millisecond
	for name, c := range map[string]struct {
		check deploy.HTTPCheck
		want  string
	}{
		"believed":        {deploy.HTTPCheck{URL: lies.URL}, ""},
		"lies, text":      {deploy.HTTPCheck{URL: lies.URL, Contains: `"status":"ok"`}, `the body does not contain "\"status\":\"ok\""`},
		"lies, JSON":      {deploy.HTTPCheck{URL: lies.URL, Pointer: "/status", Value: "ok"}, `/status of the body is "error", want "ok"`},
		"lies, deeper":    {deploy.HTTPCheck{URL: lies.URL, Pointer: "/checks/0/db", Value: "true"}, `/checks/0/db of the body is "false", want "true"`},
		"tells the truth": {deploy.HTTPCheck{URL: lies.URL, Pointer: "/status", Value: "error", Contains: "error"}, ""},
		"one of two":      {deploy.HTTPCheck{URL: lies.URL, Pointer: "/status", Value: "ok", Contains: "error"}, "/status of the body"},
		"another release": {deploy.HTTPCheck{URL: lies.URL, Header: "X-Release", Want: "v4"}, `header X-Release is "v3", want "v4"`},
		"another status":  {deploy.HTTPCheck{URL: lies.URL, Status: 204}, "status 200, want 204"},
		"half open":       {deploy.HTTPCheck{URL: "http://" + hung(t) + "/healthz", Timeout: short}, "no answer within 300ms"},
		"slow": {deploy.HTTPCheck{URL: "http://" + listen(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1<<10)) // the request
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbeg")
			_, _ = c.Read(make([]byte, 1)) // until the client gives up
		}), Timeout: short}, "no complete answer within 300ms"},
	} {
		_, err := runOnce(t, &c.check)
		if c.want == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorContains(t, err, `step "gate" on local, attempt 1: GET `, name)
		require.ErrorContains(t, err, c.want, name)
	}
	_, err := runOnce(t, &deploy.HTTPCheck{URL: "ftp://127.0.0.1/"})
	require.ErrorIs(t, err, deploy.ErrUnmeasured)
}

// TestHealthOfAFlappingService: the same service, by the limits.
func TestHealthOfAFlappingService(t *testing.T) {
	flaps := func() string {
		return service(t, func(n int64, w http.ResponseWriter) {
			if n%3 == 0 {
				w.WriteHeader(http.StatusBadGateway)
			}
		}).URL
	}
	_, err := runOnce(t, &deploy.Health{URL: flaps(), Interval: time.Millisecond, Count: 30})
	require.ErrorContains(t, err, "0 good in a row, 3 wanted; last: GET http://127.0.0.1:")
	_, err = runOnce(t, &deploy.Health{URL: flaps(), Interval: time.Millisecond, Count: 30, Limits: &deploy.Limits{MaxFailed: 5}})
	require.ErrorContains(t, err, "6 failed, at most 5 tolerated")
	_, err = runOnce(t, &deploy.Health{URL: flaps(), Interval: time.Millisecond, Count: 30, Limits: &deploy.Limits{MaxFailed: 10, MinResults: 30}})
	require.NoError(t, err)
	_, err = runOnce(t, &deploy.Health{URL: flaps(), Interval: time.Millisecond, Limits: &deploy.Limits{Successes: 2, MaxFailed: 1}})
	require.NoError(t, err)
}

// TestWhatAServiceSaysIsFilteredBeforeItIsCut: half a secret is one too.
func TestWhatAServiceSaysIsFilteredBeforeItIsCut(t *testing.T) {
	redactor, err := secrets.NewRedactor(secrets.New("canary-canary-canary"))
	require.NoError(t, err)
	said := func(before int) string { return strings.Repeat("x", before) + "canary-canary-canary" }
	srv := service(t, func(_ int64, w http.ResponseWriter) {
		w.Header().Set("X-Release", said(90))
		fmt.Fprintf(w, `{"pad":%q,"status":%q}`, said(180), said(90))
	})
	for _, h := range []deploy.HTTPCheck{
		{Status: 204}, {Contains: "well"}, {Pointer: "/status", Value: "ok"}, {Pointer: "/none", Value: "ok"}, {Header: "X-Release", Want: "v3"},
	} {
		h.URL = srv.URL
		log := newMemLog()
		r := newRunner(t, log, &deploy.Options{Redactor: redactor})
		p := plan(deploy.Step{Name: "gate", Do: &h})
		_, err := r.Run(t.Context(), "r1", p)
		require.ErrorContains(t, err, "xxx")
		require.NotContains(t, err.Error(), "canary")
		for _, rec := range log.streams["dev/api"] {
			require.NotContains(t, string(rec), "canary")
		}
	}
}

// TestThePublicProbeIsFilteredToo, whose first reason is in the report.
func TestThePublicProbeIsFilteredToo(t *testing.T) {
	redactor, err := secrets.NewRedactor(secrets.New("canary-canary-canary"))
	require.NoError(t, err)
	srv := service(t, func(_ int64, w http.ResponseWriter) {
		w.WriteHeader(http.StatusBadGateway)
		fmt.Fprint(w, strings.Repeat("x", 180)+"canary-canary-canary")
	})
	p := plan(deploy.Step{Name: "watch", Do: &deploy.Watch{For: time.Hour, Interval: time.Millisecond}})
	p.Availability = &deploy.Availability{URL: srv.URL, Interval: 5 * time.Millisecond}
	rep, err := newRunner(t, newMemLog(), &deploy.Options{Redactor: redactor}).Run(t.Context(), "r1", p)
	require.ErrorContains(t, err, "requests failed, tolerated are 0")
	require.Contains(t, rep.Availability.FirstReason, "status 502, want 200: \"xxx")
	require.NotContains(t, rep.Availability.FirstReason, "canary")
}

func TestChecksExpandOutputs(t *testing.T) {
	srv := service(t, func(_ int64, w http.ResponseWriter) { good("v3", w) })
	addr := srv.Listener.Addr().String()
	p := plan(
		deploy.Step{Name: "start", Provides: []string{"addr"}, Do: deploy.Func("start", "1", func(_ context.Context, c *deploy.Call) error {
			return c.Provide("addr", addr)
		})},
		deploy.Step{Name: "gate", Binds: []string{"addr"}, Do: &deploy.Health{
			URL:        "http://${addr}/",
			Conditions: []deploy.Action{&deploy.HTTPCheck{URL: "http://${addr}/healthz"}, &deploy.TCPCheck{Addr: "${addr}"}},
		}},
	)
	_, err := newRunner(t, newMemLog(), nil).Run(t.Context(), "r1", p)
	require.NoError(t, err)
	p.Steps[1].Binds = nil
	p.Steps[1].Do.(*deploy.Health).Interval = time.Millisecond
	_, err = newRunner(t, newMemLog(), nil).Run(t.Context(), "r1", p)
	require.ErrorContains(t, err, `${addr}: output "addr": step "gate" does not list it in Binds`)
}

func TestTCPCheck(t *testing.T) {
	greets := listen(t, func(c net.Conn) { fmt.Fprint(c, "220 mail ready\r\n") })
	pongs := listen(t, func(c net.Conn) {
		if n, _ := c.Read(make([]byte, 6)); n == 6 {
			fmt.Fprint(c, "+PONG\r\n")
		}
	})
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	defer srv.Close()
	srv.Config.ErrorLog = nil
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}))
	secure := srv.Listener.Addr().String()
	short := 300 * time.Millisecond
	for name, c := range map[string]struct {
		check deploy.TCPCheck
		want  string
	}{
		"connects":                    {deploy.TCPCheck{Addr: greets}, ""},
		"connects to a hung program":  {deploy.TCPCheck{Addr: hung(t)}, ""},
		"which gives itself away":     {deploy.TCPCheck{Addr: hung(t), Banner: "220 ", Timeout: short}, "no banner within 300ms"},
		"greets":                      {deploy.TCPCheck{Addr: greets, Banner: "220 "}, ""},
		"greets as something else":    {deploy.TCPCheck{Addr: greets, Banner: "SSH-2.0-"}, `it does not begin with "SSH-2.0-": its byte 1 is another`},
		"answers":                     {deploy.TCPCheck{Addr: pongs, Send: "PING\r\n", Banner: "+PONG"}, ""},
		"TLS":                         {deploy.TCPCheck{Addr: secure, TLS: true, CA: ca}, ""},
		"TLS by its name":             {deploy.TCPCheck{Addr: secure, TLS: true, CA: ca, ServerName: "example.com"}, ""},
		"TLS by another name":         {deploy.TCPCheck{Addr: secure, TLS: true, CA: ca, ServerName: "shop.test"}, "no TLS: "},
		"TLS of nobody that it knows": {deploy.TCPCheck{Addr: secure, TLS: true}, "no TLS: "},
		"TLS with a hung program":     {deploy.TCPCheck{Addr: hung(t), TLS: true, Timeout: short}, "no TLS within 300ms"},
	} {
		_, err := runOnce(t, &c.check)
		if c.want == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorContains(t, err, "connect "+c.check.Addr+": "+c.want, name)
	}
	_, err := runOnce(t, &deploy.HTTPCheck{URL: srv.URL, Status: 404, CA: ca})
	require.NoError(t, err)
	_, err = runOnce(t, &deploy.HTTPCheck{URL: srv.URL, Status: 404})
	require.ErrorContains(t, err, "no connection: ")
	_, err = runOnce(t, &deploy.TCPCheck{Addr: ":"})
	require.ErrorIs(t, err, deploy.ErrUnmeasured)
}

func TestCommandCheck(t *testing.T) {
	sh := func(script string) deploy.CommandCheck {
		return deploy.CommandCheck{Command: deploy.Command{Argv: []string{"sh", "-c", script}}}
	}
	custom := sh("exit 7")
	custom.Inconclusive = 7
	none := sh("exit 75")
	none.Inconclusive = -1
	unclear := sh("kill -9 $$")
	unclear.Inconclusive = -1
	slow := sh("sleep 600")
	slow.Timeout = 300 * time.Millisecond
	for name, c := range map[string]struct {
		check   deploy.CommandCheck
		outcome deploy.Outcome
		want    string
	}{
		"good":                     {sh("exit 0"), deploy.Succeeded, ""},
		"bad":                      {sh("echo disk is full >&2; exit 1"), deploy.Undone, "sh: exit status 1: disk is full"},
		"cannot tell":              {sh("exit 75"), deploy.Held, "inconclusive: sh: exit status 75"},
		"cannot tell, as it likes": {custom, deploy.Held, "inconclusive: sh: exit status 7"},
		"always tells":             {none, deploy.Undone, "exit status 75"},
		"dies":                     {sh("kill -9 $$"), deploy.Undone, "ended by signal killed"},
		"dies, and always tells":   {unclear, deploy.Undone, "ended by signal killed"},
		"slow":                     {slow, deploy.Undone, "sh did not end within 300ms"},
		"missing":                  {deploy.CommandCheck{Command: deploy.Command{Argv: []string{"no-such-program"}}}, deploy.Undone, "cannot be measured: "},
	} {
		rep, err := runOnce(t, &c.check)
		require.Equal(t, c.outcome, rep.Outcome, name)
		require.Equal(t, c.outcome == deploy.Held, isHeld(err), name)
		if c.want != "" {
			require.ErrorContains(t, err, c.want, name)
		}
	}
	// What is missing is tried again, as what cannot be measured is.
	_, err := runOnce(t, &deploy.Health{Interval: time.Millisecond, Conditions: []deploy.Action{&deploy.CommandCheck{Command: deploy.Command{Argv: []string{"no-such-program"}}}}})
	require.ErrorIs(t, err, deploy.ErrUnmeasured)
	require.ErrorContains(t, err, "5 measurements in a row could not be made")
}

func isHeld(err error) bool { return errors.Is(err, deploy.ErrHeld) }

// TestCommandCheckIsReadOnlyAndKeepsSecrets: it needs no fence, whatever its
// Command says, and its secrets are in the environment of the command only.
func TestCommandCheckIsReadOnlyAndKeepsSecrets(t *testing.T) {
	var ran atomic.Pointer[deploy.Command]
	exec := deploy.ExecutorFunc(func(_ context.Context, cmd deploy.Command) (deploy.Result, error) {
		ran.Store(&cmd)
		return deploy.Result{}, nil
	})
	check := &deploy.CommandCheck{Command: deploy.Command{Argv: []string{"probe"}, Secrets: map[string]secrets.Value{"TOKEN": secrets.New("canary-canary")}}}
	p := plan(deploy.Step{Name: "gate", Do: &deploy.Health{Interval: 1, Conditions: []deploy.Action{check}}}, deploy.Step{Name: "look", Do: check})
	_, err := newRunner(t, newMemLog(), &deploy.Options{Executor: exec}).Run(t.Context(), "r1", p)
	require.NoError(t, err)
	require.True(t, ran.Load().ReadOnly)
	require.Equal(t, "canary-canary", ran.Load().Secrets["TOKEN"].Reveal())
	d, err := p.Describe()
	require.NoError(t, err)
	require.Contains(t, d.String(), `{"command":{"argv":["probe"],"secrets":["TOKEN"],"read_only":true}}`)
	require.NotContains(t, d.String(), "canary-canary")
	preview, err := p.Preview()
	require.NoError(t, err)
	require.Contains(t, preview, "TOKEN=<secret> probe exits with 0")
}
