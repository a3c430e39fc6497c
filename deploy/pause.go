package deploy

import (
	"context"
	"fmt"
	"time"
)

// Pause is that a run waits because somebody said so; see [AnswerPause].
type Pause struct {
	By      string    `json:"by"`
	Comment string    `json:"comment,omitempty"`
	Since   time.Time `json:"since"`
}

// String says who paused it, when and why.
func (p Pause) String() string {
	s := fmt.Sprintf("paused by %s on %s", oneLine(p.By), p.Since.UTC().Format(time.RFC3339))
	if p.Comment != "" {
		s += fmt.Sprintf(" (%s)", oneLine(p.Comment))
	}
	return s
}

// pausedHold is the error of a run that is paused, and nil where it is not.
func (x *execution) pausedHold() error {
	x.journal.mu.Lock()
	p := x.state().paused
	x.journal.mu.Unlock()
	if p == nil {
		return nil
	}
	return x.holdBack(p)
}

// holdBack makes the run wait until somebody resumes.
func (x *execution) holdBack(p *Pause) error {
	x.tellPause(p)
	return &HeldError{Plan: x.name(), Run: x.id, Pause: p}
}

// tellPause tells the handler, once.
func (x *execution) tellPause(p *Pause) {
	x.pauseTold.Do(func() {
		x.events.send(RunPaused{Run: x.id, Service: x.plan.Service, Environment: x.plan.Env.Name, Pause: *p})
	})
}

// appendStep appends what begins a step, or leaves it out, if nobody has decided
// against it before the place in the log that the record gets. The error is a
// [*HeldError] where that is a pause, and errStale where the run turns back.
func (x *execution) appendStep(ctx context.Context, r *record, phase Phase) error {
	var paused *Pause
	err := x.journal.appendWhile(ctx, r, func() bool {
		s := x.state()
		paused = s.paused
		return paused == nil && (phase == PhaseUndo || !s.undoing)
	})
	if err == errStale && paused != nil {
		return x.holdBack(paused)
	}
	return err
}

// notTurned tells that nobody has decided to turn back.
func (x *execution) notTurned() bool { return !x.state().undoing }

// defaultPoll is how often a run looks for decisions while its steps run.
const defaultPoll = 5 * time.Second

// listen looks for decisions of others until ctx ends, and calls turned once
// when somebody has decided to turn back, or lost when the log cannot be
// believed or another controller has the run.
func (x *execution) listen(ctx context.Context, turned func(), lost func(error)) {
	if x.opts.Poll < 0 {
		return
	}
	tick := time.NewTicker(orDur(x.opts.Poll, defaultPoll))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		undoing, err := x.look(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			lost(err)
			return
		case undoing:
			turned()
			return
		}
	}
}

// look takes in what others have added to the log. A log that cannot be read
// now is no reason to stop: whoever appends next finds out. It is read while the
// steps append, so that a look that takes long holds up none.
func (x *execution) look(ctx context.Context) (undoing bool, err error) {
	j := x.journal
	j.mu.Lock()
	from := j.chain.Head().Seq + 1
	j.mu.Unlock()
	var lines [][]byte
	for line, err := range j.log.Read(ctx, j.stream, from) {
		if err != nil {
			break
		}
		lines = append(lines, line)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	before := j.history.takeovers
	for i, line := range lines {
		if from+uint64(i) <= j.chain.Head().Seq { // appended since
			continue
		}
		if err := j.take(line); err != nil {
			return false, err
		}
	}
	if err := j.taken(before); err != nil {
		return false, err
	}
	s := x.state()
	if s.paused != nil {
		x.tellPause(s.paused)
	}
	return s.undoing && s.paused == nil, nil
}
