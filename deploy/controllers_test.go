package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/filelog"
)

// counted is a ledger that many controllers write to.
type counted struct {
	mu     sync.Mutex
	counts map[string]int
}

func (c *counted) add(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[name]++
}

// once is a plan of n steps of which none may be started twice.
func (c *counted) once(n int) deploy.Plan {
	p := plan()
	for i := range n {
		name := fmt.Sprint("s", i)
		p.Steps = append(p.Steps, deploy.Step{Name: name, Do: deploy.Func(name, "1", func(context.Context, *deploy.Call) error {
			c.add(name)
			return nil
		})})
	}
	return p
}

// TestControllersThatRaceStartNoStepTwice, in one process, each with a Log of
// its own on the same files, while somebody decides about the run.
func TestControllersThatRaceStartNoStepTwice(t *testing.T) {
	for round := range 5 {
		dir := filepath.Join(t.TempDir(), "log")
		led := &counted{counts: map[string]int{}}
		p := led.once(4)
		open := func() *deploy.Runner {
			log, err := filelog.New(dir, nil)
			require.NoError(t, err)
			return newRunner(t, log, nil)
		}
		var wg sync.WaitGroup
		for i := range 4 {
			r := open()
			wg.Go(func() {
				_, err := r.Run(context.Background(), "r1", p)
				if err != nil && !errors.Is(err, deploy.ErrConflict) && !errors.Is(err, deploy.ErrHeld) {
					t.Errorf("round %d, controller %d: %v", round, i, err)
				}
			})
		}
		wg.Wait()
		r := open()
		rep, err := r.Run(t.Context(), "r1", p)
		for errors.Is(err, deploy.ErrHeld) {
			var held *deploy.HeldError
			require.ErrorAs(t, err, &held)
			answer := deploy.AnswerDone
			if led.counts[held.Step] == 0 {
				answer = deploy.AnswerRepeat
			}
			require.NoError(t, r.Decide(t.Context(), p.Ref("r1"), held.Step, deploy.Decision{Answer: answer, By: "test"}))
			rep, err = r.Run(t.Context(), "r1", p)
		}
		require.NoError(t, err)
		require.Equal(t, deploy.Succeeded, rep.Outcome)
		require.Equal(t, map[string]int{"s0": 1, "s1": 1, "s2": 1, "s3": 1}, led.counts)
	}
}

// TestADecisionThatRacesWithTheRunLeavesTheLogReadable: whether it comes in
// time or too late.
func TestADecisionThatRacesWithTheRunLeavesTheLogReadable(t *testing.T) {
	late := 0
	for n := range 30 {
		log := newMemLog()
		led := &counted{counts: map[string]int{}}
		p := led.once(2)
		id := deploy.RunID(fmt.Sprint("r", n))
		begun := make(chan struct{})
		p.Steps[0].Do = deploy.Func("s0", "1", func(context.Context, *deploy.Call) error { close(begun); return nil })
		decided := make(chan error, 1)
		go func() {
			<-begun
			decided <- newRunner(t, log, nil).Decide(context.Background(), p.Ref(id), "", deploy.Decision{Answer: deploy.AnswerUndo, By: "ada"})
		}()
		rep, err := newRunner(t, log, nil).Run(t.Context(), id, p)
		require.NotNil(t, rep, "run %d: %v", n, err)
		require.True(t, rep.Outcome.Ended(), "run %d: %v", n, err)
		if err := <-decided; err == nil {
			require.Equal(t, deploy.Undone, rep.Outcome, "run %d: what was accepted counts", n)
		} else {
			late++
		}
	}
	t.Logf("%d of 30 came too late", late)
}

// TestProcessesThatRacePayOnce: four controllers in processes of their own
// take the same run up at once, and end what they find of each other.
func TestProcessesThatRacePayOnce(t *testing.T) {
	dir := newServer(t)
	var wg sync.WaitGroup
	for range 4 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "DEVOPS_TEST_CONTROLLER="+dir)
		wg.Go(func() {
			out, _ := cmd.CombinedOutput() // one that lost its place, or its command, says so
			if text := string(out); !strings.Contains(text, "outcome:") && !strings.Contains(text, deploy.ErrConflict.Error()) {
				t.Errorf("controller: %s", text)
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, ledger(t, dir)["pay"], 1)
	_, said := runController(t, dir, 0)
	if said["outcome"] == string(deploy.Held) {
		answer := deploy.AnswerDone
		if ledger(t, dir)["pay"] == 0 {
			answer = deploy.AnswerRepeat
		}
		_, said = runController(t, dir, 0, "DEVOPS_TEST_ANSWER="+string(answer))
	}
	live, err := os.Readlink(filepath.Join(dir, "live"))
	require.NoError(t, err)
	want := map[string]string{string(deploy.Succeeded): "new", string(deploy.Undone): "old"}
	require.Equal(t, want[said["outcome"]], live, "%v", said)
	require.LessOrEqual(t, ledger(t, dir)["pay"], 1)
}
