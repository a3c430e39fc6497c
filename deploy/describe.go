package deploy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Description is a plan as data: what enters its digest and what a person
// approves. The JSON of a Description is stored in the log with the run.
type Description struct {
	Version     int               `json:"v"`
	Service     string            `json:"service"`
	Environment string            `json:"environment"`
	Tier        string            `json:"tier"`
	Rules       json.RawMessage   `json:"rules"`
	Steps       []StepDescription `json:"steps"`
	Change      *Change           `json:"change,omitempty"`
	BreakGlass  string            `json:"break_glass,omitempty"`
	// Availability is what is probed meanwhile.
	Availability *Availability `json:"availability,omitempty"`
}

// StepDescription is a step as data, in the order the steps run in.
type StepDescription struct {
	Name       string             `json:"name"`
	Kind       Kind               `json:"kind,omitempty"`
	ExpandOnly bool               `json:"expand_only,omitempty"`
	Needs      []string           `json:"needs,omitempty"`
	Provides   []string           `json:"provides,omitempty"`
	Binds      []string           `json:"binds,omitempty"`
	When       *When              `json:"when,omitempty"`
	Do         *ActionDescription `json:"do"`
	Undo       *ActionDescription `json:"undo,omitempty"`
	Verify     *ActionDescription `json:"verify,omitempty"`
	InFlight   InFlight           `json:"in_flight,omitempty"`
	Timeout    time.Duration      `json:"timeout,omitempty"`
	// UndoTimeout is that of Undo, where it is another.
	UndoTimeout time.Duration `json:"undo_timeout,omitempty"`
	Retry       *Retry        `json:"retry,omitempty"`
}

// ActionDescription is an action as data.
type ActionDescription struct {
	// Type is the Go type of the action, such as "deploy.Exec".
	Type string `json:"type"`
	// Opaque is the name of an action made by [Func], whose content nobody
	// can read here.
	Opaque string          `json:"opaque,omitempty"`
	Spec   json.RawMessage `json:"spec"`
}

// Describe returns the plan as data. It fails where Validate would fail for an
// action or for the order of the steps.
func (p Plan) Describe() (Description, error) {
	d := Description{Version: 1, Service: p.Service, Environment: p.Env.Name, Tier: p.Env.Tier.String(), BreakGlass: p.BreakGlass, Availability: p.Availability}
	if p.Change != nil {
		change := *p.Change
		change.Committed = change.Committed.UTC().Round(0) // the same instant is the same change
		d.Change = &change
	}
	rules, err := json.Marshal(p.Env.Rules)
	if err != nil {
		return d, fmt.Errorf("field Env.Rules: %w", err)
	}
	d.Rules = rules
	order, err := p.order()
	if err != nil {
		return d, err
	}
	index := p.index()
	var errs []error
	for _, i := range order {
		s, err := p.describeStep(i, index)
		errs = append(errs, err)
		d.Steps = append(d.Steps, s)
	}
	return d, errors.Join(errs...)
}

func (p Plan) describeStep(i int, index map[string]int) (StepDescription, error) {
	s := p.Steps[i]
	d := StepDescription{
		Name: s.Name, Kind: s.Kind, ExpandOnly: s.ExpandOnly, Provides: s.Provides, Binds: s.Binds,
		InFlight: s.InFlight, Timeout: s.Timeout, UndoTimeout: s.UndoTimeout,
	}
	of, _ := p.needs(i, index)
	for _, n := range of {
		d.Needs = append(d.Needs, p.Steps[n].Name)
	}
	if s.When != nil {
		when := *s.When
		d.When = &when
	}
	if s.Retry != (Retry{}) {
		d.Retry = &s.Retry
	}
	var errs [3]error
	d.Do, errs[0] = describeAction(s.Do)
	d.Undo, errs[1] = describeAction(s.Undo)
	d.Verify, errs[2] = describeAction(s.Verify)
	for n, name := range []string{"Do", "Undo", "Verify"} {
		if errs[n] != nil {
			errs[n] = fmt.Errorf("field Steps[%d] %q: %s: %w", i, s.Name, name, errs[n])
		}
	}
	return d, errors.Join(errs[:]...)
}

