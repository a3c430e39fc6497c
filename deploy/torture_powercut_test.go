package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/approval"
	"github.com/masaruk/devops/deploy/runlog/filelog"
	"github.com/masaruk/devops/internal/durable"
	"github.com/masaruk/devops/internal/durable/powercut"
)

// The torture plan on filelog, with effects that are durable files. The power
// is cut after each operation on the file system, in every way that the
// simulator knows, while branches are in flight, people vote, and the way back
// is gone. What is left is looked at, and the run goes on with it.

// machine is what the plan runs on.
type machine struct {
	t    *testing.T
	dir  string
	fsys durable.FS
	bad  bool
	log  *ackedLog
	desk *approval.Desk
	run  *deploy.Runner

	mu     sync.Mutex
	starts map[string]int // of effects, since the power is back
	voted  error
}

func newMachine(t *testing.T, dir string, fsys durable.FS, bad bool, acked func(string)) *machine {
	t.Helper()
	m := &machine{t: t, dir: dir, fsys: fsys, bad: bad, starts: map[string]int{}}
	m.log = &ackedLog{filelogOn(t, filepath.Join(dir, "log"), fsys), acked}
	m.desk = newDesk(t, m.log, time.Second)
	m.run = newRunner(t, m.log, &deploy.Options{Initiator: starter, Handle: func(e deploy.Event) {
		if o, ok := e.(deploy.StepOutput); ok && strings.Contains(o.Line, "waits until") {
			err := voteOn(context.Background(), m.desk)
			m.mu.Lock()
			m.voted = errors.Join(m.voted, err)
			m.mu.Unlock()
		}
	}})
	return m
}

// filelogOn is filelog.New on another file system, for which it has no option.
func filelogOn(t *testing.T, dir string, fsys durable.FS) *filelog.Log {
	t.Helper()
	log, err := filelog.New(dir, nil)
	require.NoError(t, err)
	field := reflect.ValueOf(log).Elem().FieldByName("fsys")
	reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem().Set(reflect.ValueOf(fsys))
	return log
}

// ackedLog says which records were acknowledged.
type ackedLog struct {
	*filelog.Log
	acked func(stream string)
}

func (l *ackedLog) Append(ctx context.Context, stream string, seq uint64, rec []byte) error {
	err := l.Log.Append(ctx, stream, seq, rec)
	if err == nil && l.acked != nil {
		l.acked(stream)
	}
	return err
}

// lasting is an effect that is a file.
type lasting struct {
	Name string `json:"name"`
	m    *machine
}

func (l *lasting) Spec() any { return l }

func (l *lasting) Run(_ context.Context, c *deploy.Call) error {
	m := l.m
	m.mu.Lock()
	if l.Name != "is link-c" {
		m.starts[l.Name]++
	}
	n := m.starts[l.Name]
	m.mu.Unlock()
	step, phase := stepOf(l.Name)
	file := filepath.Join(m.dir, "effects", step)
	switch {
	case l.Name == "is link-c":
		if !m.isThere("link-c") {
			return deploy.ErrNotDone
		}
		return nil
	case n == 1 && step == "build-a":
		return errors.New("the first attempt fails")
	case l.Name == "watch" && m.bad:
		return errors.New("it answers errors")
	case phase == deploy.PhaseUndo:
		return durable.RemoveAll(m.fsys, file)
	}
	err := durable.MkdirAll(m.fsys, filepath.Dir(file), 0o700)
	if err == nil {
		err = durable.WriteFile(m.fsys, file, []byte(step), 0o600)
	}
	if err != nil || step != "prepare" {
		return err
	}
	return provideRelease(c, n)
}

func (m *machine) isThere(step string) bool {
	_, err := os.Stat(filepath.Join(m.dir, "effects", step))
	return err == nil
}

func (m *machine) plan() deploy.Plan {
	return torturePlan(func(name string) deploy.Action { return &lasting{name, m} }, approveStep(m.t, m.desk))
}

