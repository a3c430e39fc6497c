package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// TB is what the functions of a test need of it; testing.TB has it. The
// package testing stays out of programs that start an environment.
type TB interface {
	Helper()
	Cleanup(func())
	Context() context.Context
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
	Logf(format string, args ...any)
	Failed() bool
}

// RequireAll is the environment variable that, set to 1, makes a server that
// cannot start for want of something a failure of the test instead of a skip.
const RequireAll = "DEVOPS_REQUIRE_ALL"

// startLimit is generous: a first start builds the guard, on a busy machine.
const startLimit = 3 * time.Minute

// Postgres gives the test a PostgreSQL server of its own with the given major
// version, 15 to 18, and settings as in [PostgresOptions]. Where the test
// neither kills nor configures it, [Database] is cheaper.
func Postgres(t TB, major int, settings ...string) *PostgresServer {
	t.Helper()
	return start(t, func(ctx context.Context) (*PostgresServer, error) {
		return startPostgres(ctx, PostgresOptions{Major: major, Settings: settings})
	})
}

// SSHD gives the test an sshd of its own.
func SSHD(t TB, o SSHDOptions) *SSHServer {
	t.Helper()
	return start(t, func(ctx context.Context) (*SSHServer, error) { return startSSHD(ctx, o) })
}

// S3 gives the test an S3 server of its own, over https or http.
func S3(t TB, tls bool) *S3Server {
	t.Helper()
	return start(t, func(ctx context.Context) (*S3Server, error) { return startS3(ctx, S3Options{TLS: tls}) })
}

// Hosts gives the test n hosts on a network of their own.
func Hosts(t TB, n int) []*Host {
	t.Helper()
	return start(t, func(ctx context.Context) (*Network, error) { return startNetwork(ctx, n) }).Hosts
}

// Promtool gives the test the path of Prometheus' promtool.
func Promtool(t TB) string {
	t.Helper()
	if err := requirePresent(namePromtool); err != nil {
		giveUp(t, err)
		return ""
	}
	return promtoolPath
}

// NPMPackage gives the test the folder of an npm package that is a
// [Requirement] of its own: "dotenv", "@sentry/core" or "smtp-server". Run its
// code by the program that [Node] returns.
func NPMPackage(t TB, name string) string {
	t.Helper()
	if err := requirePresent(npmPrefix + name); err != nil {
		giveUp(t, err)
		return ""
	}
	tools, err := ToolsDir()
	if err != nil {
		t.Fatalf("%v", err)
		return ""
	}
	return npmFolder(tools, name)
}

// closer is a server of any kind.
type closer interface {
	Close() error
	Log() string
}

// start starts a server for the length of a test, and shows its log when the
// test has failed.
func start[S closer](t TB, f func(context.Context) (S, error)) S {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), startLimit, fmt.Errorf("not ready within %v", startLimit))
	defer cancel()
	s, err := f(ctx)
	if err != nil {
		giveUp(t, err)
		return s
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("server log:\n%s", s.Log())
		}
		if err := s.Close(); err != nil {
			t.Errorf("%v", err)
		}
	})
	return s
}

// giveUp skips the test where something is missing that nobody promised, and
// fails it otherwise.
func giveUp(t TB, err error) {
	t.Helper()
	if _, ok := errors.AsType[*MissingError](err); ok && os.Getenv(RequireAll) != "1" {
		t.Skipf("%v", err)
		return
	}
	t.Fatalf("%v", err)
}
