package deploy

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"time"

	"github.com/masaruk/devops/internal/hashlog"
	"github.com/masaruk/devops/secrets"
)

// localHost is the host field of every record until a plan can name hosts.
const localHost = "local"

// Options configure a [Runner]. The zero value is the default.
type Options struct {
	// Executor runs the commands of the steps. Without one, a step that runs
	// a command fails.
	Executor Executor
	// Handle receives the events of each run, one at a time and in order, on
	// a goroutine of its own; nil drops them. It never holds up the run: a
	// slow one loses lines of output, and one that is still at work 2 seconds
	// after the run has ended gets the rest after Run has returned. The Logger is
	// told of one that panics.
	Handle func(Event)
	// Logger receives what is not an event; nil discards it.
	Logger *slog.Logger
	// Redactor removes secrets from everything that goes into the log and to
	// the handler; nil removes nothing.
	Redactor *secrets.Redactor
	// Initiator is who starts the run, for the record.
	Initiator string
	// Parallel is how many steps may run at the same time; zero is as many as
	// Needs leave free. Only explicit Needs free more than one.
	Parallel int
	// Stop, once closed, makes every run turn back before its next step: what
	// runs comes to its end, but for an approval that is waited for, and all that
	// was begun is undone; the error wraps
	// [ErrStopped]. Nil never stops. [Signals] makes one.
	Stop <-chan struct{}
	// Grace is how long that may take before the run is left as it is, to be
	// continued; zero is 30 seconds, negative is no bound.
	Grace time.Duration
	// Freezes are when no run may begin, and none that has begun may switch.
	Freezes []Freeze
	// Anchor keeps the heads of the log elsewhere; nil keeps none.
	Anchor Anchor
	// Signer signs the heads; nil leaves them unsigned. The heads that an
	// Anchor gives back must then be signed by it.
	Signer *SigningKey
	// Poll is how often a run looks into the log for decisions of others while
	// its steps run, which costs a Read each time; see [Runner.Decide]. Zero is
	// 5 seconds; negative is only before each step.
	Poll time.Duration
	// Where tells people where this program runs, such as the address of a CI
	// job; empty is the name of the machine. It enters the log.
	Where string
	// Marker begins the value of [MarkerVar] in every process of a run; "/"
	// and the run's id follow. Empty is the service and the environment. A
	// program whose runs can be confused with another's on the same host sets
	// it.
	Marker string
	// Executable is the digest of the program that runs, which enters the
	// log: a run is not continued by another build unless a Decision allows
	// it. Empty takes the SHA-256 of the running executable file.
	Executable string
}

// Runner runs plans and keeps what happens in a [Log]. It is safe for
// concurrent use. Its goroutines end when Run returns, but for that of a
// handler that hangs.
type Runner struct {
	log    Log
	opts   Options
	signer *hashlog.Signer
}

// New returns a Runner that keeps its runs in log; nil options mean the
// defaults.
func New(log Log, opts *Options) (*Runner, error) {
	if log == nil {
		return nil, errors.New("deploy.New: log is nil")
	}
	r := &Runner{log: log}
	if opts != nil {
		r.opts = *opts
	}
	if r.opts.Parallel < 0 {
		return nil, fmt.Errorf("deploy.New: field Parallel is %d; zero is as many as the plan allows, one is one at a time", r.opts.Parallel)
	}
	for i, f := range r.opts.Freezes {
		if err := f.Validate(); err != nil {
			return nil, fmt.Errorf("deploy.New: field Freezes[%d]: %w", i, err)
		}
	}
	if key := r.opts.Signer; key != nil {
		var err error
		if r.signer, err = hashlog.NewSigner(key.Name, key.Key); err != nil {
			return nil, fmt.Errorf("deploy.New: field Signer: %w", err)
		}
	}
	if r.opts.Logger == nil {
		r.opts.Logger = slog.New(slog.DiscardHandler)
	}
	if r.opts.Executor == nil {
		r.opts.Executor = ExecutorFunc(func(context.Context, Command) (Result, error) {
			return Result{}, errors.New("the Runner has no Executor; set Options.Executor")
		})
	}
	return r, nil
}

