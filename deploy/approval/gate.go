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

// Gate is an action that waits until a run is approved. It has no effect, so
// its step is repeated when the program died in it; see [Gate.Step].
type Gate struct {
	desk   *Desk
	policy Policy
}

// Gate returns an action that opens a request at the desk and waits.
func (d *Desk) Gate(p Policy) (*Gate, error) {
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("approval.Gate: %w", err)
	}
	return &Gate{desk: d, policy: p.withDefaults()}, nil
}

// Step returns a step of that name that waits at the gate.
func (g *Gate) Step(name string) deploy.Step {
	return deploy.Step{
		Name: name, Kind: deploy.KindApproval, Do: g, InFlight: deploy.Repeat,
		Binds: g.policy.Outputs, Provides: []string{g.approved().Decl()},
	}
}

// approved is the output of the step.
func (g *Gate) approved() deploy.Output[deploy.Approved] {
	return deploy.Output[deploy.Approved]{Name: g.policy.Provides, Version: version}
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
// nil and provides [deploy.Approved] when the policy is met, and an [*Error] that wraps
// [ErrRefused], [ErrExpired] or [ErrClosed] when it can be met no more.
func (g *Gate) Run(ctx context.Context, c *deploy.Call) error {
	about := Subject{Service: c.Service, Environment: c.Environment, Run: c.Run, Step: c.Step}
	if c.Phase != deploy.PhaseForward {
		return about.wrap("open", errors.New("an approval is the Do of a step, not its Undo"))
	}
	want, err := g.request(c, about)
	if err != nil {
		return about.wrap("open", err)
	}
	l := g.desk.ledger(c.Service, c.Environment)
	digest, err := g.open(ctx, l, want)
	if err == nil {
		err = g.join(ctx, l, digest, c.Initiators)
	}
	if err != nil {
		return about.wrap("open", err)
	}
	err = g.wait(ctx, c, l, digest)
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return err
	}
	return about.wrap("wait", err)
}

// request makes what is to be asked, but for its times.
func (g *Gate) request(c *deploy.Call, about Subject) (Request, error) {
	about.PlanDigest, about.Executable, about.Initiator = c.PlanDigest, c.Executable, c.Initiators[0]
	for _, who := range c.Initiators {
		if _, err := canonical(who); !g.policy.AllowSelf && (err != nil || strings.Contains(who, secrets.Placeholder)) {
			return Request{}, fmt.Errorf("who started or continued the run is %q, so nobody can tell whether they approve it themselves: set deploy.Options.Initiator to an account name or e-mail address, or AllowSelf", who)
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
	return Request{Version: version, Subject: about, Policy: g.policy, Plan: c.Plan}, nil
}

// open returns the digest of the request that was opened for this before, or
// of a new one.
func (g *Gate) open(ctx context.Context, l *ledger, want Request) (digest string, err error) {
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

// join puts into the log who continued the run: from there on they are among
// those who cannot approve it, and an approval that they gave counts no more.
func (g *Gate) join(ctx context.Context, l *ledger, digest string, initiators []string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.append(ctx, func() (*record, error) {
		e := l.find(digest)
		if e == nil || e.closed != "" {
			return nil, nil // wait says so
		}
		var by []string
		for _, who := range initiators {
			if _, err := canonical(who); err == nil && !e.isInitiator(who) {
				by = append(by, who)
			}
		}
		if len(by) == 0 {
			return nil, nil
		}
		return g.desk.sign(recJoined, joining{version, digest, by, time.Now().UTC()})
	})
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
			return g.approved().Provide(c, deploy.Approved{Request: digest, By: by})
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
func (g *Gate) settle(ctx context.Context, l *ledger, digest string) (s *Status, by []deploy.Approval, err error) {
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
