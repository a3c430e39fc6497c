//go:build !unix

package localexec

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/masaruk/devops/deploy"
)

// running and ending have no counterpart without process groups.
type running struct{}

type ending struct {
	cause    error
	grace    time.Duration
	killed   bool
	leftover []string
	err      error
}

// launch refuses: a command whose children cannot be ended with it would break
// the promise of deploy.Executor.
func launch(context.Context, *prepared, deploy.Command, *claim) (*running, error) {
	return nil, fmt.Errorf("process groups on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

func (*running) settle(context.Context, time.Duration) ending { return ending{} }

func (*running) drain(context.Context) error { return nil }

func (*running) result() deploy.Result { return deploy.Result{} }