// validator is an Action that can tell before the run that it cannot work.
type validator interface{ Validate() error }

func describeAction(a Action) (d *ActionDescription, err error) {
	if a == nil {
		return nil, nil
	}
	if v := reflect.ValueOf(a); v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, fmt.Errorf("%T is a nil pointer", a)
	}
	defer func() { // a Spec that breaks
		if p := recover(); p != nil {
			d, err = nil, fmt.Errorf("spec of %T panics with a %T", a, p) // not the value, which may hold a secret
		}
	}()
	d = &ActionDescription{Type: strings.TrimPrefix(fmt.Sprintf("%T", a), "*")}
	if o, ok := a.(*opaque); ok {
		d.Type, d.Opaque = "deploy.Func", o.Name
		if o.Name == "" || o.Version == "" {
			return nil, errors.New("deploy.Func needs a name and a version")
		}
	}
	if v, ok := a.(validator); ok {
		if err := v.Validate(); err != nil {
			return nil, fmt.Errorf("%s: %w", d.Type, err)
		}
	}
	spec := a.Spec()
	if path, found := findSecret(spec); found {
		return nil, fmt.Errorf("spec of %s%s %w; put its name there instead", d.Type, path, ErrSecret)
	}
	raw, err := json.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("spec of %s: %w", d.Type, err)
	}
	d.Spec = raw
	return d, nil
}

// Digest returns the SHA-256 of the description, as "sha256:" and 64 hex
// digits: two plans with the same digest do the same.
func (d Description) Digest() string {
	raw, err := json.Marshal(d)
	if err != nil { // only a RawMessage that is not JSON, which Describe never makes
		return ""
	}
	sum := sha256.Sum256(raw)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Digest returns the digest of the plan's description.
func (p Plan) Digest() (string, error) {
	d, err := p.Describe()
	if err != nil {
		return "", err
	}
	return d.Digest(), nil
}

// String returns the description for people: a line for each step, its
// actions indented below it.
func (d Description) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s in %s (%s), %d steps, %s\n", d.Service, d.Environment, d.Tier, len(d.Steps), d.Digest())
	if c := d.Change; c != nil {
		fmt.Fprintf(&b, "releases commit %s, artefact %s\n", orUnknown(c.Commit), orUnknown(c.Artefact))
	}
	if d.BreakGlass != "" {
		fmt.Fprintf(&b, "breaks the glass: %s\n", oneLine(d.BreakGlass))
	}
	if a := d.Availability; a != nil {
		fmt.Fprintf(&b, "asks %s each %s meanwhile, and counts what fails\n", oneLine(a.URL), orDur(a.Interval, time.Second))
	}
	for i, s := range d.Steps {
		s.write(&b, i+1)
	}
	return b.String()
}

// write writes the step as line n, and its actions.
func (s StepDescription) write(b *strings.Builder, n int) {
	fmt.Fprintf(b, "%3d. %s", n, s.Name)
	if s.Kind != "" {
		fmt.Fprintf(b, " [%s]", oneLine(string(s.Kind)))
	}
	if s.ExpandOnly {
		b.WriteString(" only adds")
	}
	if len(s.Needs) > 0 {
		fmt.Fprintf(b, " after %s", strings.Join(s.Needs, ", "))
	}
	if s.When != nil {
		fmt.Fprintf(b, "; only when %s", s.When)
	}
	fmt.Fprintf(b, "; if interrupted: %s", s.InFlight)
	if len(s.Provides) > 0 {
		fmt.Fprintf(b, "; provides %s", strings.Join(s.Provides, ", "))
	}
	if len(s.Binds) > 0 {
		fmt.Fprintf(b, "; reads %s", strings.Join(s.Binds, ", "))
	}
	if s.Timeout > 0 {
		fmt.Fprintf(b, "; at most %s", s.Timeout)
	}
	if s.UndoTimeout > 0 {
		fmt.Fprintf(b, "; undo at most %s", s.UndoTimeout)
	}
	if r := s.Retry; r != nil {
		fmt.Fprintf(b, "; up to %d more attempts, at most %s apart", r.Max, r.pause(r.Max+1))
	}
	b.WriteByte('\n')
	for _, a := range []struct {
		what string
		*ActionDescription
	}{{"do", s.Do}, {"undo", s.Undo}, {"verify", s.Verify}} {
		if a.ActionDescription != nil {
			fmt.Fprintf(b, "       %-6s %s\n", a.what, a.ActionDescription)
		}
	}
}