// Run starts the run id of the plan, or continues it after a crash: what the
// log says is done is not repeated, and a step that was interrupted is treated
// as its InFlight says. A run that has ended is not run again; its report is
// returned.
//
// When a step fails, every step that was begun is undone, and the error is the
// failed step's [*StepError], joined with those of undos that failed. Other
// errors leave the run to be continued: [ErrHeld], [ErrPlanChanged],
// [ErrUnfinished] (of another run), [ErrFrozen] (nothing has begun), [ErrPruned] (the run ended long ago), a [*LogError], or the cause of ctx's end,
// which stops what runs at once. [Options.Stop] is the gentle way to end a run.
// An error that wraps [ErrAnchor] says nothing about the run. A [*PlanError]
// means that nothing ran. The report is nil only if no record
// of the run exists.
func (r *Runner) Run(ctx context.Context, id RunID, p Plan) (*Report, error) {
	if !serviceRE.MatchString(string(id)) {
		return nil, fmt.Errorf("%s: run id %q is not made of lower-case letters, digits, \".\", \"_\" and \"-\"", p.Ref(""), id)
	}
	if err := p.Validate(); err != nil && !r.wasValid(ctx, id, p) {
		return nil, err
	}
	x, err := r.open(ctx, id, p)
	if err != nil {
		return nil, err
	}
	if s := x.state(); s != nil && !s.finished.IsZero() {
		return x.ended(ctx)
	}
	return x.run(ctx)
}

// wasValid tells that the plan was in order when its run began: an exemption
// that ended since must not keep the run from its end, or from being undone.
func (r *Runner) wasValid(ctx context.Context, id RunID, p Plan) bool {
	if !serviceRE.MatchString(p.Service) || !serviceRE.MatchString(p.Env.Name) {
		return false
	}
	_, s, err := r.find(ctx, p.Ref(id))
	return err == nil && p.validateAt(s.started) == nil
}

// Report returns what the log knows of a run, and changes nothing. A run that
// has not ended has the outcome [Interrupted], or [UndoFailed], or [Held] where
// it is paused or a step was inconclusive and nobody has answered. The error wraps
// [fs.ErrNotExist] when the log has no such run.
func (r *Runner) Report(ctx context.Context, ref Ref) (*Report, error) {
	j, s, err := r.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	return r.standing(j, s), nil
}

// standing is the report of a run that nobody of this program runs.
func (r *Runner) standing(j *journal, s *runState) *Report {
	rep := s.report(*s.plan, r.head(j))
	if !rep.Outcome.Ended() {
		rep.Outcome, rep.Reason, rep.Duration = s.waits(), s.cause, s.last.Sub(s.started)
	}
	return rep
}

// History yields the reports of all runs of a service in an environment that
// the log knows, oldest first, and changes nothing. The Run of ref does not
// matter. It stops at the first error.
func (r *Runner) History(ctx context.Context, ref Ref) iter.Seq2[*Report, error] {
	return func(yield func(*Report, error) bool) {
		j, err := openJournal(ctx, r.log, ref.stream(), newController())
		if err != nil {
			yield(nil, err)
			return
		}
		for _, s := range j.history.order {
			if !yield(r.standing(j, s), nil) {
				return
			}
		}
	}
}

// find reads the log of a run that it must know.
func (r *Runner) find(ctx context.Context, ref Ref) (*journal, *runState, error) {
	j, err := openJournal(ctx, r.log, ref.stream(), newController())
	if err != nil {
		return nil, nil, err
	}
	s, err := j.find(ref)
	return j, s, err
}

