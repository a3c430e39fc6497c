package deploy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// ErrStopped is why a run turned back that was told to stop; see
// [Options.Stop].
var ErrStopped = errors.New("told to stop before the next step")

// defaultGrace is what most supervisors wait at least before they kill.
const defaultGrace = 30 * time.Second

// Signals turns SIGTERM and the interrupt of a terminal into what [Runner.Run]
// understands: the first closes stop, so that the run turns back within its
// grace; the second ends the context, which leaves the run to be continued.
// Call release when the run is over; signals have their usual effect again.
//
//	ctx, stop, release := deploy.Signals(ctx)
//	defer release()
//	runner, err := deploy.New(log, &deploy.Options{Stop: stop})
//	report, err := runner.Run(ctx, id, plan)
func Signals(ctx context.Context) (_ context.Context, stop <-chan struct{}, release func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	got := make(chan os.Signal, 2)
	signal.Notify(got, os.Interrupt, syscall.SIGTERM)
	first, over := make(chan struct{}), make(chan struct{})
	go func() {
		select {
		case <-got:
			close(first)
		case <-over:
			return
		}
		select {
		case s := <-got:
			cancel(fmt.Errorf("second signal: %s", s))
		case <-over:
		}
	}()
	return ctx, first, sync.OnceFunc(func() {
		signal.Stop(got)
		close(over)
		cancel(nil)
	})
}

// withGrace returns a context that ends when the grace after the stop is over.
func (x *execution) withGrace(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	if x.opts.Stop == nil || x.opts.Grace < 0 {
		return ctx, func() { cancel(nil) }
	}
	grace := orDur(x.opts.Grace, defaultGrace)
	go func() {
		select {
		case <-ctx.Done():
			return
		case <-x.opts.Stop:
		}
		t := time.NewTimer(grace)
		defer t.Stop()
		select {
		case <-ctx.Done():
		case <-t.C:
			cancel(fmt.Errorf("the grace of %s after the stop is over", grace))
		}
	}()
	return ctx, func() { cancel(nil) }
}

// stopping tells that no further step may begin.
func (x *execution) stopping() bool {
	select {
	case <-x.opts.Stop:
		return true
	default:
		return false
	}
}