func orUnknown(s string) string {
	if s == "" {
		return "(not told)"
	}
	return oneLine(s)
}

// String returns the action on one line.
func (a ActionDescription) String() string {
	if a.Opaque != "" {
		return fmt.Sprintf("%s (opaque: what it does cannot be read here) %s", a.Type, a.Spec)
	}
	return fmt.Sprintf("%s %s", a.Type, a.Spec)
}

// String returns the name people use.
func (f InFlight) String() string {
	if f == Ask {
		return "ask"
	}
	return string(f)
}

// diff lists the differences between a recorded description and this one,
// a line for each step that is new, gone or changed.
func (d Description) diff(recorded Description) []string {
	var lines []string
	if d.Service != recorded.Service || d.Environment != recorded.Environment || d.Tier != recorded.Tier {
		lines = append(lines, fmt.Sprintf("was for %s in %s (%s), is for %s in %s (%s)",
			recorded.Service, recorded.Environment, recorded.Tier, d.Service, d.Environment, d.Tier))
	}
	if a, b := recorded.Availability, d.Availability; (a == nil) != (b == nil) || a != nil && *a != *b {
		lines = append(lines, "what is probed for availability changed")
	}
	if a, b := recorded.Change, d.Change; (a == nil) != (b == nil) || a != nil && *a != *b {
		lines = append(lines, "what is released changed")
	}
	if d.BreakGlass != recorded.BreakGlass {
		lines = append(lines, fmt.Sprintf("the reason for breaking the glass was %q and is %q", recorded.BreakGlass, d.BreakGlass))
	}
	if string(d.Rules) != string(recorded.Rules) {
		lines = append(lines, "the rules of the environment changed")
	}
	old := map[string]StepDescription{}
	for _, s := range recorded.Steps {
		old[s.Name] = s
	}
	for _, s := range d.Steps {
		was, ok := old[s.Name]
		delete(old, s.Name)
		if !ok {
			lines = append(lines, fmt.Sprintf("step %q is new", s.Name))
			continue
		}
		a, _ := json.Marshal(was)
		b, _ := json.Marshal(s)
		if string(a) != string(b) {
			lines = append(lines, fmt.Sprintf("step %q changed from %s to %s", s.Name, a, b))
		}
	}
	for _, s := range recorded.Steps {
		if _, gone := old[s.Name]; gone {
			lines = append(lines, fmt.Sprintf("step %q is gone", s.Name))
		}
	}
	if len(lines) == 0 && d.Digest() != recorded.Digest() {
		lines = append(lines, "the order of the steps changed")
	}
	return lines
}

// validateActions checks the specs, and the environment's rules on actions
// that cannot be read.
func (p Plan) validateActions() []error {
	var errs []error
	index := p.index()
	for i, s := range p.Steps {
		if _, err := p.describeStep(i, index); err != nil {
			errs = append(errs, err)
		}
		for _, a := range []Action{s.Do, s.Undo, s.Verify} {
			for _, o := range functions(a) {
				if err := p.Env.CheckOpaque(o.Name); err != nil {
					errs = append(errs, fmt.Errorf("field Steps[%d] %q: deploy.Func %q is opaque: %w", i, s.Name, o.Name, err))
				}
			}
		}
	}
	return errs
}
