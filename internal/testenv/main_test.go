package testenv

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// childMode makes the test binary one of the children below.
const childMode = "TESTENV_TEST_CHILD"

func TestMain(m *testing.M) {
	mode, arg, _ := strings.Cut(os.Getenv(childMode), " ")
	var err error
	switch mode {
	case "":
		os.Exit(m.Run())
	case "echo":
		err = echo(arg)
	case "dial":
		addr, limit, _ := strings.Cut(arg, " ")
		var d time.Duration
		if d, err = time.ParseDuration(limit); err == nil {
			err = dial(addr, d)
		}
	case "environment":
		err = holdEnvironment(arg)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// asChild sets cmd up to be a child in the given mode.
func asChild(cmd *exec.Cmd, mode string) *exec.Cmd {
	// The race detector's rest before an exit is not needed here.
	cmd.Env = append(os.Environ(), childMode+"="+mode, "GORACE=atexit_sleep_ms=0")
	return cmd
}

// echo accepts connections on addr for ever and sends back what comes.
func echo(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Println("listening")
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			_, _ = io.Copy(conn, conn)
			_ = conn.Close()
		}()
	}
}

// dial asks an echo for one line, within limit.
func dial(addr string, limit time.Duration) error {
	conn, err := net.DialTimeout("tcp", addr, limit)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(conn, "hello"); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if line != "hello\n" {
		return fmt.Errorf("got %q: %w", line, err)
	}
	return nil
}

// traces is what an environment could leave behind.
type traces struct {
	PIDs  []int
	Paths []string
	Ports []string
}

// holdEnvironment starts every kind of server that this machine can run, puts
// each to work, prints its traces, and stays until its input ends. Then it
// ends as told.
func holdEnvironment(end string) error {
	ctx := context.Background()
	o, err := everything()
	if err != nil {
		return err
	}
	env, err := Start(ctx, o)
	if err != nil {
		return err
	}
	tr, err := work(ctx, env)
	if err != nil {
		return errors.Join(err, env.Close())
	}
	if err := json.NewEncoder(os.Stdout).Encode(tr); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	if end == "panic" {
		panic("as told")
	}
	return env.Close()
}

// everything is an environment of one of each kind that can start here.
func everything() (Options, error) {
	rs, err := Requirements()
	if err != nil {
		return Options{}, err
	}
	var o Options
	for _, r := range rs {
		if len(r.Missing()) > 0 {
			continue
		}
		var major int
		switch n, _ := fmt.Sscanf(r.Name, "postgres-%d", &major); {
		case n == 1 && (major == 15 || major == 18):
			o.Postgres = append(o.Postgres, PostgresOptions{Major: major})
		case r.Name == nameSSHDRoot || r.Name == nameSSHDPlain:
			o.SSHD = append(o.SSHD, SSHDOptions{Root: r.Name == nameSSHDRoot})
		case r.Name == nameS3:
			o.S3 = []S3Options{{}, {TLS: true}}
		case r.Name == nameHosts:
			o.Hosts = 2
		}
	}
	return o, nil
}

// work leaves something running in every server of env, and lists it.
func work(ctx context.Context, env *Env) (tr traces, err error) {
	server := func(s *Server, port string) {
		tr.PIDs = append(tr.PIDs, s.PID(), s.guard.self)
		tr.Paths = append(tr.Paths, s.Dir())
		tr.Ports = append(tr.Ports, port)
	}
	for _, p := range env.Postgres {
		server(p.Server, p.addr())
		pid, err := sleepingBackend(ctx, p)
		if err != nil {
			return tr, err
		}
		tr.PIDs = append(tr.PIDs, pid)
	}
	for _, s := range env.SSHD {
		server(s.Server, fmt.Sprint(s.Host, ":", s.Port))
		pid, err := daemonOver(ctx, s)
		if err != nil {
			return tr, err
		}
		tr.PIDs = append(tr.PIDs, pid)
	}
	for _, s := range env.S3 {
		server(s.Server, s.Endpoint)
		if _, err := s.Do(ctx, "PUT", "/bucket", nil); err != nil {
			return tr, err
		}
	}
	for _, h := range env.Hosts {
		sleep := h.Command(ctx, "/bin/sleep", "1000")
		if err := sleep.Start(); err != nil {
			return tr, err
		}
		tr.PIDs = append(tr.PIDs, sleep.Process.Pid)
		tr.Paths = append(tr.Paths, "/run/netns/"+h.Name)
	}
	if w := env.network; w != nil {
		tr.Paths = append(tr.Paths, w.server.Dir(), "/run/netns/"+w.switchName(), "/sys/class/net/"+w.name)
	}
	return tr, nil
}

// sleepingBackend leaves a query running and returns its process.
func sleepingBackend(ctx context.Context, p *PostgresServer) (pid int, err error) {
	go func() { _, _ = p.Query(ctx, "postgres", "SELECT pg_sleep(1000)") }()
	for {
		rows, err := p.Query(ctx, "postgres", "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'")
		if err != nil {
			return 0, err
		}
		if len(rows) == 1 {
			_, err := fmt.Sscan(rows[0][0], &pid)
			return pid, err
		}
	}
}

// daemonOver starts a process over ssh that leaves its session, and returns
// it.
func daemonOver(ctx context.Context, s *SSHServer) (pid int, err error) {
	out, err := s.Command(ctx, "setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo $!").Output()
	if err != nil {
		return 0, fmt.Errorf("ssh: %w: %s", err, s.Log())
	}
	_, err = fmt.Sscan(string(out), &pid)
	return pid, err
}

// requireNothingLeft waits until no trace is there any more. Somebody else's
// clean-up may run beside the test, so it is given time.
func requireNothingLeft(t *testing.T, tr traces) {
	t.Helper()
	require.NotEmpty(t, tr.PIDs)
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		for _, pid := range tr.PIDs {
			require.ErrorIs(c, syscall.Kill(pid, 0), syscall.ESRCH, "process %d", pid)
			require.NotContains(c, sharedMemoryCreators(), fmt.Sprint(pid), "System V memory")
		}
		for _, path := range tr.Paths {
			require.NoFileExists(c, path)
			require.NoDirExists(c, path)
		}
	}, time.Minute, 20*time.Millisecond)
}

func sharedMemoryCreators() []string {
	text, _ := os.ReadFile("/proc/sysvipc/shm")
	var pids []string
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 4 {
			pids = append(pids, f[4])
		}
	}
	return pids
}

func testBinary(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	return filepath.Clean(exe)
}
