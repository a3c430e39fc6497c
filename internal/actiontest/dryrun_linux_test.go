package actiontest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/internal/actiontest"
)

// jailVar makes the test binary a prisoner: "all" previews the table, the name
// of a biter that one, and "unfiltered" all biters without the filter of
// system calls.
const jailVar = "DEVOPS_ACTIONTEST_JAIL"

// biters are previews that have an effect, and say nothing of its failure.
func biters(dir string) map[string]func() {
	at := func(name string) string { return filepath.Join(dir, name) }
	return map[string]func(){
		"write":  func() { _ = os.WriteFile(at("new"), []byte("x"), 0o600) },
		"append": func() { _, _ = os.OpenFile(at("file"), os.O_APPEND|os.O_WRONLY, 0) },
		"mkdir":  func() { _ = os.Mkdir(at("new"), 0o700) },
		"remove": func() { _ = os.Remove(at("file")) },
		"rename": func() { _ = os.Rename(at("file"), at("new")) },
		"chmod":  func() { _ = os.Chmod(at("file"), 0o777) },
		"link":   func() { _ = os.Symlink("file", at("new")) },
		"tcp":    func() { _, _ = net.DialTimeout("tcp", "127.0.0.1:9", time.Second) },
		"udp":    func() { _, _ = net.Dial("udp", "192.0.2.1:9") },
		"listen": func() { _, _ = net.Listen("tcp", "127.0.0.1:0") },
		"dns":    func() { _, _ = net.LookupHost("registry.example.com") },
		"exec":   func() { _ = exec.CommandContext(context.Background(), "true").Run() },
		"later":  func() { done := make(chan error); go func() { done <- os.Mkdir(at("new"), 0o700) }(); <-done },
	}
}

// biter is an Action whose Preview has an effect.
type biter struct{ bite func() }

func (b *biter) Spec() any                               { return "biter" }
func (b *biter) Run(context.Context, *deploy.Call) error { return nil }

// Preview bites.
func (b *biter) Preview() []string { b.bite(); return []string{"innocent"} }

// TestEveryPreviewHasNoEffect makes a dry run of a plan with each action of the
// table, in a process that has an empty network namespace and a tree that is
// read only, and that ends at the first system call that would have changed a
// file, made a socket or started a program.
func TestEveryPreviewHasNoEffect(t *testing.T) {
	if os.Getenv(jailVar) != "" {
		prisoner(t)
	}
	out, err := jail(t, "all")
	require.NoError(t, err, "%s", out)
	n := len(scenes(newWorld(t, false)))
	require.Equal(t, n, strings.Count(out, "previewed "), "%s", out)
	require.Contains(t, out, fmt.Sprintf("%d previews without an effect", n))
}

// TestTheJailBites has previews with effects, which end their process.
func TestTheJailBites(t *testing.T) {
	for name := range biters("") {
		out, err := jail(t, name)
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit, "%s: %s", name, out)
		status := exit.Sys().(syscall.WaitStatus)
		require.True(t, status.Signaled() && status.Signal() == syscall.SIGSYS, "%s: %v: %s", name, err, out)
	}
}

// TestTheJailHasNoWayOut has the same effects without the filter of system
// calls: the namespaces alone let nothing through.
func TestTheJailHasNoWayOut(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, []byte("content"), 0o600))
	out, err := jail(t, "unfiltered", "TMPDIR="+dir)
	require.NoError(t, err, "%s", out)
	require.Greater(t, strings.Count(out, "previewed "), 5)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

// jail runs a prisoner and returns what it printed.
func jail(t *testing.T, what string, env ...string) (string, error) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "-test.run=^TestEveryPreviewHasNoEffect$")
	cmd.Env = append(os.Environ(), jailVar+"="+what, "TMPDIR="+t.TempDir())
	cmd.Env = append(cmd.Env, env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	err = cmd.Run()
	return out.String(), err
}

// prisoner does what it was told in the jail, and never returns: without
// effects not even the temporary folder could be removed.
func prisoner(t *testing.T) {
	what := os.Getenv(jailVar)
	var table []scene
	switch what {
	case "all":
		table = scenes(newWorld(t, false))
	case "unfiltered":
	default:
		require.NoError(t, os.WriteFile(filepath.Join(os.TempDir(), "file"), nil, 0o600))
	}
	for name, bite := range biters(os.TempDir()) {
		if name == what || what == "unfiltered" && name != "dns" { // which waits for an answer
			table = append(table, scene{name: name, step: deploy.Step{Name: "s", Do: &biter{bite}}})
		}
	}
	if err := errors.Join(makeReadOnly(), isJailed()); err != nil {
		fmt.Println("the jail cannot be built:", err)
		os.Exit(2)
	}
	if what != "unfiltered" {
		if err := forbidEffects(); err != nil {
			fmt.Println("the jail cannot be built:", err)
			os.Exit(2)
		}
	}
	for _, s := range table {
		if _, err := (actiontest.Bench{Outputs: s.outputs}).Plan(s.step).Preview(); err != nil {
			fmt.Println(s.name, err)
			os.Exit(3)
		}
		fmt.Println("previewed", s.name)
	}
	fmt.Println(len(table), "previews without an effect")
	os.Exit(0)
}

// isJailed tells that nothing can be written, and nobody reached.
func isJailed() error {
	for _, dir := range []string{os.TempDir(), ".", "/", "/dev/shm", "/tmp"} {
		err := os.WriteFile(filepath.Join(dir, "devops-actiontest-jail"), nil, 0o600)
		if !errors.Is(err, syscall.EROFS) && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s can be written: %w", dir, err)
		}
	}
	links, err := net.Interfaces()
	if err != nil {
		return err
	}
	for _, l := range links {
		if l.Flags&net.FlagUp != 0 {
			return fmt.Errorf("network %s is up", l.Name)
		}
	}
	return nil
}
