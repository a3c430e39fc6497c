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
	recPruned    recordKind = "pruned"    // runs are about to be removed
)

// record is the body of a log record. Fields are only ever added.
type record struct {
	Kind recordKind `json:"kind"`
	Run  RunID      `json:"run"`
	Time time.Time  `json:"time"`
	// Controller is a random name of the Run call that wrote the record.
	Controller string `json:"controller,omitempty"`

	Initiator  string `json:"initiator,omitempty"`  // started, continued
	Digest     string `json:"digest,omitempty"`     // started: of the plan
	Executable string `json:"executable,omitempty"` // started, continued: of the program
	// Plan is that of the run, the next part of it, or one that takes its place.
	Plan *Description `json:"plan,omitempty"` // started, plan, continued
	// PlanSteps is the number of steps where the record holds not all.
	PlanSteps int `json:"plan_steps,omitempty"` // started, continued
	// Where the program ran that wrote it, and its process there.
	Where string `json:"where,omitempty"` // started, continued
	PID   int    `json:"pid,omitempty"`   // started, continued

	Step     string                     `json:"step,omitempty"`
	Host     string                     `json:"host,omitempty"`
	Phase    Phase                      `json:"phase,omitempty"`
	Attempt  int                        `json:"attempt,omitempty"`
	Outcome  Outcome                    `json:"outcome,omitempty"`  // outcome, finished
	Duration time.Duration              `json:"duration,omitempty"` // outcome
	Error    string                     `json:"error,omitempty"`    // outcome, undo, finished
	Tail     string                     `json:"tail,omitempty"`     // outcome
	Outputs  map[string]json.RawMessage `json:"outputs,omitempty"`  // outcome
	// Availability is what the controller that wrote the record has counted.
	Availability *AvailabilityReport `json:"availability,omitempty"` // finished
	// Typed are the declarations of those outputs that have one, by name.
	Typed map[string]string `json:"typed,omitempty"` // outcome

	Decision *Decision `json:"decision,omitempty"`

	Pruned *pruned `json:"pruned,omitempty"`

	seq uint64 // of the record, once it is in the log
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
	broken  error  // why nothing more may be appended
}

// openJournal reads and verifies the whole stream, again where somebody pruned
// it meanwhile.
func openJournal(ctx context.Context, log Log, stream, controller string) (*journal, error) {
	for tries := 0; ; tries++ {
		j := &journal{log: log, stream: stream, controller: controller, chain: hashlog.NewChain(stream), history: newHistory()}
		err := j.sync(ctx)
		if err == nil {
			err = j.whole()
		}
		if !errors.Is(err, ErrPruned) || tries >= maxConflicts {
			return j, err
		}
	}
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
	body, err := j.chain.OpenPruned(line)
	if missing := j.whole(); err != nil && missing != nil {
		return missing // it comes first
	}
	if err != nil {
		return &LogError{j.stream, seq, "verify", err}
	}
	var r record
	seq = j.chain.Head().Seq
	if err := json.Unmarshal(body, &r); err != nil {
		j.broken = &LogError{j.stream, seq, "decode", err}
		return j.broken
	}
	return j.follow(&r, seq)
}

// follow lets the history know of the record that the chain has taken.
func (j *journal) follow(r *record, seq uint64) error {
	r.seq = seq
	if j.precedes(r) {
		return nil
	}
	var err error
	if r.Kind == recPruned {
		err = r.Pruned.check(j)
	}
	if err == nil {
		err = j.history.apply(r)
	}
	if err != nil {
		j.broken = &LogError{j.stream, seq, "follow", err}
	}
	return j.broken
}

// took lets the history know of a record that this journal has just appended.
// Those of each attempt are taken as they are, which spares a long run half
// its time; the others come back through JSON, as whoever reads the log sees
// them.
func (j *journal) took(r *record, line []byte, next hashlog.Head) error {
	if r.Kind != recIntent && r.Kind != recOutcome {
		return j.take(line)
	}
	if err := j.chain.Advance(next); err != nil {
		return &LogError{j.stream, next.Seq, "append", err}
	}
	return j.follow(r, next.Seq)
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
	r.Time = time.Now().UTC() // as JSON keeps it, without the monotonic clock
	r.Controller = j.controller
	for tries := 0; ; tries++ {
		if j.broken != nil {
			return j.broken
		}
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
			return j.took(r, line, next)
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
			return false, j.lost(ctx, err)
		}
		if j.chain.Head() == want { // what r itself takes over does not count
			mine, takeovers = true, j.history.takeovers
		}
	}
	if err := j.whole(); err != nil {
		return false, err
	}
	return mine, j.taken(takeovers)
}

// taken reports that another controller has the run since the journal had seen
// so many records of that kind. Nothing is appended from then on, by no step.
func (j *journal) taken(seen int) error {
	if j.history.takeovers != seen {
		j.broken = &LogError{j.stream, j.chain.Head().Seq, "append after", fmt.Errorf("another controller has taken over: %w", ErrConflict)}
	}
	return j.broken
}
