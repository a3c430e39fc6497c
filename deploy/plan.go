package deploy

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/masaruk/devops/envconfig"
)

// Kind says what a step is for. Rules of the environment and people who read
// a description go by it, and a [Freeze] by [KindSwitch]; the engine treats all
// other kinds alike, also those that are not listed here.
type Kind string

// The kinds that the library's own plans use.
const (
	KindBuild    Kind = "build"
	KindTest     Kind = "test"
	KindApproval Kind = "approval"
	KindBackup   Kind = "backup"
	KindNotify   Kind = "notify"
	KindPlace    Kind = "place"
	KindStart    Kind = "start"
	KindHealth   Kind = "health"
	KindMigrate  Kind = "migrate"
	KindSwitch   Kind = "switch"
	KindWatch    Kind = "watch"
	KindRecord   Kind = "record"
	KindCleanup  Kind = "cleanup"
)

// InFlight says what to do with a step whose intent is in the log and whose
// outcome is not, because the program died between the two.
type InFlight string

const (
	// Ask holds the run for a person, who answers with [Runner.Decide]. It is
	// the zero value: a step is not repeated unless somebody said it may be.
	Ask InFlight = ""
	// Repeat runs the step again: doing it twice is the same as doing it once.
	Repeat InFlight = "repeat"
	// Verify runs the step's Verify action to find out whether the effect
	// took place, and repeats the step only if it certainly did not.
	Verify InFlight = "verify"
)

// Retry says how often a step that failed is tried again. It needs an InFlight
// of Repeat, because a failed attempt may have had an effect.
type Retry struct {
	// Max is the number of further attempts; zero is none.
	Max int `json:"max,omitempty"`
	// Wait is the pause before the first of them. Each later one is twice as
	// long, up to MaxWait. A random part of up to half is taken off, so that
	// what failed together does not come back together.
	Wait time.Duration `json:"wait,omitempty"`
	// MaxWait bounds the pauses; zero is ten times Wait.
	MaxWait time.Duration `json:"max_wait,omitempty"`
}

// pause is the time before attempt number n, counted from 2, without what
// chance takes off.
func (r Retry) pause(n int) time.Duration {
	most, d := r.MaxWait, r.Wait
	if most == 0 {
		most = 10 * r.Wait
	}
	for range n - 2 {
		if d >= most/2 {
			return most
		}
		d *= 2
	}
	return min(d, most)
}

// Step is one unit of a plan: what it does, how to take it back, and how it
// behaves when the program dies in the middle of it.
type Step struct {
	// Name is unique in the plan: letters, digits, ".", "_" and "-".
	Name string
	Kind Kind
	// ExpandOnly says of a step of [KindMigrate] that it only adds, so that
	// the old release can live with it: production asks for no backup then.
	ExpandOnly bool
	// Needs names the steps that must be done before this one. Nil means the
	// step before it in the plan; an empty slice that is not nil means none.
	Needs []string
	// Provides lists the outputs that Do sets, and Binds those of other steps
	// that it reads: what [Output.Decl] returns, or the name alone where the
	// type is not known when the plan is made; see [Call.Provide].
	Provides, Binds []string
	// When, if set, decides just before the step whether it runs. A step that
	// is skipped counts as done for those that need it, sets no outputs, and
	// is not undone.
	When *When
	// Do is the effect. Undo takes it back. It runs for every step that was
	// begun, also for one that failed half way, so it must cope with an
	// effect that is partly there or not there at all. Nil means that there
	// is nothing to take back.
	Do, Undo Action
	// Verify finds out whether the effect of Do is there: nil when it is, an
	// error that wraps [ErrNotDone] when it certainly is not, any other error
	// when that cannot be told. Where the step has outputs, it provides them.
	// Only for an InFlight of Verify.
	Verify Action
	// InFlight is what to do when the program died inside Do or Undo.
	InFlight InFlight
	// Timeout bounds each attempt of Do, Undo and Verify; zero is no bound.
	Timeout time.Duration
	// UndoTimeout bounds each attempt of Undo in place of Timeout; zero is
	// Timeout.
	UndoTimeout time.Duration
	Retry       Retry
}

// Plan is what a run does: steps on one service in one environment. It is
// data; nothing happens until a [Runner] runs it.
type Plan struct {
	// Service names what is released: letters, digits, ".", "_" and "-".
	Service string
	Env     envconfig.Environment
	// Steps run as soon as those that they need are done; without Needs that
	// is one at a time, as listed.
	Steps []Step
	// Change is what is released, for the record and for those who approve
	// it; nil where the plan releases nothing.
	Change *Change
	// BreakGlass is why the plan may go through a [Freeze]; empty is not at
	// all. It is part of the digest, and so of what is approved and recorded.
	BreakGlass string
	// Availability, when set, probes the service from before the first step
	// to after the last and counts failed requests.
	Availability *Availability
}

// Change is what a plan releases.
type Change struct {
	// Commit identifies the source, such as a git commit in full.
	Commit string `json:"commit,omitempty"`
	// Committed is when; the lead time counts from it.
	Committed time.Time `json:"committed,omitzero"`
	// Artefact is the digest of what was built, such as "sha256:...".
	Artefact string `json:"artefact,omitempty"`
}

