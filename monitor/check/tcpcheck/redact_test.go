package tcpcheck_test

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/monitor"
	"github.com/masaruk/devops/monitor/check/tcpcheck"
	"github.com/masaruk/devops/secrets"
)

const hidden = "hidden-9b1f6e0c27d84a35-5c2a7d90e1b3f468-77aa0d3c"

// monitored runs the check in a monitor that knows the secret, and returns the
// text of its first failure.
func monitored(t *testing.T, c monitor.Check) string {
	t.Helper()
	redactor, err := secrets.NewRedactor(secrets.New(hidden))
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var text string
	m, err := monitor.New(envconfig.Development(), []monitor.Definition{{Name: "quotes", Check: c, Interval: 10 * time.Millisecond, Timeout: time.Minute, FailAfter: 1}}, &monitor.Options{
		Redactor: redactor,
		Feeds: []monitor.Feed{{Name: "test", Sink: monitor.SinkFunc(func(_ context.Context, ts []monitor.Transition) error {
			if text == "" && ts[0].Result.Err != nil {
				text = ts[0].Result.Err.Error()
			}
			stop()
			return nil
		})}},
	})
	require.NoError(t, err)
	require.NoError(t, m.Run(ctx))
	require.NotEmpty(t, text)
	return text
}

// straddles puts the secret where only a part of it is within the first bytes.
func straddles(limit int) string { return strings.Repeat("x", limit-10) + hidden }

// What is quoted in part is redacted before it is cut.
func TestNoPartOfASecretIsQuoted(t *testing.T) {
	t.Parallel()
	c, err := tcpcheck.New(loopback(t, func(conn net.Conn) { _, _ = io.WriteString(conn, straddles(100)) }), &tcpcheck.Options{Expect: "+PONG"})
	require.NoError(t, err)
	text := monitored(t, c)
	require.NotContains(t, text, hidden[:5])
	require.Contains(t, text, "xxx")
}