func (j *journal) find(ref Ref) (*runState, error) {
	s := j.history.run(ref.Run)
	if s == nil && j.history.knew(ref.Run) {
		return nil, fmt.Errorf("%s: the run ended and is gone: %w: %w", ref, ErrPruned, fs.ErrNotExist)
	}
	if s == nil {
		return nil, fmt.Errorf("%s: the log has no such run: %w", ref, fs.ErrNotExist)
	}
	return s, nil
}

// Verify reads the whole log of the service in the environment and reports
// the first record that cannot be believed, as a [*LogError]. The head is a
// [Report.Head] that was kept elsewhere: with it, Verify also finds records
// that were cut off since. An empty head checks the chain alone, which a cut
// at its end leaves whole. With keys only a head that one of them has signed
// counts.
func (r *Runner) Verify(ctx context.Context, ref Ref, head string, trusted ...VerifyingKey) error {
	j, err := openJournal(ctx, r.log, ref.stream(), newController())
	if err != nil || head == "" {
		return err
	}
	return j.follows(head, trusted)
}

// open reads the log and checks that this run may be started or continued.
func (r *Runner) open(ctx context.Context, id RunID, p Plan) (*execution, error) {
	desc, err := p.Describe()
	if err != nil {
		return nil, &PlanError{Service: p.Service, Err: err}
	}
	if err := r.checkText(desc); err != nil {
		return nil, &PlanError{Service: p.Service, Err: err}
	}
	exe, err := r.executable()
	if err != nil {
		return nil, err
	}
	j, err := r.openAnchored(ctx, p.Ref(id).stream())
	if err != nil {
		return nil, err
	}
	x := &execution{Runner: r, id: id, plan: p, desc: desc, exe: exe, journal: j}
	if j.history.knew(id) {
		return nil, fmt.Errorf("%s run %s: the run ended and is gone: %w; choose another id", x.name(), id, ErrPruned)
	}
	if last := j.history.last; last != nil && last.id != id && last.finished.IsZero() && j.history.run(id) == nil {
		return nil, &UnfinishedError{Plan: x.name(), Run: last.id}
	}
	return x, nil
}

// checkText refuses a plan whose text cannot go into the log, where people
// read it: a step holds a value that the Redactor knows, or is too long.
func (r *Runner) checkText(d Description) error {
	var errs []error
	if textHolds([]byte(d.BreakGlass), r.opts.Redactor) {
		errs = append(errs, fmt.Errorf("field BreakGlass %w", ErrSecret))
	}
	for _, field := range []struct {
		name  string
		value any
	}{{"Change", d.Change}, {"Availability", d.Availability}} {
		if raw, err := json.Marshal(field.value); err != nil || textHolds(raw, r.opts.Redactor) {
			errs = append(errs, fmt.Errorf("field %s: %w", field.name, cmp.Or(err, ErrSecret)))
		}
	}
	for i, s := range d.Steps {
		raw, err := json.Marshal(s)
		most := MaxRecord - 64<<10
		switch {
		case err != nil:
		case textHolds(raw, r.opts.Redactor):
			err = fmt.Errorf("field Steps[%d] %q: its description %w; put the name of the secret there instead", i, s.Name, ErrSecret)
		case len(raw) > most:
			err = fmt.Errorf("field Steps[%d] %q: its description has %d bytes, at most %d fit into a record of the log", i, s.Name, len(raw), most)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// executable returns the digest of the running program.
func (r *Runner) executable() (string, error) {
	if r.opts.Executable != "" {
		return r.opts.Executable, nil
	}
	f, err := os.Open("/proc/self/exe") // of linux: what runs, also where another file has its name by now
	if err != nil {
		var name string
		if name, err = os.Executable(); err == nil {
			f, err = os.Open(name)
		}
	}
	if err != nil {
		return "", fmt.Errorf("digest of the program: %w; set Options.Executable", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("digest of the program: %w; set Options.Executable", err)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

// newController returns a random name for one call of Run or Decide.
func newController() string { return rand.Text()[:12] }

// eventWait is how long Run waits at its end for a slow handler.
const eventWait = 2 * time.Second