var nameRE = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// serviceRE is narrower: the service names a stream of the log.
var serviceRE = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,99}$`)

// PlanError lists everything that is wrong with a plan. Nothing of it ran.
type PlanError struct {
	Service string
	Err     error // joined
}

// Error lists the problems, parted by semicolons.
func (e *PlanError) Error() string {
	return fmt.Sprintf("plan %q: %s", e.Service, strings.ReplaceAll(e.Err.Error(), "\n", "; "))
}

// Unwrap returns the joined problems.
func (e *PlanError) Unwrap() error { return e.Err }

// Validate reports every problem of the plan at once, as a [*PlanError]: bad
// names, unknown or cyclic Needs, outputs that nobody provides before they are
// read, actions that are missing or whose spec holds a secret, and whatever
// the environment's rules forbid.
func (p Plan) Validate() error { return p.validateAt(time.Now()) }

// validateAt judges by the exemptions that held at t.
func (p Plan) validateAt(t time.Time) error {
	var errs []error
	if !serviceRE.MatchString(p.Service) {
		errs = append(errs, fmt.Errorf("field Service: %q is not a name of lower-case letters, digits, \".\", \"_\" and \"-\"", p.Service))
	}
	if err := p.Env.ValidateAt(t); err != nil {
		errs = append(errs, fmt.Errorf("field Env: %w", err))
	}
	if p.BreakGlass != "" && strings.TrimSpace(p.BreakGlass) == "" {
		errs = append(errs, errors.New("field BreakGlass is blank; give the reason, or nothing"))
	}
	if p.Availability != nil {
		if err := p.Availability.validate(); err != nil {
			errs = append(errs, fmt.Errorf("field Availability: %w", err))
		}
	}
	if len(p.Steps) == 0 {
		errs = append(errs, errors.New("field Steps: a plan without steps does nothing"))
	}
	errs = append(errs, p.validateSteps()...)
	if _, err := p.order(); err != nil {
		errs = append(errs, err)
	} else {
		errs = append(errs, p.validateBinds()...)
		errs = append(errs, p.validateRules()...)
	}
	errs = append(errs, p.validateActions()...)
	if len(errs) == 0 {
		return nil
	}
	return &PlanError{Service: p.Service, Err: errors.Join(errs...)}
}

func (p Plan) validateSteps() []error {
	var errs []error
	seen := map[string]int{}
	for i, s := range p.Steps {
		at := fmt.Sprintf("field Steps[%d] %q", i, s.Name)
		if !nameRE.MatchString(s.Name) {
			errs = append(errs, fmt.Errorf("%s: Name is not made of letters, digits, \".\", \"_\" and \"-\"", at))
		}
		if first, dup := seen[s.Name]; dup {
			errs = append(errs, fmt.Errorf("%s: Name is also that of Steps[%d]; names are unique", at, first))
		} else {
			seen[s.Name] = i
		}
		if s.Do == nil {
			errs = append(errs, fmt.Errorf("%s: Do is nil", at))
		}
		if s.ExpandOnly && s.Kind != KindMigrate {
			errs = append(errs, fmt.Errorf("%s: ExpandOnly is for steps of kind %q", at, KindMigrate))
		}
		if s.Timeout < 0 || s.UndoTimeout < 0 {
			errs = append(errs, fmt.Errorf("%s: Timeout %s or UndoTimeout %s is negative", at, s.Timeout, s.UndoTimeout))
		}
		if s.UndoTimeout > 0 && s.Undo == nil {
			errs = append(errs, fmt.Errorf("%s: UndoTimeout is set and Undo is nil", at))
		}
		if err := s.When.validate(s); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", at, err))
		}
		errs = append(errs, s.validateCrash(at)...)
	}
	return errs
}

// validateCrash checks what the step says about dying in the middle of it.
func (s Step) validateCrash(at string) []error {
	var errs []error
	switch s.InFlight {
	case Ask, Repeat:
		if s.Verify != nil {
			errs = append(errs, fmt.Errorf("%s: Verify is set, so InFlight must be deploy.Verify", at))
		}
	case Verify:
		if s.Verify == nil {
			errs = append(errs, fmt.Errorf("%s: InFlight is verify, so Verify must be set", at))
		}
	default:
		errs = append(errs, fmt.Errorf("%s: InFlight %q is none of ask (empty), repeat, verify", at, s.InFlight))
	}
	if s.Retry.Max < 0 || s.Retry.Wait < 0 || s.Retry.MaxWait < 0 {
		errs = append(errs, fmt.Errorf("%s: Retry is negative", at))
	}
	if s.Retry.MaxWait > 0 && s.Retry.MaxWait < s.Retry.Wait {
		errs = append(errs, fmt.Errorf("%s: Retry.MaxWait %s is shorter than Wait %s", at, s.Retry.MaxWait, s.Retry.Wait))
	}
	if s.Retry.Max > 0 && s.InFlight != Repeat {
		errs = append(errs, fmt.Errorf("%s: Retry needs InFlight repeat, since a failed attempt may have had an effect", at))
	}
	return errs
}
