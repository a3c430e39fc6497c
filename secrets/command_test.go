//go:build unix

package secrets_test

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
	"github.com/masaruk/devops/secrets/sourcetest"
)

// script is a source whose program is a shell script; the name is $1.
func script(t *testing.T, text string, opts *secrets.CommandOptions) secrets.Source {
	t.Helper()
	from, err := secrets.NewCommand([]string{"/bin/sh", "-c", text, "sh"}, opts)
	require.NoError(t, err)
	return from
}

func TestCommand(t *testing.T) {
	dir := t.TempDir()
	for name, v := range knownSecrets() {
		write(t, dir, name, v.Reveal()+"\n")
	}
	text := `case $1 in */*) exit 2; esac; [ -f "$DIR/$1" ] || { echo "none, and not ` + planted + `" >&2; exit 44; }; exec cat "$DIR/$1"`
	sourcetest.Run(t, knownSecrets(), func() (secrets.Source, error) {
		return secrets.NewCommand([]string{"/bin/sh", "-c", text, "sh"}, &secrets.CommandOptions{
			Env: map[string]secrets.Value{"DIR": secrets.New(dir)}, Inherit: []string{"PATH"}, NotFoundExit: 44,
		})
	})
}

func TestCommandEnvironment(t *testing.T) {
	t.Setenv("INHERITED", "of the process")
	t.Setenv("BOTH", "of the process")
	t.Setenv("NOT_INHERITED", planted)
	env := map[string]secrets.Value{"TOKEN": secrets.New("t=1"), "BOTH": secrets.New("of Env")}
	from := script(t, `echo "$INHERITED, $BOTH, $TOKEN, $NOT_INHERITED, $UNSET, $1"`, &secrets.CommandOptions{Env: env, Inherit: []string{"INHERITED", "BOTH", "UNSET"}})
	delete(env, "TOKEN")
	requireFinds(t, from, "na$me", "of the process, of Env, t=1, , , na$me")
	t.Setenv("INHERITED", "changed")
	requireFinds(t, from, "name", "changed, of Env, t=1, , , name")
	requireFinds(t, script(t, `echo "$NOT_INHERITED"`, nil), "name", "")
}

func TestCommandFails(t *testing.T) {
	token := &secrets.CommandOptions{Env: map[string]secrets.Value{"TOKEN": secrets.New(planted)}, NotFoundExit: 7}
	for text, want := range map[string]string{
		`echo ` + planted + `; exit 1`:                                           "exit status 1",
		`set -x; V=` + planted + `; exit 3`:                                      "CommandOptions.Stderr",
		`echo "$TOKEN" >&2; exit 3`:                                              "exit status 3",
		`echo ` + planted + `; kill -9 $$`:                                       "killed",
		`echo "` + planted + secrets.Placeholder + `"`:                           secrets.Placeholder,
		`echo ` + planted + `; exec cat /dev/zero`:                               "1048576 bytes",
		`echo ` + planted + `; trap "" PIPE; cat /dev/zero; while :; do :; done`: "1048576 bytes",
	} {
		t.Run(text, func(t *testing.T) {
			require.ErrorContains(t, requireFails(t, script(t, text, token), "name", false), want)
		})
	}
	requireFails(t, script(t, `echo `+planted+`; echo `+planted+` >&2; exit 7`, token), "name", true)
	requireFails(t, script(t, `exit 1`, nil), "name", false)
	var exit *exec.ExitError
	require.ErrorAs(t, requireFails(t, script(t, `exit 5`, nil), "name", false), &exit)
	require.Equal(t, 5, exit.ExitCode())
	killed := script(t, `kill -9 $$`, &secrets.CommandOptions{NotFoundExit: -1}) // which is what Go calls this status
	requireFails(t, killed, "name", false)
	for name, want := range map[string]string{"-h": "option", "--": "option", "a\x00b": "NUL"} {
		require.ErrorContains(t, requireFails(t, script(t, `echo `+planted, nil), name, false), want)
	}
}

func TestCommandThatCannotRun(t *testing.T) {
	for _, program := range []string{filepath.Join(t.TempDir(), "none"), "no-such-program-of-secrets", t.TempDir()} {
		from, err := secrets.NewCommand([]string{program, planted}, nil)
		require.NoError(t, err)
		require.ErrorContains(t, requireFails(t, from, "name", false), program)
	}
}

func TestNewCommandRefuses(t *testing.T) {
	v := secrets.New(planted)
	for _, opts := range []*secrets.CommandOptions{
		{Inherit: []string{""}},
		{Inherit: []string{"A=" + planted}},
		{Env: map[string]secrets.Value{"A=" + planted: v}},
		{Env: map[string]secrets.Value{"": v}},
		{Env: map[string]secrets.Value{"A": secrets.New(planted + "\x00")}},
	} {
		_, err := secrets.NewCommand([]string{"sh"}, opts)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "canary")
	}
	for _, argv := range [][]string{nil, {""}} {
		_, err := secrets.NewCommand(argv, nil)
		require.Error(t, err)
	}
}

// The script tells by opening the pipe that it runs; then the caller leaves.
func TestCommandEndsWithItsContext(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	ctx, end := context.WithCancelCause(t.Context())
	left := errors.New("the caller left")
	from := script(t, `echo $$ >"$1"; echo `+planted+`; exec sleep 600`, &secrets.CommandOptions{Inherit: []string{"PATH"}})
	var pid []byte
	var reading sync.WaitGroup
	reading.Go(func() {
		pid, _ = exec.Command("cat", pipe).Output() // an empty pid fails below
		end(left)
	})
	v, err := from.Lookup(ctx, pipe)
	reading.Wait()
	require.ErrorIs(t, err, left)
	require.True(t, v.IsZero())
	require.NotContains(t, err.Error(), "canary")
	require.NotEmpty(t, pid)
	require.Error(t, exec.Command("kill", "-0", strings.TrimSpace(string(pid))).Run(), "the command runs on")
}

func TestCommandLeavesAProcessThatHoldsTheOutput(t *testing.T) {
	t.Parallel()
	from := script(t, `echo `+planted+`; sleep 5 & exit 0`, &secrets.CommandOptions{Inherit: []string{"PATH"}})
	err := requireFails(t, from, "name", false)
	require.ErrorIs(t, err, exec.ErrWaitDelay)
	require.ErrorContains(t, err, "left a process behind")
}

func TestFolderDoesNotWaitForAPipe(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	require.ErrorContains(t, requireFails(t, folder(t, dir), "pipe", false), "regular")
}

type failingWriter struct{ bytes.Buffer }

func (f *failingWriter) Write(p []byte) (int, error) {
	_, _ = f.Buffer.Write(p)
	return 0, errors.New("no space left")
}

func TestCommandStderr(t *testing.T) {
	out := &failingWriter{}
	opts := &secrets.CommandOptions{Stderr: out, Inherit: []string{"PATH"}}
	from := script(t, `echo "look at $1" >&2; exit 1`, opts)
	err := requireFails(t, from, "name", false)
	require.NotContains(t, err.Error(), "Stderr")
	require.Equal(t, "look at name\n", out.String())

	out.Reset()
	requireFinds(t, script(t, `head -c 1000000 /dev/zero >&2; echo found`, opts), "name", "found")
	require.Equal(t, 64<<10, out.Len())

	out.Reset()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { _, _ = from.Lookup(context.Background(), "me") })
	}
	all.Wait()
	require.Equal(t, strings.Repeat("look at me\n", 4), out.String())
}
