package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/masaruk/devops/internal/hashlog"
)

// recordKind says what a record of the log is about.
type recordKind string

const (
	recStarted   recordKind = "started"   // a run begins
	recPlan      recordKind = "plan"      // more steps of the plan of the run
	recContinued recordKind = "continued" // another controller takes the run on
	recIntent    recordKind = "intent"    // an attempt is about to have its effect
	recOutcome   recordKind = "outcome"   // the attempt ended, and how
	recSkipped   recordKind = "skipped"   // the condition of the step does not hold
	recUndo      recordKind = "undo"      // the run turns back
	recDecided   recordKind = "decided"   // a person answered
	recFinished  recordKind = "finished"  // the run ended
)

// record is the body of a log record. Fields are only ever added.
type record struct {
	Kind recordKind `json:"kind"`
	Run  RunID      `json:"run"`
	Time time.Time  `json:"time"`
	// Controller is a random name of the Run call that wrote the record.
	Controller string `json:"controller,omitempty"`

	Initiator  string       `json:"initiator,omitempty"`  // started, continued
	Digest     string       `json:"digest,omitempty"`     // started: of the plan
	Executable string       `json:"executable,omitempty"` // started, continued: of the program
	Plan       *Description `json:"plan,omitempty"`       // started, plan
	// PlanSteps is the number of steps where the record holds not all.
	PlanSteps int `json:"plan_steps,omitempty"` // started
	// What a plan says that somebody allowed in place of the recorded one.
	Change     *Change `json:"change,omitempty"`      // continued
	BreakGlass string  `json:"break_glass,omitempty"` // continued

	Step     string                     `json:"step,omitempty"`
	Host     string                     `json:"host,omitempty"`
	Phase    Phase                      `json:"phase,omitempty"`
	Attempt  int                        `json:"attempt,omitempty"`
	Outcome  Outcome                    `json:"outcome,omitempty"`  // outcome, finished
	Duration time.Duration              `json:"duration,omitempty"` // outcome
	Error    string                     `json:"error,omitempty"`    // outcome, undo, finished
	Tail     string                     `json:"tail,omitempty"`     // outcome
	Outputs  map[string]json.RawMessage `json:"outputs,omitempty"`  // outcome

	Decision *Decision `json:"decision,omitempty"`
}

// journal is one controller's view of a stream: a verified chain, and the
// history that the records tell. Steps that run at the same time append one
// after another.
type journal struct {
	log        Log
	stream     string
	controller string

	mu      sync.Mutex // guards what follows while steps run
	chain   *hashlog.Chain
	history *history
	torn    uint64 // number of the torn record found at the end; 0 is none
}

// openJournal reads and verifies the whole stream.
func openJournal(ctx context.Context, log Log, stream, controller string) (*journal, error) {
	j := &journal{log: log, stream: stream, controller: controller, chain: hashlog.NewChain(stream), history: newHistory()}
	return j, j.sync(ctx)
}

// sync reads the records that this journal has not seen. It ends quietly at a
// torn record, since nothing was done on the strength of it.
func (j *journal) sync(ctx context.Context) error {
	j.torn = 0
	for line, err := range j.log.Read(ctx, j.stream, j.chain.Head().Seq+1) {
		if errors.Is(err, ErrTorn) {
			j.torn = j.chain.Head().Seq + 1
			return nil
		}
		if err != nil {
			return &LogError{j.stream, j.chain.Head().Seq + 1, "read", err}
		}
		if err := j.take(line); err != nil {
			return err
		}
	}
	return nil
}

// take verifies the next line and lets the history know.
func (j *journal) take(line []byte) error {
	seq := j.chain.Head().Seq + 1
	body, err := j.chain.Open(line)
	if err != nil {
		return &LogError{j.stream, seq, "verify", err}
	}
	var r record
	if err := json.Unmarshal(body, &r); err != nil {
		return &LogError{j.stream, seq, "decode", err}
	}
	if err := j.history.apply(&r); err != nil {
		return &LogError{j.stream, seq, "follow", err}
	}
	return nil
}

// append makes r durable and lets the history know. It returns an error that
// wraps [ErrConflict] when another controller has taken the run, and one that
// wraps errOver when the record cannot follow what the log holds by now. A
// decision that a person added meanwhile is read and does not stop it.
func (j *journal) append(ctx context.Context, r *record) error {
	return j.appendWhile(ctx, r, nil)
}

// errStale reports that what a record rests on no longer holds.
var errStale = errors.New("a decision came first")

// appendWhile appends r if the condition still holds at the place in the log
// that r gets, and returns errStale otherwise.
func (j *journal) appendWhile(ctx context.Context, r *record, holds func() bool) error {
	ctx = context.WithoutCancel(ctx) // an outcome must be kept also when the run is cancelled
	j.mu.Lock()
	defer j.mu.Unlock()
	r.Time = time.Now().UTC()
	r.Controller = j.controller
	for tries := 0; ; tries++ {
		if holds != nil && !holds() {
			return errStale
		}
		line, next, err := j.chain.Seal(r)
		if err == nil && len(line) > MaxRecord {
			err = fmt.Errorf("%d bytes are more than a record may have (%d)", len(line), MaxRecord)
		}
		if err == nil {
			err = j.history.admits(r)
		}
		if err != nil {
			return &LogError{j.stream, next.Seq, "append", err}
		}
		err = j.log.Append(ctx, j.stream, next.Seq, line)
		if err == nil {
			return j.take(line)
		}
		mine, syncErr := j.resolve(ctx, next)
		switch {
		case syncErr != nil:
			return errors.Join(&LogError{j.stream, next.Seq, "append", err}, syncErr)
		case mine:
			return nil
		case !errors.Is(err, ErrConflict), tries >= maxConflicts:
			return &LogError{j.stream, next.Seq, "append", err}
		}
	}
}

// maxConflicts is how many records of others an append gives way to.
const maxConflicts = 20

// resolve finds out what became of an append that returned an error: it reads
// on and tells whether the record is there after all. A record of another
// controller means that this one has lost its place.
func (j *journal) resolve(ctx context.Context, want hashlog.Head) (mine bool, err error) {
	takeovers := j.history.takeovers
	for line, err := range j.log.Read(ctx, j.stream, j.chain.Head().Seq+1) {
		if errors.Is(err, ErrTorn) {
			break
		}
		if err != nil {
			return false, &LogError{j.stream, j.chain.Head().Seq + 1, "read", err}
		}
		if err := j.take(line); err != nil {
			return false, err
		}
		if j.chain.Head() == want { // what r itself takes over does not count
			mine, takeovers = true, j.history.takeovers
		}
	}
	if j.history.takeovers != takeovers {
		return false, &LogError{j.stream, j.chain.Head().Seq, "append after", fmt.Errorf("another controller has taken over: %w", ErrConflict)}
	}
	return mine, nil
}
