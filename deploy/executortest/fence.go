package executortest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/masaruk/devops/deploy"
)

// RunFencer proves the [deploy.Fencer] that newFencer makes, each check in a
// subtest with a name of its own. What newFencer returns is each time another
// program on the same host: the fence is what they have in common. Commands
// that such an Executor runs through its fence are proven by [Run], with a
// newExecutor that takes the host over first.
func RunFencer(t *testing.T, newFencer func() (deploy.Fencer, error)) {
	t.Helper()
	for _, c := range fenceChecks() {
		t.Run(c.name, func(t *testing.T) {
			if err := c.prove(t.Context(), newFencer, limit); err != nil {
				t.Error(err)
			}
		})
	}
}

// fenceCheck is one promise of a Fencer.
type fenceCheck struct {
	name string
	run  func(ctx context.Context, f *fenced) error
}

func (c fenceCheck) prove(ctx context.Context, newFencer func() (deploy.Fencer, error), limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, 2*limit)
	defer cancel()
	return c.run(ctx, &fenced{newFencer: newFencer, name: "executortest/" + strings.ToLower(rand.Text()), limit: limit})
}

func fenceChecks() []fenceCheck {
	return []fenceCheck{
		{"fence refuses epochs that are not higher", refusesEpochs},
		{"fence locks lower epochs out", locksOut},
		{"fence keeps names apart", namesApart},
		{"fence outlives the program", outlives},
		{"fence clears what runs", clears},
		{"fence leaves reading commands alone", leavesReaders},
		{"fence changes no command", changesNothing},
		{"fence holds among many", amongMany},
	}
}

// fenced takes a host over, each time as another program.
type fenced struct {
	newFencer func() (deploy.Fencer, error)
	name      string
	limit     time.Duration
}

// take takes the host over with an epoch and returns it.
func (f *fenced) take(ctx context.Context, name string, epoch uint64) (*host, error) {
	fencer, err := f.newFencer()
	if err != nil {
		return nil, fmt.Errorf("new fencer: %w", err)
	}
	ex, err := fencer.Fence(ctx, name, epoch)
	if err != nil {
		return nil, fmt.Errorf("Fence with epoch %d: %w", epoch, err)
	}
	if ex == nil {
		return nil, fmt.Errorf("Fence with epoch %d returned no Executor", epoch)
	}
	return &host{ex: ex, limit: f.limit}, nil
}

// mustRun wants a command of each kind to run.
func (h *host) mustRun(ctx context.Context, who string) error {
	for _, readOnly := range []bool{false, true} {
		cmd := sh("echo ran")
		cmd.ReadOnly = readOnly
		out, err := h.ok(ctx, cmd)
		if err == nil {
			err = same("Stdout", out, "ran\n")
		}
		if err != nil {
			return fmt.Errorf("%s, a command with ReadOnly %t: %w", who, readOnly, err)
		}
	}
	return nil
}

// mustBeOut wants a command that changes something refused, and one that reads
// not.
func (h *host) mustBeOut(ctx context.Context, who string) error {
	r, err := h.run(ctx, sh("echo ran"))
	switch {
	case err != nil:
		return err
	case r.stdout != "":
		return fmt.Errorf("%s: its command was run", who)
	case !errors.Is(r.err, deploy.ErrFenced):
		return fmt.Errorf("%s: Run returned %v, which does not wrap ErrFenced", who, r.err)
	}
	if _, ok := exitError(r.err); ok {
		return fmt.Errorf("%s: Run returned an ExitError for a command that it did not start", who)
	}
	cmd := sh("echo reads")
	cmd.ReadOnly = true
	if _, err := h.ok(ctx, cmd); err != nil {
		return fmt.Errorf("%s: a command that is ReadOnly was held back: %w", who, err)
	}
	return nil
}

// mustRefuse wants an epoch refused.
func (f *fenced) mustRefuse(ctx context.Context, epoch uint64, why string) error {
	if _, err := f.take(ctx, f.name, epoch); !errors.Is(err, deploy.ErrFenced) {
		return fmt.Errorf("Fence with epoch %d, %s: it returned %v, which does not wrap ErrFenced", epoch, why, err)
	}
	return nil
}

func refusesEpochs(ctx context.Context, f *fenced) error {
	fencer, err := f.newFencer()
	if err != nil {
		return err
	}
	ex, err := fencer.Fence(ctx, f.name, 5)
	if err != nil {
		return fmt.Errorf("Fence with epoch 5: %w", err)
	}
	holder := &host{ex: ex, limit: f.limit}
	for _, epoch := range []uint64{0, 4, 5} {
		if _, err := fencer.Fence(ctx, f.name, epoch); !errors.Is(err, deploy.ErrFenced) {
			return fmt.Errorf("Fence with epoch %d after epoch 5: it returned %v, which does not wrap ErrFenced", epoch, err)
		}
	}
	return holder.mustRun(ctx, "epoch 5, after lower ones were refused")
}

func locksOut(ctx context.Context, f *fenced) error {
	first, err := f.take(ctx, f.name, 1)
	if err != nil {
		return err
	}
	if err := first.mustRun(ctx, "epoch 1, before another came"); err != nil {
		return err
	}
	second, err := f.take(ctx, f.name, 2)
	if err != nil {
		return err
	}
	return errors.Join(first.mustBeOut(ctx, "epoch 1 after epoch 2"), second.mustRun(ctx, "epoch 2"))
}

