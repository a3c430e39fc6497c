//go:build unix

package localexec_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
)

// programVar makes the test binary act as a program that is killed, or that
// carries a marker itself.
const programVar = "LOCALEXEC_TEST_PROGRAM"

func TestMain(m *testing.M) {
	switch os.Getenv(programVar) {
	case "start":
		programStart()
	case "marked":
		programMarked()
	case "join":
		programJoin()
	case "controller":
		programController()
	case "group":
		programGroup()
	default:
		os.Exit(m.Run())
	}
}

// programStart starts a process, prints it, and waits to be killed.
func programStart() {
	ex, err := localexec.New(nil)
	if err == nil {
		var p localexec.Process
		p, err = ex.Start(context.Background(), sh(`echo "log $KIND"; exec sleep 60`), os.Args[1])
		if err == nil {
			err = json.NewEncoder(os.Stdout).Encode(p)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	select {}
}

// programMarked prints what carries its own marker.
func programMarked() {
	found, err := localexec.Marked(os.Getenv(deploy.MarkerVar))
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(found)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// programController takes the host over with the folder and epoch given, and
// runs a program and then another command, whatever became of the first.
func programController() {
	fail := func(err error) {
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
	}
	ex, err := localexec.New(&localexec.Options{Fence: os.Args[1]})
	fail(err)
	epoch, err := strconv.ParseUint(os.Args[2], 10, 64)
	fail(err)
	fenced, err := ex.Fence(context.Background(), "dev/api", epoch)
	fail(err)
	_, err = fenced.Run(context.Background(), deploy.Command{Argv: []string{os.Args[3]}, Dir: os.Args[4], Grace: time.Second})
	fmt.Println("first:", err)
	after := sh("echo after >> ledger")
	after.Dir = os.Args[4]
	_, err = fenced.Run(context.Background(), after)
	fmt.Println("second:", err)
}

// programGroup becomes a shell in a group of its own.
func programGroup() {
	err := syscall.Setpgid(0, 0)
	if err == nil {
		err = syscall.Exec("/bin/sh", []string{"/bin/sh", "-c", os.Args[1]}, os.Environ())
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func joinGroup(c *exec.Cmd, number string) error {
	pgid, err := strconv.Atoi(number)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: pgid}
	return err
}

// programJoin puts a process that ends at once into a group, and never reaps it.
func programJoin() {
	c := exec.Command("/bin/sh", "-c", "exit 0")
	err := joinGroup(c, os.Args[1])
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("joined")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func sh(script string, args ...string) deploy.Command {
	return deploy.Command{
		Argv: append([]string{"/bin/sh", "-c", script, "sh"}, args...),
		Env:  map[string]string{"PATH": "/usr/local/bin:/usr/bin:/bin", "KIND": "local"},
	}
}

func newExecutor(t *testing.T, opts *localexec.Options) *localexec.Executor {
	t.Helper()
	ex, err := localexec.New(opts)
	require.NoError(t, err)
	return ex
}

// eventually waits for a condition that something else brings about.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, time.Minute, 5*time.Millisecond, what)
}

// buffer is a Writer that can be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
