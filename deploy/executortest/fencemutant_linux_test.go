package executortest_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/deploy/executortest"
)

// fencer is a Fencer whose Fence is a function.
type fencer struct {
	deploy.Executor
	fence func(ctx context.Context, name string, epoch uint64) (deploy.Executor, error)
}

func (f fencer) Fence(ctx context.Context, name string, epoch uint64) (deploy.Executor, error) {
	return f.fence(ctx, name, epoch)
}

// hosts is what programs on one host have in common: a good fence, and the
// epochs of a bad one.
type hosts struct {
	folder string
	mu     sync.Mutex
	epochs map[string]uint64
}

func (h *hosts) good() (*localexec.Executor, error) {
	return localexec.New(&localexec.Options{Fence: h.folder})
}

// changed makes a Fencer of the good one that differs in what change says.
func (h *hosts) changed(change func(good *localexec.Executor, ctx context.Context, name string, epoch uint64) (deploy.Executor, error)) func() (deploy.Fencer, error) {
	return func() (deploy.Fencer, error) {
		good, err := h.good()
		return fencer{good, func(ctx context.Context, name string, epoch uint64) (deploy.Executor, error) {
			return change(good, ctx, name, epoch)
		}}, err
	}
}

// onCommands changes the commands that go through the fence.
func (h *hosts) onCommands(run func(ctx context.Context, fenced deploy.Executor, cmd deploy.Command) (deploy.Result, error)) func() (deploy.Fencer, error) {
	return h.changed(func(good *localexec.Executor, ctx context.Context, name string, epoch uint64) (deploy.Executor, error) {
		fenced, err := good.Fence(ctx, name, epoch)
		return deploy.ExecutorFunc(func(ctx context.Context, cmd deploy.Command) (deploy.Result, error) {
			return run(ctx, fenced, cmd)
		}), err
	})
}

// looksOnly compares epochs, and ends nothing.
func (h *hosts) looksOnly(good *localexec.Executor, _ context.Context, name string, epoch uint64) (deploy.Executor, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if epoch <= h.epochs[name] {
		return nil, deploy.ErrFenced
	}
	h.epochs[name] = epoch
	return deploy.ExecutorFunc(func(ctx context.Context, cmd deploy.Command) (deploy.Result, error) {
		h.mu.Lock()
		lost := h.epochs[name] != epoch
		h.mu.Unlock()
		if lost && !cmd.ReadOnly {
			return deploy.Result{}, deploy.ErrFenced
		}
		return good.Run(ctx, cmd)
	}), nil
}

// fenceMutant is a fence with one fault, and the check that must notice it.
type fenceMutant struct {
	name, check, report string
	newFencer           func(t *testing.T, h *hosts) func() (deploy.Fencer, error)
}

