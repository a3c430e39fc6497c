package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/envconfig/dotenv"
)

// log is what the program logs.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// assembled is a program with these variables, on a free port.
func assembled(t *testing.T, variables string) (*program, *log, error) {
	t.Helper()
	s, err := load(t.Context(), &envconfig.LoadOptions{Inputs: []envconfig.Input{envconfig.FromText("test.env", variables, dotenv.Node, nil)}})
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	l := &log{}
	p, err := assemble(s, listener, slog.New(slog.NewJSONHandler(l, nil)))
	return p, l, err
}

// get returns the status, or 0 where nobody answers.
func (p *program) get(path string) (int, string) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get("http://" + p.listener.Addr().String() + path)
	if err != nil {
		return 0, ""
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, ""
	}
	return r.StatusCode, string(body)
}

func TestOnceShowsEveryCheckAndEnds(t *testing.T) {
	p, l, err := assembled(t, "")
	require.NoError(t, err)
	require.False(t, p.sentry.Enabled())
	var out bytes.Buffer
	require.NoError(t, p.once(t.Context(), &out))
	for _, check := range []string{"cpu", "memory", "disk"} {
		require.Contains(t, out.String(), check)
	}
	require.Regexp(t, `web +pass`, out.String())
	require.Contains(t, l.String(), `"check":"web","from":"unknown","to":"pass"`)
	status, _ := p.get("/livez")
	require.Zero(t, status, "it has closed its listener")
}

// Readiness ends first, then the listener closes, then the monitor ends.
func TestItStopsInOrder(t *testing.T) {
	p, _, err := assembled(t, "DRAIN=1s\nINTERVAL=50ms")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.run(ctx) }()
	is := func(path string, want int) func() bool {
		return func() bool {
			status, _ := p.get(path)
			return status == want
		}
	}
	require.Eventually(t, is("/readyz", 200), time.Minute, time.Millisecond)
	require.Eventually(t, func() bool {
		_, body := p.get("/metrics")
		return strings.Contains(body, `monitor_check_status{check="web",status="pass"} 1`) &&
			strings.Contains(body, `monitor_feed_dropped_total{feed="sentry"} 0`)
	}, time.Minute, 10*time.Millisecond)
	stop()
	var order []string
	note := func(what string) {
		if len(order) == 0 || order[len(order)-1] != what {
			order = append(order, what)
		}
	}
	for done := false; !done; {
		select {
		case err := <-ended:
			require.NoError(t, err)
			done = true
		default:
			status, body := p.get("/readyz?verbose")
			switch {
			case status == 503:
				require.Contains(t, body, "[-]shutdown")
			case status == 0 && p.monitor.Snapshot().Ready:
				t.Error("nobody answers, and it is ready")
			}
			note(fmt.Sprint(status))
		}
	}
	if len(order) > 0 && order[0] == "200" {
		order = order[1:]
	}
	require.NotEmpty(t, order)
	require.Equal(t, "503", order[0], order)
}

// A database that does not answer is reported, to the log and to Sentry, without
// its password.
func TestADatabaseThatIsDownIsReported(t *testing.T) {
	const password = "canary-of-a-password"
	var mu sync.Mutex
	var got []byte
	arrived := make(chan struct{}, 100)
	sentry := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		mu.Lock()
		got = append(got, body...)
		mu.Unlock()
		arrived <- struct{}{}
	}))
	defer sentry.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	p, l, err := assembled(t, fmt.Sprintf("ENVIRONMENT=prod\nDRAIN=0s\nINTERVAL=20ms\nSENTRY_DSN=%s/1\nDATABASE_URL=postgres://monitor:%s@%s/app",
		strings.Replace(sentry.URL, "http://", "http://key@", 1), password, closed.Addr()))
	require.NoError(t, err)
	require.True(t, p.sentry.Enabled())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.run(ctx) }()
	select {
	case <-arrived:
	case <-time.After(time.Minute):
		t.Fatal("Sentry got nothing")
	}
	require.Eventually(t, func() bool { status, _ := p.get("/health"); return status == 503 }, time.Minute, 10*time.Millisecond)
	_, health := p.get("/health")
	_, metrics := p.get("/metrics")
	stop()
	require.NoError(t, <-ended)
	mu.Lock()
	defer mu.Unlock()
	require.Contains(t, string(got), `"level":"fatal"`)
	require.Contains(t, string(got), `"type":"postgres"`)
	require.Contains(t, l.String(), `"kind":"alert_opened","environment":"prod","check":"postgres"`)
	require.NotContains(t, string(got)+l.String()+health+metrics, "canary")
}

func TestWhatIsWrongIsSaid(t *testing.T) {
	for variables, want := range map[string]string{
		"DATABASE_URL=postgres://canary:canary@:x/": "DATABASE_URL is not of the form",
		"SENTRY_DSN=https://canary@/1":              "the host behind @ is missing",
		"WATCH_URL=gopher://example.com/":           "httpcheck",
	} {
		_, _, err := assembled(t, variables)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "canary")
	}
}
