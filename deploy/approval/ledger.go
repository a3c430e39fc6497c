package approval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/internal/hashlog"
)

// ledger is a desk's view of the requests of one service in one environment:
// a stream of the log, read up to where it ended last.
type ledger struct {
	desk    *Desk
	subject Subject // service and environment
	stream  string

	mu      sync.Mutex
	chain   *hashlog.Chain
	entries []*entry      // as they were opened
	changed chan struct{} // closed when something is added
	broken  error         // why the stream cannot be read on
}

// entry is a request and what came in for it.
type entry struct {
	Request
	digest string
	joined []string // who continued the run since
	votes  []Vote   // those that count
	closed State    // empty while it is open
}

func newLedger(d *Desk, service, environment string) *ledger {
	stream := "approvals/" + environment + "/" + service
	return &ledger{
		desk: d, subject: Subject{Service: service, Environment: environment}, stream: stream,
		chain: hashlog.NewChain(stream), changed: make(chan struct{}),
	}
}

// sync reads what was added since. It ends at a torn record, whose append
// never returned.
func (l *ledger) sync(ctx context.Context) error {
	if l.broken != nil {
		return l.broken
	}
	for line, err := range l.desk.log.Read(ctx, l.stream, l.chain.Head().Seq+1) {
		if errors.Is(err, deploy.ErrTorn) {
			return nil
		}
		if err == nil {
			err = l.take(line)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// take verifies the next line and enters it.
func (l *ledger) take(line []byte) error {
	body, err := l.chain.Open(line)
	if err != nil {
		return err
	}
	close(l.changed)
	l.changed = make(chan struct{})
	var r record
	if err = json.Unmarshal(body, &r); err == nil {
		err = l.enter(&r)
	}
	if err != nil { // the chain is past it now, and nobody may be
		l.broken = fmt.Errorf("record %d of %s: %w", l.chain.Head().Seq, l.stream, err)
	}
	return l.broken
}

// enter takes a record in. One that nobody signed whose word counts is passed
// over: whoever can write the log can add it, and keys are retired. So is one
// that came too late.
func (l *ledger) enter(r *record) error {
	switch r.Kind {
	case recOpened:
		return l.enterRequest(r)
	case recVoted:
		v, err := l.desk.readVote(r)
		if errors.Is(err, ErrVersion) && r.Key != "" {
			return err
		}
		e := l.find(v.Request)
		if err == nil && e != nil && e.closed == "" && l.isHere(v.Service, v.Environment) && e.admit(v) == nil {
			e.votes = append(e.votes, v)
		}
	case recJoined:
		var j joining
		if !l.desk.byDesk(r) || json.Unmarshal(r.Statement, &j) != nil {
			return nil
		}
		if j.Version != version {
			return ErrVersion
		}
		if e := l.find(j.Request); e != nil && e.closed == "" {
			e.join(j.By)
		}
	case recClosed:
		var c closing
		if !l.desk.byDesk(r) || json.Unmarshal(r.Statement, &c) != nil {
			return nil
		}
		if c.Version != version {
			return ErrVersion
		}
		if e := l.find(c.Request); e != nil {
			e.close(c.State)
		}
	default:
		if l.desk.byDesk(r) {
			return fmt.Errorf("unknown kind %q: %w", r.Kind, ErrVersion)
		}
	}
	return nil
}

func (l *ledger) enterRequest(r *record) error {
	var req Request
	if !l.desk.byDesk(r) || json.Unmarshal(r.Statement, &req) != nil {
		return nil
	}
	if err := req.check(); errors.Is(err, ErrVersion) {
		return err
	} else if err != nil || !l.isHere(req.Service, req.Environment) || l.find(req.Digest()) != nil {
		return nil
	}
	for _, e := range l.entries {
		// Runs of a service in an environment exclude each other, and a step
		// asks anew only where the plan of its run was changed.
		if e.Run != req.Run || e.Step == req.Step {
			e.close(Superseded)
		}
	}
	l.entries = append(l.entries, &entry{Request: req, digest: req.Digest()})
	return nil
}

func (l *ledger) isHere(service, environment string) bool {
	return service == l.subject.Service && environment == l.subject.Environment
}

// isInitiator tells whether the person started or continued the run.
func (e *entry) isInitiator(id string) bool {
	return samePerson(id, e.Initiator) || slices.ContainsFunc(e.joined, func(who string) bool { return samePerson(who, id) })
}

// join makes people initiators. What they approved before counts no more, and
// what they refused does, since whoever runs it may call it off.
func (e *entry) join(who []string) {
	e.joined = append(e.joined, who...)
	if e.Policy.AllowSelf {
		return
	}
	e.votes = slices.DeleteFunc(e.votes, func(v Vote) bool { return v.Verdict == Approve && e.isInitiator(v.By.ID) })
}

// close settles the request; the first one to do so has done it. What is
// settled needs no plan any more.
func (e *entry) close(s State) {
	if e.closed == "" {
		e.closed, e.Plan = s, nil
	}
}

func (l *ledger) find(digest string) *entry {
	for _, e := range slices.Backward(l.entries) {
		if e.digest == digest {
			return e
		}
	}
	return nil
}

// maxConflicts is how many records of others an append gives way to.
const maxConflicts = 100

// append adds the record that decide makes from what the ledger holds at the
// place in the log that the record gets; nil is none. The caller holds mu.
func (l *ledger) append(ctx context.Context, decide func() (*record, error)) error {
	for tries := 0; ; tries++ {
		if err := l.sync(ctx); err != nil {
			return err
		}
		r, err := decide()
		if err != nil || r == nil {
			return err
		}
		line, next, err := l.chain.Seal(r)
		if err != nil {
			return err
		}
		if len(line) > deploy.MaxRecord {
			return fmt.Errorf("%w: %d bytes, %d are possible", errTooLong, len(line), deploy.MaxRecord)
		}
		err = l.desk.log.Append(ctx, l.stream, next.Seq, line)
		if err == nil {
			return l.take(line)
		}
		// It may be there all the same.
		if syncErr := l.sync(context.WithoutCancel(ctx)); syncErr != nil {
			return errors.Join(err, syncErr)
		}
		if l.chain.Head().Seq >= next.Seq && l.chain.CheckAnchor(next) == nil {
			return nil
		}
		if !errors.Is(err, deploy.ErrConflict) || tries >= maxConflicts {
			return err
		}
	}
}

var errTooLong = errors.New("the request is too long for a record of the log")

// status is where the request stands at an instant.
func (e *entry) status(now time.Time) *Status {
	s := &Status{
		Request: e.Request, Digest: e.digest, Votes: slices.Clone(e.votes), State: e.closed,
		Initiators: append([]string{e.Initiator}, e.joined...),
	}
	state, _, missing := e.tally(e.votes, now)
	if s.State == "" {
		s.State, s.Missing = state, missing
		s.Open = state == Waiting || state == Approved
	}
	return s
}
