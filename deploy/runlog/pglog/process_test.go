package pglog_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/pglog"
)

// TestMain is also the main function of the processes that tests start.
func TestMain(m *testing.M) {
	dsn := os.Getenv("PGLOG_TEST_DSN") // of a private server without a password
	if dsn == "" {
		os.Exit(m.Run())
	}
	if err := child(dsn); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child appends until the stream has PGLOG_TEST_COUNT records, and prints the
// number of each record that it got.
func child(dsn string) error {
	count, err := strconv.Atoi(os.Getenv("PGLOG_TEST_COUNT"))
	if err != nil {
		return err
	}
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return err
	}
	db, err := pglog.NewDialer(config)
	if err != nil {
		return err
	}
	l, err := pglog.New(db, nil)
	if err != nil {
		return err
	}
	if _, err := fmt.Println("ready"); err != nil {
		return err
	}
	if _, err := io.ReadAll(os.Stdin); err != nil { // until all are ready
		return err
	}
	for next := 1; ; {
		got, err := read(l, "s", uint64(next))
		if err != nil {
			return err
		}
		if next += len(got); next > count {
			return nil
		}
		err = l.Append(context.Background(), "s", uint64(next), fmt.Appendf(nil, `{"n":%d,"pid":%d,"text":%q}`, next, os.Getpid(), strings.Repeat("x", 3000)))
		if errors.Is(err, deploy.ErrConflict) {
			continue
		}
		if err != nil {
			return err
		}
		if _, err := fmt.Println(next); err != nil {
			return err
		}
	}
}

type process struct {
	cmd *exec.Cmd
	out *bufio.Scanner
	in  io.Closer
}

// start returns when the process is ready; it goes on when in is closed.
func start(t *testing.T, dsn string, count int) process {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "PGLOG_TEST_DSN="+dsn, "PGLOG_TEST_COUNT="+strconv.Itoa(count))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	p := process{cmd, bufio.NewScanner(out), in}
	require.True(t, p.out.Scan())
	return p
}

// owners returns the process that wrote each record.
func owners(t *testing.T, l deploy.Log) []int {
	t.Helper()
	got, err := read(l, "s", 1)
	require.NoError(t, err)
	pids := make([]int, len(got))
	for i, r := range got {
		var n int
		_, err := fmt.Sscanf(r, `{"n":%d,"pid":%d`, &n, &pids[i])
		require.NoError(t, err)
		require.Equal(t, i+1, n)
	}
	return pids
}

func TestProcessesRace(t *testing.T) {
	const count = 40
	dsn := database(t, 15)
	l := newLog(t, dialer(t, dsn))
	racers := []process{start(t, dsn, count), start(t, dsn, count)}
	for _, r := range racers {
		require.NoError(t, r.in.Close())
	}
	acked := make([]int, count)
	for _, r := range racers {
		for r.out.Scan() {
			n, err := strconv.Atoi(r.out.Text())
			require.NoError(t, err)
			require.Zero(t, acked[n-1], "record %d was acknowledged twice", n)
			acked[n-1] = r.cmd.Process.Pid
		}
		require.NoError(t, r.cmd.Wait())
	}
	require.Equal(t, acked, owners(t, l), "each record is there and belongs to the process that it was acknowledged to")
}

// Processes are killed in the middle of appends. What was acknowledged is
// there once, and the next process goes on.
func TestKilledProcesses(t *testing.T) {
	dsn, seed := database(t, 15), rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	l := newLog(t, dialer(t, dsn))
	acked := map[int]int{}
	for range 5 {
		p := start(t, dsn, 1000000)
		require.NoError(t, p.in.Close())
		for left := 1 + rng.IntN(8); p.out.Scan(); left-- {
			n, err := strconv.Atoi(p.out.Text())
			require.NoError(t, err)
			require.Zero(t, acked[n])
			acked[n] = p.cmd.Process.Pid
			if left == 0 {
				require.NoError(t, p.cmd.Process.Kill())
			}
		}
		require.ErrorContains(t, p.cmd.Wait(), "killed")
	}
	pids := owners(t, l)
	for n, pid := range acked {
		require.LessOrEqual(t, n, len(pids))
		require.Equal(t, pid, pids[n-1], "record %d", n)
	}
}