func namesApart(ctx context.Context, f *fenced) error {
	one, err := f.take(ctx, f.name, 7)
	if err != nil {
		return err
	}
	other, err := f.take(ctx, f.name+"-other", 3)
	if err != nil {
		return fmt.Errorf("another name: %w", err)
	}
	return errors.Join(one.mustRun(ctx, "one name"), other.mustRun(ctx, "another name"))
}

func outlives(ctx context.Context, f *fenced) error {
	first, err := f.take(ctx, f.name, 3)
	if err != nil {
		return err
	}
	for _, epoch := range []uint64{2, 3} {
		if err := f.mustRefuse(ctx, epoch, "by a program that was started again after epoch 3"); err != nil {
			return err
		}
	}
	second, err := f.take(ctx, f.name, 4)
	if err != nil {
		return err
	}
	return errors.Join(first.mustBeOut(ctx, "epoch 3 after a program that was started again took epoch 4"), second.mustRun(ctx, "epoch 4"))
}

// clearScript ends by itself, so that a Fencer may also wait for it.
const clearScript = `
n='i=0; while [ $i -lt 50 ]; do sleep 0.1; i=$((i+1)); done'
echo $$
sh -c "echo \$\$; $n" &
eval "$n"
wait`

func clears(ctx context.Context, f *fenced) error {
	first, err := f.take(ctx, f.name, 1)
	if err != nil {
		return err
	}
	var out buffer
	cmd := sh(clearScript)
	cmd.Stdout, cmd.Grace = &out, 300*time.Millisecond
	done := first.begin(ctx, cmd)
	pids, err := out.lines(2, f.limit)
	if err != nil {
		return err
	}
	second, err := f.take(ctx, f.name, 2)
	if err != nil {
		return fmt.Errorf("while a command of epoch 1 ran: %w", err)
	}
	err = second.mustBeGone(ctx, pids...)
	if err != nil {
		err = fmt.Errorf("after Fence with epoch 2: %w", err)
	}
	_, hung := first.wait(done, cmd)
	return errors.Join(err, hung)
}

func leavesReaders(ctx context.Context, f *fenced) error {
	first, err := f.take(ctx, f.name, 1)
	if err != nil {
		return err
	}
	reader, finish := newGate()
	defer finish()
	var out buffer
	cmd := sh("echo begun; read -r x; echo ended")
	cmd.ReadOnly, cmd.Stdin, cmd.Stdout = true, reader(), &out
	done := first.begin(ctx, cmd)
	if _, err := out.lines(1, f.limit); err != nil {
		return err
	}
	if _, err := f.take(ctx, f.name, 2); err != nil {
		return fmt.Errorf("while a command that is ReadOnly ran: %w", err)
	}
	finish()
	r, err := first.wait(done, cmd)
	if err != nil {
		return err
	}
	if r.err != nil {
		return fmt.Errorf("a command that is ReadOnly was not left alone: %w", r.err)
	}
	return same("Stdout", out.String(), "begun\nended\n")
}

func changesNothing(ctx context.Context, f *fenced) error {
	h, err := f.take(ctx, f.name, 1)
	if err != nil {
		return err
	}
	return errors.Join(exitStatus(ctx, h), environment(ctx, h), secretsHidden(ctx, h))
}

// amongMany lets programs take over at once and run commands until the one of
// the highest epoch has the host, and once more. Those that begin after a higher
// epoch has the host must not run.
func amongMany(ctx context.Context, f *fenced) error {
	const programs = 8
	first, err := f.take(ctx, f.name, 1)
	if err != nil {
		return err
	}
	var (
		all     sync.WaitGroup
		mu      sync.Mutex
		bad     []error
		highest atomic.Uint64
	)
	begin := func(epoch uint64, h *host) {
		all.Go(func() {
			if err := f.oneOf(ctx, h, epoch, programs, &highest); err != nil {
				mu.Lock()
				defer mu.Unlock()
				bad = append(bad, err)
				highest.Store(programs) // lets the others end
			}
		})
	}
	begin(1, first)
	for epoch := uint64(2); epoch <= programs; epoch++ {
		begin(epoch, nil)
	}
	all.Wait()
	return errors.Join(bad...)
}

// oneOf is one program among many; h is nil where it has to take the host over
// first.
func (f *fenced) oneOf(ctx context.Context, h *host, epoch, programs uint64, highest *atomic.Uint64) error {
	if h == nil {
		var err error
		if h, err = f.take(ctx, f.name, epoch); errors.Is(err, deploy.ErrFenced) && epoch < programs {
			return nil
		} else if err != nil {
			return err
		}
	}
	for now := highest.Load(); now < epoch && !highest.CompareAndSwap(now, epoch); now = highest.Load() {
	}
	for over := uint64(0); over < programs; {
		over = highest.Load()
		r, err := h.run(ctx, sh("echo ran"))
		switch {
		case err != nil:
			return err
		case over > epoch && (r.stdout != "" || !errors.Is(r.err, deploy.ErrFenced)):
			return fmt.Errorf("epoch %d: its command was run, or not refused with ErrFenced, after epoch %d had the host: %v", epoch, over, r.err)
		case epoch == programs && r.err != nil:
			return fmt.Errorf("epoch %d, the highest: %w", epoch, r.err)
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
	}
	return nil
}