// finish brings the run to its end.
func (m *machine) finish() (deploy.Outcome, error) {
	rep, err := person(m.t.Context(), m.run, m.plan(), m.isThere)
	if rep == nil {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.voted != nil {
		return rep.Outcome, fmt.Errorf("voting: %w", m.voted)
	}
	return rep.Outcome, nil
}

func TestTorturePowerCut(t *testing.T) {
	for _, c := range []struct {
		bad      bool
		want     deploy.Outcome
		ops, all int // operations and states; they must not become fewer
	}{{false, deploy.Succeeded, 140, 300}, {true, deploy.Undone, 190, 430}} {
		t.Run(string(c.want), func(t *testing.T) {
			dir := t.TempDir()
			rec, err := powercut.New(dir)
			require.NoError(t, err)
			outcome, err := newMachine(t, dir, rec, c.bad, rec.Mark).finish()
			require.NoError(t, err)
			require.Equal(t, c.want, outcome)
			rec.Mark("ended")

			rnd := rand.New(rand.NewPCG(tortureSeed(t), 3))
			states, looked := 0, 0
			require.NoError(t, rec.Recording().Check(nil, func(s powercut.State) error {
				if states++; rnd.IntN(tortureTries(1, 20)) > 0 {
					return nil
				}
				looked++
				return afterPowerCut(t, s, c.bad, c.want)
			}))
			ops := len(rec.Recording().Ops())
			t.Logf("%d operations, %d states, %d of them looked at", ops, states, looked)
			require.GreaterOrEqual(t, ops, c.ops)
			require.GreaterOrEqual(t, states, c.all)
		})
	}
}

// afterPowerCut looks at one state and lets the run go on.
func afterPowerCut(t *testing.T, s powercut.State, bad bool, want deploy.Outcome) error {
	m := newMachine(t, s.Dir, forgetful{}, bad, nil)
	recs, err := recordsOf(t.Context(), m.log, "dev/api")
	if err != nil {
		return err
	}
	votes, err := recordsOf(t.Context(), m.log, "approvals/dev/api")
	if err != nil {
		return err
	}
	for stream, n := range map[string]int{"dev/api": len(recs), "approvals/dev/api": len(votes)} {
		if acked := timesIn(s.Marks, stream); n < acked {
			return fmt.Errorf("%d records of %s are left of %d that were acknowledged", n, stream, acked)
		}
	}
	p := m.plan()
	for _, step := range p.Steps {
		if err := m.agrees(recs, step); err != nil {
			return err
		}
	}
	outcome, err := m.finish()
	if err != nil || outcome != want {
		return fmt.Errorf("the run went on and is %s: %w", outcome, err)
	}
	return errors.Join(m.wentOn(recs, p, bad), m.ended(s))
}

// agrees checks what is there of a step against the records: no effect without
// a durable intent, no outcome without a durable effect.
func (m *machine) agrees(recs []tortureRecord, s deploy.Step) error {
	there := m.isThere(s.Name)
	begun, undone := having(recs, "intent", s.Name, deploy.PhaseForward) > 0, having(recs, "intent", s.Name, deploy.PhaseUndo) > 0
	switch {
	case there && !begun:
		return fmt.Errorf("%s is there without an intent", s.Name)
	case !there && isLasting(s) && !undone && succeeded(recs, s.Name, deploy.PhaseForward):
		return fmt.Errorf("%s has an outcome and is not there", s.Name)
	case there && succeeded(recs, s.Name, deploy.PhaseUndo):
		return fmt.Errorf("%s is still there behind the outcome of its undo", s.Name)
	}
	return nil
}

// isLasting tells a step whose effect is a file.
func isLasting(s deploy.Step) bool { return s.Name != "approve" && s.When == nil }

func succeeded(recs []tortureRecord, step string, phase deploy.Phase) bool {
	return slices.ContainsFunc(recs, func(r tortureRecord) bool {
		return r.Kind == "outcome" && r.Step == step && r.Phase == phase && r.Outcome == deploy.Succeeded
	})
}

// wentOn checks what was done since the power is back, by what the log held.
func (m *machine) wentOn(recs []tortureRecord, p deploy.Plan, bad bool) error {
	now, err := recordsOf(m.t.Context(), m.log, "dev/api")
	if err != nil {
		return err
	}
	for _, s := range p.Steps {
		for _, phase := range []deploy.Phase{deploy.PhaseForward, deploy.PhaseUndo} {
			starts := m.starts[effectOf(s.Name, phase)]
			inFlight := having(recs, "intent", s.Name, phase) > having(recs, "outcome", s.Name, phase)
			switch {
			case starts > 0 && succeeded(recs, s.Name, phase):
				return fmt.Errorf("%s was done and was begun again", effectOf(s.Name, phase))
			case s.InFlight == deploy.Ask && inFlight && starts > repeats(now, s.Name, phase):
				return fmt.Errorf("%s was in flight and was begun again unasked", effectOf(s.Name, phase))
			case starts > 0 && phase == deploy.PhaseForward && having(recs, "undo", "", "") > 0:
				return fmt.Errorf("%s was begun on the way back", s.Name)
			}
		}
		if want := isLasting(s) && !bad; m.isThere(s.Name) != want {
			return fmt.Errorf("%s is there: %t", s.Name, !want)
		}
	}
	votes, err := recordsOf(m.t.Context(), m.log, "approvals/dev/api")
	if n := having(votes, "voted", "", ""); err == nil && n != 2 {
		err = fmt.Errorf("%d votes count", n)
	}
	return err
}

// ended checks that a run which had ended stayed so.
func (m *machine) ended(s powercut.State) error {
	if timesIn(s.Marks, "ended") > 0 && len(m.starts) > 0 {
		return fmt.Errorf("a run that had ended went on: %v", m.starts)
	}
	return nil
}

func timesIn(all []string, one string) (n int) {
	for _, text := range all {
		if text == one {
			n++
		}
	}
	return n
}

// forgetful is the real file system without its waits, for what is looked at
// once and thrown away.
type forgetful struct{ durable.OS }

func (forgetful) SyncDir(string) error { return nil }

func (f forgetful) OpenFile(name string, flag int, perm os.FileMode) (durable.File, error) {
	file, err := f.OS.OpenFile(name, flag, perm)
	return forgetfulFile{file}, err
}

type forgetfulFile struct{ durable.File }

func (forgetfulFile) Sync() error { return nil }