func fenceMutants() []fenceMutant {
	unfenced := func(_ *testing.T, h *hosts) func() (deploy.Fencer, error) {
		return h.changed(func(good *localexec.Executor, ctx context.Context, name string, epoch uint64) (deploy.Executor, error) {
			_, err := good.Fence(ctx, name, epoch)
			return good, err
		})
	}
	return []fenceMutant{
		{"takes any epoch", "fence refuses epochs that are not higher", "epoch 0 after epoch 5: it returned <nil>", func(_ *testing.T, h *hosts) func() (deploy.Fencer, error) {
			return h.changed(func(good *localexec.Executor, ctx context.Context, name string, epoch uint64) (deploy.Executor, error) {
				h.mu.Lock()
				defer h.mu.Unlock()
				h.epochs[name]++
				return good.Fence(ctx, name, h.epochs[name])
			})
		}},
		{"a refusal takes the host", "fence refuses epochs that are not higher", "after lower ones were refused", func(_ *testing.T, h *hosts) func() (deploy.Fencer, error) {
			return h.changed(func(good *localexec.Executor, ctx context.Context, name string, epoch uint64) (deploy.Executor, error) {
				ex, err := good.Fence(ctx, name, epoch)
				if err != nil {
					_, _ = good.Fence(ctx, name, epoch+100)
				}
				return ex, err
			})
		}},
		{"plain error for a refusal", "fence refuses epochs that are not higher", "does not wrap ErrFenced", func(_ *testing.T, h *hosts) func() (deploy.Fencer, error) {
			return h.changed(func(good *localexec.Executor, ctx context.Context, name string, epoch uint64) (deploy.Executor, error) {
				ex, err := good.Fence(ctx, name, epoch)
				if err != nil {
					err = errors.New(err.Error())
				}
				return ex, err
			})
		}},
		{"locks nobody out", "fence locks lower epochs out", "epoch 1 after epoch 2: its command was run", unfenced},
		{"holds readers back", "fence locks lower epochs out", "a command that is ReadOnly was held back", func(_ *testing.T, h *hosts) func() (deploy.Fencer, error) {
			return h.onCommands(func(ctx context.Context, fenced deploy.Executor, cmd deploy.Command) (deploy.Result, error) {
				cmd.ReadOnly = false
				return fenced.Run(ctx, cmd)
			})
		}},
		{"one fence for all names", "fence keeps names apart", "another name: Fence with epoch 3", func(_ *testing.T, h *hosts) func() (deploy.Fencer, error) {
			return h.changed(func(good *localexec.Executor, ctx context.Context, _ string, epoch uint64) (deploy.Executor, error) {
				return good.Fence(ctx, "all", epoch)
			})
		}},
		{"forgets with the program", "fence outlives the program", "started again after epoch 3: it returned <nil>", func(t *testing.T, _ *hosts) func() (deploy.Fencer, error) {
			return func() (deploy.Fencer, error) { return localexec.New(&localexec.Options{Fence: t.TempDir()}) }
		}},
		{"ends nothing", "fence clears what runs", "processes of the group were running", func(_ *testing.T, h *hosts) func() (deploy.Fencer, error) {
			return h.changed(h.looksOnly)
		}},
		{"ends readers", "fence leaves reading commands alone", "was not left alone", func(_ *testing.T, h *hosts) func() (deploy.Fencer, error) {
			return h.onCommands(func(ctx context.Context, fenced deploy.Executor, cmd deploy.Command) (deploy.Result, error) {
				cmd.ReadOnly = false
				return fenced.Run(ctx, cmd)
			})
		}},
		{"swallows the exit status", "fence changes no command", "not an ExitError", func(_ *testing.T, h *hosts) func() (deploy.Fencer, error) {
			return h.onCommands(func(ctx context.Context, fenced deploy.Executor, cmd deploy.Command) (deploy.Result, error) {
				res, err := fenced.Run(ctx, cmd)
				if errors.As(err, new(*deploy.ExitError)) {
					err = nil
				}
				return res, err
			})
		}},
		{"locks nobody out, among many", "fence holds among many", "had the host", unfenced},
		{"no Executor", "fence holds among many", "returned no Executor", func(_ *testing.T, h *hosts) func() (deploy.Fencer, error) {
			return h.changed(func(*localexec.Executor, context.Context, string, uint64) (deploy.Executor, error) { return nil, nil })
		}},
	}
}

func TestKitNoticesBrokenFences(t *testing.T) {
	noticed := map[string]bool{}
	for _, m := range fenceMutants() {
		noticed[m.check] = true
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			h := &hosts{folder: t.TempDir(), epochs: map[string]uint64{}}
			err := executortest.ProveFencer(t.Context(), m.check, m.newFencer(t, h), time.Minute)
			require.ErrorContains(t, err, m.report)
		})
	}
	require.ElementsMatch(t, executortest.FenceNames(), slices.Collect(maps.Keys(noticed)), "each check needs a fault that it notices")
}

func TestKitReportsNewFencerThatFails(t *testing.T) {
	failed := fmt.Errorf("no such host")
	for _, name := range executortest.FenceNames() {
		err := executortest.ProveFencer(t.Context(), name, func() (deploy.Fencer, error) { return nil, failed }, hangs)
		require.ErrorIs(t, err, failed, strings.ToUpper(name))
	}
}
