package execlog_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/deploy/runlog/execlog"
	"github.com/masaruk/devops/deploy/runlogtest"
)

const dirVar = "EXECLOG_TEST_DIR"

func TestMain(m *testing.M) {
	runlogtest.Child(func() (deploy.Log, error) { return open(os.Getenv(dirVar)) })
	os.Exit(m.Run())
}

func open(dir string) (deploy.Log, error) {
	ex, err := localexec.New(nil)
	if err != nil {
		return nil, err
	}
	return execlog.New(ex, dir, nil)
}

func TestProcesses(t *testing.T) {
	dir, err := os.MkdirTemp("", "execlog")
	require.NoError(t, err)
	t.Cleanup(func() { // the commands of a killed process may run on for a moment
		limit := time.Now().Add(time.Minute)
		for err = os.RemoveAll(dir); err != nil && time.Now().Before(limit); err = os.RemoveAll(dir) {
			t.Log(err)
		}
		require.NoError(t, err)
	})
	runlogtest.RunProcesses(t, func() (deploy.Log, error) { return open(dir) }, &runlogtest.ProcessOptions{Env: []string{dirVar + "=" + dir}})
}
