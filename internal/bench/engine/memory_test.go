//go:build unix

package engine

import (
	"context"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/filelog"
)

// heap measures what is live while it runs as a step, in bytes.
type heap struct{ live *uint64 }

func (h *heap) Spec() any { return struct{}{} }

func (h *heap) Run(context.Context, *deploy.Call) error {
	runtime.GC()
	runtime.GC() // what a finalizer has let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	*h.live = m.HeapAlloc
	return nil
}

// growth runs n steps and returns by how many bytes the heap grew from the
// first to the last.
func growth(tb testing.TB, n int) float64 {
	tb.Helper()
	var first, last uint64
	dir := folder(tb)
	p := plan(dir, n)
	p.Steps[0].Do, p.Steps[n-1].Do = &heap{&first}, &heap{&last}
	log, err := filelog.New(filepath.Join(dir, "log"), nil)
	require.NoError(tb, err)
	r, err := deploy.New(log, nil)
	require.NoError(tb, err)
	_, err = r.Run(tb.Context(), "r1", p)
	require.NoError(tb, err)
	return float64(last) - float64(first)
}

// TestMemoryIsBounded: what a run keeps of a step that is done does not depend
// on how many there were, and is a few hundred bytes.
func TestMemoryIsBounded(t *testing.T) {
	const few, many = 500, 4000
	growth(t, few) // what is made once
	a, b := growth(t, few), growth(t, many)
	perStep := (b - a) / (many - few)
	t.Logf("%d steps: %.0f bytes, %d steps: %.0f bytes, %.0f a step between", few, a, many, b, perStep)
	require.Less(t, perStep, 512.0)
}

func BenchmarkHeapPerStep(b *testing.B) {
	var bytes float64
	for b.Loop() {
		bytes = growth(b, steps)
	}
	b.ReportMetric(bytes/steps, "live-B/step")
	b.ReportMetric(0, "ns/op")
}
