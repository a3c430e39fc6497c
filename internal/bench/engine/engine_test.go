package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
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

// BenchmarkTenThousandSteps runs plan and loop in turn, and reports the time a
// step takes in each. The loop keeps no log, so what is above it is the log on
// the same file system, with two records and syncs a step, and the engine.
func BenchmarkTenThousandSteps(b *testing.B) {
	var engine, loop time.Duration
	runs := 0
	for b.Loop() {
		dir := folder(b)
		p := plan(dir, steps)
		began := time.Now()
		for _, s := range p.Steps {
			require.NoError(b, s.Do.(*write).do())
		}
		loop += time.Since(began)

		log, err := filelog.New(filepath.Join(dir, "log"), nil)
		require.NoError(b, err)
		r, err := deploy.New(log, nil)
		require.NoError(b, err)
		began = time.Now()
		report, err := r.Run(b.Context(), "r1", p)
		require.NoError(b, err)
		engine += time.Since(began)
		require.Len(b, report.Steps, steps)
		runs++
	}
	perStep := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(runs*steps) }
	b.ReportMetric(perStep(engine), "engine-us/step")
	b.ReportMetric(perStep(loop), "loop-us/step")
	b.ReportMetric(perStep(engine-loop), "above-us/step")
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
