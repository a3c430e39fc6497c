package approval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/secrets"
)

// Runs tells about the run that a gate belongs to: the digest of its plan and
// who started it. [*deploy.Runner] does.
type Runs interface {
	Report(ctx context.Context, ref deploy.Ref) (*deploy.Report, error)
}

// GateOptions configure a [Gate]. The zero value is the default.
type GateOptions struct {
	// Plan returns the description of the plan that the gate is part of, so
	// that people see what they approve; it is called when the request is
	// opened, and one that has not the digest of the run's plan is refused.
	// Nil shows the digest only.
	Plan func() (deploy.Description, error)
}

// Gate is an action that waits until a run is approved. It has no effect, so
// its step is repeated when the program died in it; see [Gate.Step].
type Gate struct {
	desk   *Desk
	runs   Runs
	policy Policy
	opts   GateOptions
}

// Gate returns an action that opens a request at the desk and waits. Runs is
// the Runner that will run it. Nil options mean the defaults.
func (d *Desk) Gate(runs Runs, p Policy, opts *GateOptions) (*Gate, error) {
	if runs == nil {
		return nil, errors.New("approval.Gate: runs is nil")
	}
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("approval.Gate: %w", err)
	}
	g := &Gate{desk: d, runs: runs, policy: p.withDefaults()}
	if opts != nil {
		g.opts = *opts
	}
	return g, nil
}

// Step returns a step of that name that waits at the gate.
func (g *Gate) Step(name string) deploy.Step {
	return deploy.Step{
		Name: name, Kind: deploy.KindApproval, Do: g, InFlight: deploy.Repeat,
		Binds: g.policy.Outputs, Provides: []string{g.policy.Provides},
	}
}

// spec is the policy, and the keys by which it is judged.
type spec struct {
	Policy
	Desks     []deploy.VerifyingKey `json:"desks"`
	Approvers []Approver            `json:"approvers,omitempty"`
}

// Spec returns the policy with its defaults resolved, and the public keys that
// count.
func (g *Gate) Spec() any { return spec{g.policy, g.desk.desks, g.desk.opts.Approvers} }

// Preview says who is asked.
func (g *Gate) Preview() []string {
	var who []string
	for _, q := range g.policy.Quorums {
		who = append(who, q.String())
	}
	return []string{fmt.Sprintf("wait at most %s for the approval of %s", g.policy.Within, strings.Join(who, " and "))}
}

// Run opens the request, or finds the one that is open, and waits. It returns
// nil and provides [Passed] when the policy is met, and an [*Error] that wraps
// [ErrRefused], [ErrExpired] or [ErrClosed] when it can be met no more.
func (g *Gate) Run(ctx context.Context, c *deploy.Call) error {
	about := Subject{Service: c.Service, Environment: c.Environment, Run: c.Run, Step: c.Step}
	if c.Phase != deploy.PhaseForward {
		return about.wrap("open", errors.New("an approval is the Do of a step, not its Undo"))
	}
	want, err := g.request(ctx, c, about)
	if err != nil {
		return about.wrap("open", err)
	}
	l := g.desk.ledger(c.Service, c.Environment)
	digest, err := g.open(ctx, l, want)
	if err != nil {
		return about.wrap("open", err)
	}
	err = g.wait(ctx, c, l, digest)
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return err
	}
	return about.wrap("wait", err)
}

// request makes what is to be asked, but for its times and the plan.
func (g *Gate) request(ctx context.Context, c *deploy.Call, about Subject) (Request, error) {
	rep, err := g.runs.Report(ctx, deploy.Ref{Service: c.Service, Environment: c.Environment, Run: c.Run})
	if err != nil {
		return Request{}, err
	}
	about.PlanDigest, about.Initiator = rep.PlanDigest, rep.Initiator
	if !g.policy.AllowSelf {
		if _, err := canonical(about.Initiator); err != nil || strings.Contains(about.Initiator, secrets.Placeholder) {
			return Request{}, fmt.Errorf("who started the run is %q, so nobody can tell whether they approve it themselves: set deploy.Options.Initiator to an account name or e-mail address, or AllowSelf", about.Initiator)
		}
	}
	about.Outputs = map[string]json.RawMessage{}
	for _, name := range g.policy.Outputs {
		var raw json.RawMessage
		if err := c.Bind(name, &raw); err != nil {
			return Request{}, err
		}
		about.Outputs[name] = raw
	}
	return Request{Version: version, Subject: about, Policy: g.policy}, nil
}

