package progress

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

func TestNewRefuses(t *testing.T) {
	for want, make := range map[string]func() (*Printer, error){
		"Writer is nil":       func() (*Printer, error) { return New(nil, nil) },
		"both Plain and Live": func() (*Printer, error) { return New(&bytes.Buffer{}, &Options{Plain: true, Live: true}) },
		"-1 columns":          func() (*Printer, error) { return New(&bytes.Buffer{}, &Options{Width: -1}) },
	} {
		_, err := make()
		require.ErrorContains(t, err, want)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestFailingWriterIsReportedOnce(t *testing.T) {
	full := errors.New("no space left")
	for want, w := range map[string]writerFunc{
		"no space left":          func([]byte) (int, error) { return 0, full },
		"short write":            func([]byte) (int, error) { return 1, nil },
		"panic of the Writer: x": func([]byte) (int, error) { panic("x") },
	} {
		calls := 0
		p, err := New(writerFunc(func(b []byte) (int, error) { calls++; return w(b) }), &Options{Plain: true})
		require.NoError(t, err)
		story(p.Handle, func(time.Duration) {})
		require.ErrorContains(t, p.Close(), want)
		require.ErrorContains(t, p.Close(), want, "closing again")
		require.Equal(t, 1, calls, "a Writer that failed gets nothing more")
	}
}

func TestHangingWriterHoldsUpNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var got strings.Builder
		p, err := New(writerFunc(func(b []byte) (int, error) { <-release; return got.Write(b) }), &Options{Plain: true})
		require.NoError(t, err)
		began := time.Now()
		for range 3 * queueLength {
			p.Handle(deploy.StepFinished{Run: "r", Step: "s", Outcome: deploy.Succeeded})
			p.Handle(deploy.StepOutput{Run: "r", Step: "s"})
		}
		require.Zero(t, time.Since(began), "Handle does not wait")
		require.ErrorContains(t, p.Close(), "has not returned")
		require.Equal(t, closeWait, time.Since(began))
		close(release)
		synctest.Wait()
		require.ErrorContains(t, p.Close(), "events were not shown")
		n := strings.Count(got.String(), "ok")
		require.InDelta(t, queueLength, n, 1)
		require.EqualValues(t, 3*queueLength-n, p.dropped.Load(), "each event is shown or counted")
	})
}

func TestHandleAfterClose(t *testing.T) {
	var out bytes.Buffer
	p, err := New(&out, nil)
	require.NoError(t, err)
	require.NoError(t, p.Close())
	for range 2 * queueLength {
		p.Handle(deploy.RunFinished{})
	}
	require.NoError(t, p.Close())
	require.Empty(t, out.String())
}

// Events of runs side by side, from many goroutines: each is shown once.
func TestConcurrentUse(t *testing.T) {
	s := &screen{width: 70}
	p, err := New(s, &Options{Live: true, Width: 70})
	require.NoError(t, err)
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			id := deploy.RunID(fmt.Sprint("r", i))
			p.Handle(deploy.RunStarted{Run: id})
			for j := range 20 {
				name := fmt.Sprintf("step-%d-%d", i, j)
				p.Handle(deploy.StepStarted{Run: id, Step: name})
				p.Handle(deploy.StepFinished{Run: id, Step: name, Outcome: deploy.Succeeded})
			}
			p.Handle(deploy.RunFinished{Run: id, Outcome: deploy.Succeeded})
		})
	}
	wg.Wait()
	require.NoError(t, p.Close())
	require.Empty(t, s.faults)
	text := s.String()
	for i := range 10 {
		for j := range 20 {
			require.Equal(t, 1, strings.Count(text, fmt.Sprintf("step-%d-%d ", i, j)))
		}
	}
	require.NotContains(t, text, "…")
}

