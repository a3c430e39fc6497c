package filelog_test

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

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/filelog"
)

func ctx() context.Context { return context.Background() }

// TestMain is also the main function of the processes that tests start.
func TestMain(m *testing.M) {
	role, dir := os.Getenv("FILELOG_TEST_ROLE"), os.Getenv("FILELOG_TEST_DIR")
	if role == "" {
		os.Exit(m.Run())
	}
	err := errors.New("no such role")
	switch role {
	case "append":
		err = child(dir)
	case "limited":
		err = limited(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func start(t *testing.T, role, dir string, extra ...string) (*exec.Cmd, *bufio.Scanner, io.Closer) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(append(os.Environ(), "FILELOG_TEST_ROLE="+role, "FILELOG_TEST_DIR="+dir), extra...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return cmd, bufio.NewScanner(out), in
}

// child appends until the stream has FILELOG_TEST_COUNT records, and prints
// the number of each record that it got.
func child(dir string) error {
	count, err := strconv.Atoi(os.Getenv("FILELOG_TEST_COUNT"))
	if err != nil {
		return err
	}
	l, err := filelog.New(dir, nil)
	if err != nil {
		return err
	}
	if _, err := fmt.Println("ready"); err != nil {
		return err
	}
	if _, err := io.ReadAll(os.Stdin); err != nil { // until all are ready
		return err
	}
	next := 1
	for {
		got, err := read(l, "s", uint64(next))
		if err != nil && !errors.Is(err, deploy.ErrTorn) {
			return err
		}
		next += len(got)
		if next > count {
			return nil
		}
		err = l.Append(ctx(), "s", uint64(next), fmt.Appendf(nil, `{"n":%d,"pid":%d,"text":%q}`, next, os.Getpid(), strings.Repeat("x", 3000)))
		if errors.Is(err, deploy.ErrConflict) {
			continue
		}
		if err != nil {
			return err
		}
		if _, err := io.WriteString(os.Stdout, fmt.Sprintln(next)); err != nil {
			return err
		}
	}
}

// owners returns the process that wrote each record.
func owners(t *testing.T, dir string) []int {
	t.Helper()
	got, err := read(newLog(t, dir), "s", 1)
	if !errors.Is(err, deploy.ErrTorn) {
		require.NoError(t, err)
	}
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
	const count = 100
	dir := t.TempDir()
	acked := make([]int, count)
	type racer struct {
		cmd *exec.Cmd
		out *bufio.Scanner
		in  io.Closer
	}
	var racers []racer
	for range 2 {
		cmd, out, in := start(t, "append", dir, "FILELOG_TEST_COUNT="+strconv.Itoa(count))
		require.True(t, out.Scan())
		racers = append(racers, racer{cmd, out, in})
	}
	for _, r := range racers {
		require.NoError(t, r.in.Close())
	}
	for _, r := range racers {
		for r.out.Scan() {
			n, err := strconv.Atoi(r.out.Text())
			require.NoError(t, err)
			require.Zero(t, acked[n-1], "record %d was acknowledged twice", n)
			acked[n-1] = r.cmd.Process.Pid
		}
		require.NoError(t, r.cmd.Wait())
	}
	require.Equal(t, acked, owners(t, dir), "each record is there and belongs to the process that it was acknowledged to")
}

// Processes are killed in the middle of appends. What was acknowledged is
// there once, and the next process goes on.
func TestKilledProcesses(t *testing.T) {
	dir, seed := t.TempDir(), rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	acked := map[int]int{}
	for range 8 {
		cmd, out, in := start(t, "append", dir, "FILELOG_TEST_COUNT=1000000")
		require.True(t, out.Scan())
		require.NoError(t, in.Close())
		for left := 1 + rng.IntN(8); out.Scan(); left-- {
			n, err := strconv.Atoi(out.Text())
			require.NoError(t, err)
			require.Zero(t, acked[n])
			acked[n] = cmd.Process.Pid
			if left == 0 {
				require.NoError(t, cmd.Process.Kill())
			}
		}
		require.ErrorContains(t, cmd.Wait(), "killed")
	}
	pids := owners(t, dir)
	for n, pid := range acked {
		require.LessOrEqual(t, n, len(pids))
		require.Equal(t, pid, pids[n-1], "record %d", n)
	}
	t.Logf("%d records acknowledged, %d there", len(acked), len(pids))
}
