package sinktest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/monitor"
	"github.com/masaruk/devops/monitor/sinktest"
)

// destination keeps what arrives, and can be broken.
type destination struct {
	mu    sync.Mutex
	all   []sinktest.Arrival
	fault sinktest.Fault
	works chan struct{} // closed when it works again
}

func (d *destination) do(f sinktest.Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.works != nil {
		close(d.works)
		d.works = nil
	}
	if d.fault = f; f == sinktest.Hangs {
		d.works = make(chan struct{})
	}
}

// take lets one transition arrive.
func (d *destination) take(ctx context.Context, t monitor.Transition) error {
	d.mu.Lock()
	fault, works := d.fault, d.works
	if fault == sinktest.Works {
		d.all = append(d.all, sinktest.Arrival{Check: t.Check, Kind: t.Kind, Seq: t.Seq})
	}
	d.mu.Unlock()
	switch fault {
	case sinktest.Fails:
		return errors.New("503")
	case sinktest.Hangs:
		select {
		case <-works:
			return errors.New("hung up")
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func (d *destination) arrived() []sinktest.Arrival {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.all)
}

// faulty makes targets whose sink is made by newSink.
func faulty(newSink func(d *destination) monitor.SinkFunc) func() (*sinktest.Target, error) {
	return func() (*sinktest.Target, error) {
		d := &destination{}
		return &sinktest.Target{Sink: newSink(d), Arrived: d.arrived, Break: d.do}, nil
	}
}

func good(d *destination) monitor.SinkFunc {
	return func(ctx context.Context, ts []monitor.Transition) error {
		for _, t := range ts {
			if err := d.take(ctx, t); err != nil {
				return err
			}
		}
		return nil
	}
}

func TestAGoodSinkPasses(t *testing.T) {
	sinktest.Run(t, faulty(good))
	require.NotEmpty(t, sinktest.Checks())
}

// asks is a sink that looks at errors without care.
func asks(d *destination) monitor.SinkFunc {
	return func(ctx context.Context, ts []monitor.Transition) error {
		for _, t := range ts {
			if t.Result.Status == monitor.Fail {
				_ = t.Result.Err.Error()
			}
		}
		return good(d)(ctx, ts)
	}
}

func TestBrokenSinksFail(t *testing.T) {
	leak := make(chan struct{})
	defer close(leak)
	for _, tc := range []struct {
		name, check, want string
		sink              func(d *destination) monitor.SinkFunc
	}{
		{"drops one of a batch", "delivers", "were taken", func(d *destination) monitor.SinkFunc {
			return func(ctx context.Context, ts []monitor.Transition) error { return good(d)(ctx, ts[:max(1, len(ts)-1)]) }
		}},
		{"sends backwards", "delivers", "were taken", func(d *destination) monitor.SinkFunc {
			return func(ctx context.Context, ts []monitor.Transition) error {
				slices.Reverse(ts)
				return good(d)(ctx, ts)
			}
		}},
		{"has a queue of its own", "delivers", "right after Send returned nil", func(d *destination) monitor.SinkFunc {
			var queue []monitor.Transition
			return func(ctx context.Context, ts []monitor.Transition) error {
				before := queue
				queue = slices.Clone(ts)
				return good(d)(ctx, before)
			}
		}},
		{"always fails", "delivers", "503", func(*destination) monitor.SinkFunc {
			return func(context.Context, []monitor.Transition) error { return errors.New("503") }
		}},
		{"hides failures", "destination fails", "Send returned nil", func(d *destination) monitor.SinkFunc {
			return func(ctx context.Context, ts []monitor.Transition) error {
				_ = good(d)(ctx, ts)
				return nil
			}
		}},
		{"gives up for good", "destination fails", "works again", func(d *destination) monitor.SinkFunc {
			var broken error
			return func(ctx context.Context, ts []monitor.Transition) error {
				if broken == nil {
					broken = good(d)(ctx, ts)
				}
				return broken
			}
		}},
		{"takes what failed for sent", "destination fails", "were taken", func(d *destination) monitor.SinkFunc {
			var last uint64
			return func(ctx context.Context, ts []monitor.Transition) error {
				for _, t := range ts {
					if t.Seq <= last {
						continue
					}
					last = t.Seq
					if err := d.take(ctx, t); err != nil {
						return err
					}
				}
				return nil
			}
		}},
		{"hides that it hung", "destination hangs", "Send returned nil", func(d *destination) monitor.SinkFunc {
			return func(ctx context.Context, ts []monitor.Transition) error {
				if err := good(d)(ctx, ts); ctx.Err() == nil {
					return err
				}
				return nil
			}
		}},
		{"loses what it is given late", "ended context", "were taken", func(d *destination) monitor.SinkFunc {
			return func(ctx context.Context, ts []monitor.Transition) error {
				if ctx.Err() != nil {
					return nil
				}
				return good(d)(ctx, ts)
			}
		}},
		{"changes a label", "keeps nothing", "changed transition", func(d *destination) monitor.SinkFunc {
			return func(ctx context.Context, ts []monitor.Transition) error {
				for _, t := range ts {
					t.Labels["seen"] = "yes"
				}
				return good(d)(ctx, ts)
			}
		}},
		{"keeps the slice", "keeps nothing", "kept the slice", func(d *destination) monitor.SinkFunc {
			var kept []monitor.Transition
			return func(ctx context.Context, ts []monitor.Transition) error {
				before := kept
				kept = ts
				return good(d)(ctx, before)
			}
		}},
		{"asks errors without care", "odd transitions", "Send panicked", asks},
		{"refuses an unknown kind", "odd transitions", "of an unknown kind", func(*destination) monitor.SinkFunc {
			return func(_ context.Context, ts []monitor.Transition) error {
				if ts[0].Kind == "something_new" {
					return errors.New("no such kind")
				}
				return nil
			}
		}},
		{"hides failures from a monitor", "monitor, destination fails", "no call of Send failed", func(d *destination) monitor.SinkFunc {
			return func(ctx context.Context, ts []monitor.Transition) error {
				if good(d)(ctx, ts) != nil {
					<-ctx.Done() // so that the queue overflows
				}
				return nil
			}
		}},
		{"leaves a goroutine", "delivers", "goroutines are left", func(d *destination) monitor.SinkFunc {
			return func(ctx context.Context, ts []monitor.Transition) error {
				go func() { <-leak }()
				return good(d)(ctx, ts)
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.ErrorContains(t, sinktest.Prove(t.Context(), tc.check, faulty(tc.sink)), tc.want)
		})
	}
}

func TestTheTargetHasToBeThere(t *testing.T) {
	for _, check := range sinktest.Checks() {
		require.ErrorContains(t, sinktest.Prove(t.Context(), check, func() (*sinktest.Target, error) { return &sinktest.Target{}, nil }), "no sink")
		require.ErrorContains(t, sinktest.Prove(t.Context(), check, func() (*sinktest.Target, error) { return nil, errors.New("no port") }), "no port")
	}
}