// open returns the digest of the request that was opened for this before, or
// of a new one.
func (g *Gate) open(ctx context.Context, l *ledger, want Request) (digest string, err error) {
	if g.opts.Plan != nil {
		d, err := g.opts.Plan()
		if err != nil {
			return "", err
		}
		if got := d.Digest(); got != want.PlanDigest {
			return "", fmt.Errorf("the plan that would be shown has the digest %s, and the run's has %s: give the gate the plan that it is part of", got, want.PlanDigest)
		}
		want.Plan = &d
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	ask := func() (*record, error) {
		for _, e := range l.entries {
			if e.closed != Superseded && e.asks(want) {
				digest = e.digest
				return nil, nil
			}
		}
		want.Opened = time.Now().UTC().Round(0)
		want.Deadline = want.Opened.Add(want.Policy.Within)
		digest = want.Digest()
		return g.desk.sign(recOpened, want)
	}
	err = l.append(ctx, ask)
	if errors.Is(err, errTooLong) && want.Plan != nil {
		want.Plan = nil
		err = l.append(ctx, ask)
	}
	return digest, err
}

// maxFailures is how many times in a row the log may fail while the gate
// waits, which can be for days.
const maxFailures = 5

// wait returns when the request is settled.
func (g *Gate) wait(ctx context.Context, c *deploy.Call, l *ledger, digest string) error {
	said, failures := "", 0
	for {
		l.mu.Lock()
		changed := l.changed
		l.mu.Unlock()
		s, by, err := g.settle(ctx, l, digest)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			if failures++; failures >= maxFailures {
				return err
			}
			c.Printf("the log of the approvals failed, try %d of %d: %s", failures, maxFailures, g.desk.opts.Redactor.String(err.Error()))
		case s.State == Approved:
			for _, a := range by {
				c.Printf("approved by %s", Identity{ID: a.ID, Name: a.Name})
			}
			return c.Provide(g.policy.Provides, Passed{Request: digest, By: by})
		case s.State != Waiting:
			return s.err()
		default:
			failures = 0
			if now := fmt.Sprintf("request %s waits until %s for %s", digest, s.Request.Deadline.Format(time.RFC3339), strings.Join(s.Missing, " and ")); now != said {
				said = now
				c.Printf("%s", now)
			}
		}
		wait := g.desk.opts.Poll
		if s != nil {
			wait = min(wait, time.Until(s.Request.Deadline))
		}
		pause(ctx, changed, wait)
	}
}

// pause ends when something changes, time is up or ctx ends.
func pause(ctx context.Context, changed <-chan struct{}, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-changed:
	case <-t.C:
	}
}

// settle counts, and closes the request where that decides it: a vote that
// comes later in the log is refused, so whoever gave one that was taken can
// rely on it.
func (g *Gate) settle(ctx context.Context, l *ledger, digest string) (s *Status, by []Approval, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	err = l.append(ctx, func() (*record, error) {
		e := l.find(digest)
		if e == nil {
			return nil, errors.New("the request is gone from the log")
		}
		now := time.Now()
		s = e.status(now)
		if e.closed == "" && s.State != Waiting {
			return g.desk.sign(recClosed, closing{version, digest, s.State, now.UTC()})
		}
		return nil, nil
	})
	if err != nil {
		return nil, nil, err
	}
	if s.State == Approved { // also where an earlier controller had closed it
		s.State, by, _ = s.Request.tally(s.Votes, time.Now())
	}
	return s, by, nil
}

// err is why a request that is settled lets nobody pass.
func (s *Status) err() error {
	switch s.State {
	case Refused:
		return refusal(s.Votes)
	case Expired:
		err := fmt.Errorf("%w (%s)", ErrExpired, s.Request.Deadline.Format(time.RFC3339))
		if len(s.Missing) > 0 {
			err = fmt.Errorf("%w, missing: %s", err, strings.Join(s.Missing, " and "))
		}
		return err
	}
	return fmt.Errorf("%w: it is %s", ErrClosed, s.State)
}

var _ deploy.Previewer = (*Gate)(nil)
