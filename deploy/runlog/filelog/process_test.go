package filelog_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/filelog"
	"github.com/masaruk/devops/deploy/runlogtest"
)

func ctx() context.Context { return context.Background() }

// TestMain is also the main function of the processes that tests start.
func TestMain(m *testing.M) {
	role, dir := os.Getenv("FILELOG_TEST_ROLE"), os.Getenv("FILELOG_TEST_DIR")
	runlogtest.Child(func() (deploy.Log, error) { return filelog.New(dir, nil) })
	if role == "" {
		os.Exit(m.Run())
	}
	err := fmt.Errorf("no such role: %q", role)
	switch role {
	case "limited":
		err = limited(dir)
	case "stops":
		err = stops(dir)
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

func TestProcesses(t *testing.T) {
	dir := t.TempDir()
	runlogtest.RunProcesses(t, func() (deploy.Log, error) { return filelog.New(dir, nil) }, &runlogtest.ProcessOptions{
		Env: []string{"FILELOG_TEST_DIR=" + dir}, Records: 100, Kills: 8,
	})
}
