//go:build unix

package pgcheck_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/monitor"
	"github.com/masaruk/devops/monitor/check/pgcheck"
)

func TestNoServer(t *testing.T) {
	t.Parallel()
	config, err := pgx.ParseConfig(fmt.Sprintf("postgres://monitor:%s@127.0.0.1:1/app?sslmode=disable", canary)) // where nobody listens
	require.NoError(t, err)
	c, err := pgcheck.New(config, nil)
	require.NoError(t, err)
	r := c.Check(t.Context())
	require.Equal(t, monitor.Fail, r.Status)
	require.Equal(t, "no connection", r.Detail)
	require.ErrorIs(t, r.Err, syscall.ECONNREFUSED)
	require.NotContains(t, fmt.Sprintf("%+v %v", r, r.Err), canary)

	stopped := errors.New("the program ends")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stopped)
	require.ErrorIs(t, c.Check(ctx).Err, stopped)
}

func refused(t *testing.T, s *server) {
	s.query("CREATE ROLE locked NOLOGIN")
	for _, role := range []string{"locked", "absent"} {
		r := s.check(role, nil).Check(t.Context())
		require.Equal(t, monitor.Fail, r.Status)
		require.Equal(t, "the login is refused", r.Detail, "%s: %v", role, r.Err)
		requireDiscreet(t, r)
	}
	config, err := pgx.ParseConfig(strings.Replace(s.DSN("absent_database"), "postgres@", "monitor@", 1))
	require.NoError(t, err)
	c, err := pgcheck.New(config, nil)
	require.NoError(t, err)
	require.Equal(t, "the database is not there", c.Check(t.Context()).Detail)
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	_, err := pgcheck.New(nil, nil)
	require.ErrorContains(t, err, "pgx.ParseConfig")
	config, err := pgx.ParseConfig("host=db.example.com user=monitor")
	require.NoError(t, err)
	_, err = pgcheck.New(config, &pgcheck.Options{
		Timeout:  -1,
		Idle:     pgcheck.Limits{Warn: 901},
		Blocked:  pgcheck.Limits{Warn: -1, Fail: 0.001},
		Standbys: []string{"a", "b", "c", "d", "e", "f"},
	})
	require.EqualError(t, err, strings.Join([]string{
		"pgcheck.New: Options.Idle: Warn 901 is above Fail 900: negative is none",
		"pgcheck.New: Options.Timeout -1ns is below 1 ms",
		"pgcheck.New: Options.Standbys has more than 5 names, for which make a second check, or an empty one",
	}, "\n"))
	c, err := pgcheck.New(config, nil)
	require.NoError(t, err)
	require.NotNil(t, c)
	require.Empty(t, config.RuntimeParams["statement_timeout"], "the caller's configuration is changed")
}