// Whatever the events hold, no line is too wide and nothing but the Printer
// controls the terminal.
func TestAnyTextFitsAnyWidth(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 5))
	pieces := []string{"a", "word ", "日本", "é", "e\u0301", "\t", "\r", "\n", "\x1b[2J", "\x1b]0;x\x07", "\x1b", "\x9b31m", "\u202e", "\xff", strings.Repeat("x", 50), "🚀"}
	text := func() string {
		var b strings.Builder
		for range r.IntN(12) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		return b.String()
	}
	outcomes := []deploy.Outcome{deploy.Succeeded, deploy.Failed, deploy.Undone, deploy.UndoFailed, deploy.Held, deploy.Interrupted, "new\x1b[2J"}
	for range 300 {
		width := 12 + r.IntN(90)
		s := &screen{width: width}
		v := &liveView{r: renderer{marks: liveMarks, color: true, width: func() int { return width }}}
		for range 20 {
			var e deploy.Event
			switch r.IntN(5) {
			case 0:
				e = deploy.RunStarted{Run: deploy.RunID(text()), Service: text(), Environment: text(), Steps: []string{text(), text()}}
			case 1:
				e = deploy.StepStarted{Step: text(), Host: text(), Attempt: r.IntN(3)}
			case 2:
				e = deploy.StepFinished{Step: text(), Host: text(), Outcome: outcomes[r.IntN(len(outcomes))], Err: errors.New(text()), Tail: []byte(text()), Retry: r.IntN(3) == 0}
			case 3:
				e = deploy.RunFinished{Run: deploy.RunID(text()), Outcome: outcomes[r.IntN(len(outcomes))], Err: errors.New(text())}
			case 4:
				e = deploy.LogRepaired{Stream: text(), Seq: r.Uint64()}
			}
			_, _ = s.Write([]byte(v.event(e)))
		}
		_, _ = s.Write([]byte(v.end(time.Now())))
		require.Empty(t, s.faults, "width %d", width)
	}
}

func TestQuietOnTerminalDrawsNothingForSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &screen{width: 60}
		p, err := New(s, &Options{Live: true, Quiet: true, Width: 60})
		require.NoError(t, err)
		p.Handle(deploy.StepStarted{Run: "r", Step: "build"})
		time.Sleep(time.Minute) // of the bubble
		require.NoError(t, p.Close())
		require.Zero(t, s.writes)
	})
}

func TestOnlyChangesAreDrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &screen{width: 60}
		p, err := New(s, &Options{Live: true, Width: 60})
		require.NoError(t, err)
		p.Handle(deploy.StepStarted{Run: "r", Step: "build"})
		time.Sleep(10 * time.Minute) // of the bubble; from the second minute on the seconds have no fraction
		p.Handle(deploy.StepFinished{Run: "r", Step: "build", Outcome: deploy.Succeeded})
		synctest.Wait()
		seen := s.writes
		require.LessOrEqual(t, seen, 600+9*60+5)
		time.Sleep(time.Hour)
		require.NoError(t, p.Close())
		require.Equal(t, seen, s.writes, "no step runs, so nothing is written")
	})
}

func TestManyRunningStepsAreCounted(t *testing.T) {
	s := &screen{width: 60}
	v := &liveView{r: renderer{marks: liveMarks, width: func() int { return 60 }}}
	for i := range 12 {
		_, _ = s.Write([]byte(v.event(deploy.StepStarted{Run: "r", Step: "build", Host: fmt.Sprint("web-", i)})))
	}
	require.Equal(t, maxActive, strings.Count(s.String(), "… build on web-"))
	require.Contains(t, s.String(), "and 4 more")
	require.Empty(t, s.faults)
}

func TestTailIsTheEnd(t *testing.T) {
	var out strings.Builder
	for i := range 50 {
		fmt.Fprintf(&out, "line %d\r\n", i)
	}
	r := renderer{marks: plainMarks}
	text := r.event(deploy.StepFinished{Step: "build", Outcome: deploy.Failed, Tail: []byte(out.String())})
	require.Equal(t, tailLines, strings.Count(text, "| "))
	require.True(t, strings.HasSuffix(text, "| line 49\n"))
}
