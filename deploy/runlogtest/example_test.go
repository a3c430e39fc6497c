package runlogtest_test

import (
	"testing"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/filelog"
	"github.com/masaruk/devops/deploy/runlogtest"
)

func ExampleRun() {
	// In a test file of the adapter:
	_ = func(t *testing.T) {
		runlogtest.Run(t, func() (deploy.Log, error) { return filelog.New(t.TempDir(), nil) })
	}
	// Output:
}
