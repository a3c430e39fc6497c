//go:build unix

package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/filelog"
	"github.com/masaruk/devops/envconfig"
)

// steps is how many there are in a run.
const steps = 10000

// write is an effect with a real fsync.
type write struct{ Path string }

func (w *write) Spec() any { return w }

func (w *write) Run(context.Context, *deploy.Call) error { return w.do() }

func (w *write) do() error {
	f, err := os.Create(w.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString("done\n"); err != nil {
		return err
	}
	return f.Sync()
}

// folder is one in memory, where there is one, so that the disk does not
// decide.
func folder(tb testing.TB) string {
	tb.Helper()
	const memory = "/dev/shm"
	if _, err := os.Stat(memory); err != nil {
		return tb.TempDir()
	}
	dir, err := os.MkdirTemp(memory, "devops-bench-")
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, os.RemoveAll(dir)) })
	return dir
}

func plan(dir string, n int) deploy.Plan {
	p := deploy.Plan{Service: "api", Env: envconfig.Development()}
	for i := range n {
		p.Steps = append(p.Steps, deploy.Step{
			Name: fmt.Sprint("step-", i), InFlight: deploy.Repeat, Do: &write{filepath.Join(dir, fmt.Sprint(i))},
		})
	}
	return p
}

// cost is what a part of the benchmark took.
type cost struct{ wall, cpu time.Duration }

// measure returns the cost of f, with the processor time of all threads.
func measure(b *testing.B, f func()) cost {
	b.Helper()
	used := func() time.Duration {
		var u syscall.Rusage
		require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	cpu, wall := used(), time.Now()
	f()
	return cost{time.Since(wall), used() - cpu}
}

// BenchmarkTenThousandSteps runs plan and loop in turn, and reports the time a
// step takes in each, as the median of the runs. The loop keeps no log, so
// what is above it is the log on the same file system, with two records and
// syncs a step, and the engine. The processor time says the same on a machine
// that is busy with other work.
func BenchmarkTenThousandSteps(b *testing.B) {
	var engine, loop, above, cpu []time.Duration
	for b.Loop() {
		dir := folder(b)
		p := plan(dir, steps)
		plain := measure(b, func() {
			for _, s := range p.Steps {
				require.NoError(b, s.Do.(*write).do())
			}
		})
		log, err := filelog.New(filepath.Join(dir, "log"), nil)
		require.NoError(b, err)
		r, err := deploy.New(log, nil)
		require.NoError(b, err)
		run := measure(b, func() {
			report, err := r.Run(b.Context(), "r1", p)
			require.NoError(b, err)
			require.Len(b, report.Steps, steps)
		})
		engine, loop = append(engine, run.wall), append(loop, plain.wall)
		above, cpu = append(above, run.wall-plain.wall), append(cpu, run.cpu-plain.cpu)
	}
	perStep := func(all []time.Duration) float64 {
		slices.Sort(all)
		return float64(all[len(all)/2].Nanoseconds()) / 1000 / steps
	}
	b.ReportMetric(perStep(engine), "engine-us/step")
	b.ReportMetric(perStep(loop), "loop-us/step")
	b.ReportMetric(perStep(above), "above-us/step")
	b.ReportMetric(perStep(cpu), "above-cpu-us/step")
	b.ReportMetric(0, "ns/op")
}

func TestThePlanHasTheSameEffects(t *testing.T) {
	dir := t.TempDir()
	log, err := filelog.New(filepath.Join(dir, "log"), nil)
	require.NoError(t, err)
	r, err := deploy.New(log, nil)
	require.NoError(t, err)
	_, err = r.Run(t.Context(), "r1", plan(dir, 20))
	require.NoError(t, err)
	for i := range 20 {
		text, err := os.ReadFile(filepath.Join(dir, fmt.Sprint(i)))
		require.NoError(t, err)
		require.Equal(t, "done\n", string(text))
	}
}
