package deploy

import (
	"context"
	"errors"
	"fmt"
)

// ErrFenced reports a command that was not started, or a takeover that was
// refused, because a later controller holds the host. Whoever gets it has lost
// its place, as with [ErrConflict], and has changed nothing by that command.
var ErrFenced = errors.New("another controller has taken over the host")

// Fencer is an [Executor] that keeps a controller which has lost its place off
// the host. The [Runner] looks for it on [Options.Executor] itself and not
// through Unwrap, since what is behind a wrapper does not have the wrapper's
// behaviour: a wrapper that is to keep the fence has a Fence method of its own.
// An Executor without one is not fenced; the log alone then keeps controllers
// apart, which cannot hold back a command that is about to start. Package
// executortest has a section that proves a Fencer.
type Fencer interface {
	Executor

	// Fence takes the host over under name for the controller of the given
	// epoch. The Runner calls it once for each Run and each TakeOver, after the
	// record that took the run up is durable and before anything has an effect; name is the
	// stream of the log, and epoch the number of that record, so that a later
	// controller has a higher one. Names do not touch each other.
	//
	// When Fence returns nil, no command that changes anything and was begun
	// through an executor of the same name and a lower epoch runs, and none
	// will start: such a Run returns an error that wraps [ErrFenced].
	// Commands that are ReadOnly are not held back, and what a command that
	// ended has left running is no part of it. Fence ends or waits for
	// what runs; where it can do neither, it names what holds it up within a
	// bounded time, or when ctx ends, and the lower epochs stay locked out.
	//
	// An epoch that is not higher than all before it is refused with an error
	// that wraps [ErrFenced]. Epochs of different logs cannot be compared, so
	// a fence belongs to one log. It is safe for concurrent use; nothing needs
	// to be closed.
	Fence(ctx context.Context, name string, epoch uint64) (Executor, error)
}

// raiseFence locks earlier controllers of the run out of the host.
func (x *execution) raiseFence(ctx context.Context) error {
	x.exec = x.opts.Executor
	f, ok := x.exec.(Fencer)
	if !ok {
		return nil
	}
	fenced, err := f.Fence(ctx, x.journal.stream, x.epoch)
	if err != nil {
		return fmt.Errorf("%s run %s: taking the host over: %w", x.name(), x.id, err)
	}
	x.exec = fenced
	return nil
}
