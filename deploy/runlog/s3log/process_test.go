package s3log_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/s3log"
	"github.com/masaruk/devops/internal/testenv"
)

// TestMain is also the main function of the processes that tests start.
func TestMain(m *testing.M) {
	endpoint := os.Getenv("S3LOG_TEST_ENDPOINT")
	if endpoint == "" {
		os.Exit(m.Run())
	}
	if err := child(endpoint); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child appends until the stream has S3LOG_TEST_COUNT records, and prints the
// number of each record that it got.
func child(endpoint string) error {
	count, err := strconv.Atoi(os.Getenv("S3LOG_TEST_COUNT"))
	if err != nil {
		return err
	}
	c := client(&testenv.S3Server{
		Endpoint: endpoint, Region: os.Getenv("S3LOG_TEST_REGION"), AccessKey: os.Getenv("S3LOG_TEST_KEY"), SecretKey: os.Getenv("S3LOG_TEST_SECRET"),
	}, over(http.DefaultTransport))
	l, err := s3log.New(c, "ops", &s3log.Options{Prefix: "runlog/"})
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
func start(t *testing.T, s *testenv.S3Server, count int) process {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "S3LOG_TEST_ENDPOINT="+s.Endpoint, "S3LOG_TEST_REGION="+s.Region,
		"S3LOG_TEST_KEY="+s.AccessKey, "S3LOG_TEST_SECRET="+s.SecretKey, "S3LOG_TEST_COUNT="+strconv.Itoa(count))
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
	s := server(t, false)
	racers := []process{start(t, s, count), start(t, s, count)}
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
	require.Equal(t, acked, owners(t, newLog(t, client(s))), "each record is there and belongs to the process that it was acknowledged to")
}

// Processes are killed in the middle of appends. What was acknowledged is
// there once, and the next process goes on.
func TestKilledProcesses(t *testing.T) {
	s, seed := server(t, false), rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	acked := map[int]int{}
	for range 5 {
		p := start(t, s, 1000000)
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
	pids := owners(t, newLog(t, client(s)))
	for n, pid := range acked {
		require.LessOrEqual(t, n, len(pids))
		require.Equal(t, pid, pids[n-1], "record %d", n)
	}
}
