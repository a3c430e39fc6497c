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

// All that the function makes share the fence, as programs on one host do.
func ExampleRunFencer() {
	_ = func(t *testing.T) {
		opts := &localexec.Options{Fence: t.TempDir()}
		executortest.RunFencer(t, func() (deploy.Fencer, error) { return localexec.New(opts) })
	}
	// Output:
}
