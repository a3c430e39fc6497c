package executortest_test

import (
	"testing"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/deploy/executortest"
)

// A test of the adapter hands its constructor to the kit.
func Example() {
	_ = func(t *testing.T) {
		executortest.Run(t, func() (deploy.Executor, error) {
			return localexec.New(&localexec.Options{})
		})
	}
	// Output:
}
