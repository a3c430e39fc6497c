package approval

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/secrets"
)

// Options configure a [Desk]. The zero value is the default.
type Options struct {
	// Desks are the keys of the other programs whose word counts: that they
	// opened a request, and that a person they have identified voted.
	Desks []deploy.VerifyingKey
	// Approvers may vote with a file that they have signed.
	Approvers []Approver
	// Poll is how often a gate looks for votes that came through another
	// program; zero is 2 seconds. Those of the same Desk it sees at once.
	Poll time.Duration
	// Redactor knows the secrets that may stand in no request and no comment;
	// nil knows none.
	Redactor *secrets.Redactor
	// Logger receives the errors that the page does not show to whoever asks;
	// nil discards them.
	Logger *slog.Logger
}

// Desk is where gates ask and people vote. Several, in several programs, may
// share a log. A Desk is safe for concurrent use and needs no closing.
type Desk struct {
	log   deploy.Log
	key   deploy.SigningKey
	desks []deploy.VerifyingKey // that count, the own one first
	opts  Options

	mu      sync.Mutex
	ledgers map[string]*ledger
}

// New returns a Desk that keeps requests and votes in log, which may be that
// of the runs, and signs what it writes with key. Nil options mean the
// defaults. It does no I/O.
func New(log deploy.Log, key deploy.SigningKey, opts *Options) (*Desk, error) {
	d := &Desk{log: log, key: key, ledgers: map[string]*ledger{}}
	if opts != nil {
		d.opts = *opts
		d.opts.Approvers = slices.Clone(opts.Approvers)
	}
	d.opts.Poll = cmp.Or(d.opts.Poll, 2*time.Second)
	if d.opts.Logger == nil {
		d.opts.Logger = slog.New(slog.DiscardHandler)
	}
	var errs []error
	if log == nil {
		errs = append(errs, errors.New("log is nil"))
	}
	if len(key.Key) != ed25519.PrivateKeySize {
		errs = append(errs, fmt.Errorf("key: it has %d bytes, want %d", len(key.Key), ed25519.PrivateKeySize))
	} else {
		d.desks = append(d.desks, deploy.VerifyingKey{Name: key.Name, Key: key.Key.Public().(ed25519.PublicKey)})
	}
	d.desks = append(d.desks, d.opts.Desks...)
	for i, k := range d.desks {
		if checkRole(k.Name) != nil || len(k.Key) != ed25519.PublicKeySize {
			errs = append(errs, fmt.Errorf("key %d of a desk, %q: it has a name of 1 to %d bytes and %d bytes", i, k.Name, maxRole, ed25519.PublicKeySize))
		}
	}
	for i, a := range d.opts.Approvers {
		if err := a.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("field Approvers[%d]: %w", i, err))
		}
		if len(a.Key) != ed25519.PublicKeySize {
			errs = append(errs, fmt.Errorf("field Approvers[%d].Key: it has %d bytes, want %d", i, len(a.Key), ed25519.PublicKeySize))
		}
	}
	if d.opts.Poll < 0 {
		errs = append(errs, fmt.Errorf("field Poll: %s is negative", d.opts.Poll))
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("approval.New: %w", errors.Join(errs...))
	}
	return d, nil
}

// ledger returns the one of the service in the environment.
func (d *Desk) ledger(service, environment string) *ledger {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := environment + "/" + service
	l := d.ledgers[at]
	if l == nil {
		l = newLedger(d, service, environment)
		d.ledgers[at] = l
	}
	return l
}

// Requests yields where each request of a service in an environment stands,
// the newest first. The Run of ref does not matter. It yields one error and
// stops where the log cannot be read or believed; the error is an [*Error].
func (d *Desk) Requests(ctx context.Context, ref deploy.Ref) iter.Seq2[*Status, error] {
	return func(yield func(*Status, error) bool) {
		list, err := d.list(ctx, ref)
		if err != nil {
			yield(nil, err)
			return
		}
		for _, s := range list {
			if !yield(s, nil) {
				return
			}
		}
	}
}

func (d *Desk) list(ctx context.Context, ref deploy.Ref) ([]*Status, error) {
	l := d.ledger(ref.Service, ref.Environment)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.sync(ctx); err != nil {
		return nil, l.subject.wrap("read the requests", err)
	}
	now := time.Now()
	var list []*Status
	for _, e := range slices.Backward(l.entries) {
		list = append(list, e.status(now))
	}
	return list, nil
}

// Request returns where the request of that digest stands. The error is an
// [*Error], and wraps [fs.ErrNotExist] where the desk knows none.
func (d *Desk) Request(ctx context.Context, ref deploy.Ref, digest string) (*Status, error) {
	l := d.ledger(ref.Service, ref.Environment)
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.sync(ctx)
	if err == nil {
		if e := l.find(digest); e != nil {
			return e.status(time.Now()), nil
		}
		err = fmt.Errorf("request %q: %w", short(digest), fs.ErrNotExist)
	}
	return nil, l.subject.wrap("read a request", err)
}

// short keeps what came from outside from filling an error.
func short(s string) string {
	if len(s) > 80 {
		s = s[:80] + "..."
	}
	return s
}

// Vote records the ballot of a person whom the program has identified, on the
// request as it was shown. When it returns nil the vote counts and is durable.
//
// The error is an [*Error] that wraps [ErrSelf], [ErrRole], [ErrVoted],
// [ErrExpired], [ErrClosed], [deploy.ErrSecret], [fs.ErrNotExist], or what went
// wrong with the log; then it may have been recorded, and can be handed in
// again, since a person counts once.
func (d *Desk) Vote(ctx context.Context, on Request, b Ballot) (*Status, error) {
	return d.vote(ctx, on, b, "program")
}

func (d *Desk) vote(ctx context.Context, on Request, b Ballot, via string) (*Status, error) {
	b.Comment = strings.TrimSpace(b.Comment)
	v := newVote(on, b, via)
	return d.record(ctx, on.Subject, v, func(Vote) (*record, error) { return d.sign(recVoted, v) })
}

func newVote(on Request, b Ballot, via string) Vote {
	return Vote{
		Version: version, Request: on.Digest(), Service: on.Service, Environment: on.Environment,
		Ballot: b, Time: time.Now().UTC(), Via: via,
	}
}

// record adds a vote if it counts at the place that it gets in the log.
func (d *Desk) record(ctx context.Context, about Subject, v Vote, make func(Vote) (*record, error)) (*Status, error) {
	l := d.ledger(v.Service, v.Environment)
	l.mu.Lock()
	defer l.mu.Unlock()
	var e *entry
	err := l.append(ctx, func() (*record, error) {
		if e = l.find(v.Request); e == nil {
			return nil, fmt.Errorf("request %q: %w", short(v.Request), fs.ErrNotExist)
		}
		if !time.Now().Before(e.Deadline) { // closed by then or not
			return nil, ErrExpired
		}
		if e.closed != "" {
			return nil, fmt.Errorf("%w: it is %s", ErrClosed, e.closed)
		}
		if err := e.admit(v); err != nil {
			return nil, err
		}
		return make(v)
	})
	if err != nil {
		return nil, about.wrap("vote", err)
	}
	return e.status(time.Now()), nil
}
