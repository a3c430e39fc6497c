package pgcheck

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/masaruk/devops/monitor"
)

// Limits say above which value it is a warning or a failure, in the unit of the
// field. Zero is the default that stands there, negative is none.
type Limits struct{ Warn, Fail float64 }

// Options configure a [Check]. The zero value is the default.
type Options struct {
	// Timeout bounds a run, and each statement on the server; zero is 5 s.
	Timeout time.Duration
	// Connections is the fraction of connections in use; 0.8 and 0.95.
	Connections Limits
	// Transaction is the age in seconds of the longest transaction; 900 and 3600.
	Transaction Limits
	// Idle is for how many seconds a session may be idle in a transaction; 300
	// and 900.
	Idle Limits
	// Blocked is for how many seconds a session may wait for a lock; 30 and 300.
	Blocked Limits
	// Lag is how many seconds a standby may be behind; 60 and 600.
	Lag Limits
	// LagBytes is the same in bytes of WAL; 256 MiB and 1 GiB.
	LagBytes Limits
	// Standbys are the application names of standbys that have to stream; at most
	// 5. It fails if one does not.
	Standbys []string
	// SlotRetained is how many bytes of WAL an inactive slot may hold back; 1 GiB
	// and 10 GiB. With a negative Fail a lost slot is no failure either.
	SlotRetained Limits
	// ArchiveWait is for how many seconds a finished segment may wait to be
	// archived; 600 and 1800. With a negative Fail it is no failure either that the
	// last attempt failed.
	ArchiveWait Limits
	// ArchiveAge is how many seconds ago the last segment may have been archived;
	// none by default, because an idle server archives nothing. If a limit is
	// given, archive_mode has to be on.
	ArchiveAge Limits
	// Wraparound is the age of the oldest transaction id or multixact as a
	// fraction of 2^31; 0.25 and 0.5. The server refuses to write shortly before
	// 1.
	Wraparound Limits
	// Deadlocks is how many there may be per minute; 1 and none.
	Deadlocks Limits
	// InvalidIndexes warns of indexes that are invalid and not being built.
	InvalidIndexes bool
}

// none is a limit that nothing is above.
const none = -1

func (o *Options) setDefaults() {
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	for _, d := range []struct {
		field    *Limits
		standard Limits
	}{
		{&o.Connections, Limits{0.8, 0.95}},
		{&o.Transaction, Limits{900, 3600}},
		{&o.Idle, Limits{300, 900}},
		{&o.Blocked, Limits{30, 300}},
		{&o.Lag, Limits{60, 600}},
		{&o.LagBytes, Limits{256 << 20, 1 << 30}},
		{&o.SlotRetained, Limits{1 << 30, 10 << 30}},
		{&o.ArchiveWait, Limits{600, 1800}},
		{&o.ArchiveAge, Limits{none, none}},
		{&o.Wraparound, Limits{0.25, 0.5}},
		{&o.Deadlocks, Limits{1, none}},
	} {
		if d.field.Warn == 0 {
			d.field.Warn = d.standard.Warn
		}
		if d.field.Fail == 0 {
			d.field.Fail = d.standard.Fail
		}
	}
}

// validate refuses limits in the wrong order.
func (o *Options) validate() error {
	var wrong []error
	for _, l := range []struct {
		name string
		Limits
	}{
		{"Connections", o.Connections},
		{"Transaction", o.Transaction},
		{"Idle", o.Idle},
		{"Blocked", o.Blocked},
		{"Lag", o.Lag},
		{"LagBytes", o.LagBytes},
		{"SlotRetained", o.SlotRetained},
		{"ArchiveWait", o.ArchiveWait},
		{"ArchiveAge", o.ArchiveAge},
		{"Wraparound", o.Wraparound},
		{"Deadlocks", o.Deadlocks},
	} {
		if l.Warn >= 0 && l.Fail >= 0 && l.Warn > l.Fail {
			wrong = append(wrong, fmt.Errorf("pgcheck.New: Options.%s: Warn %g is above Fail %g: negative is none", l.name, l.Warn, l.Fail))
		}
	}
	if o.Timeout < time.Millisecond {
		wrong = append(wrong, fmt.Errorf("pgcheck.New: Options.Timeout %s is below 1 ms", o.Timeout))
	}
	if len(o.Standbys) > 5 || slices.Contains(o.Standbys, "") {
		wrong = append(wrong, errors.New("pgcheck.New: Options.Standbys has more than 5 names, for which make a second check, or an empty one"))
	}
	return errors.Join(wrong...)
}

// Check looks at one server. [New] makes it.
type Check struct {
	config *pgx.ConnConfig
	o      Options

	mu        sync.Mutex
	deadlocks count
}

// count is what a counter of the server showed at a time.
type count struct {
	at time.Time
	n  float64
}

var _ monitor.Check = (*Check)(nil)

// New makes a check of the server that [pgx.ParseConfig] made a configuration of;
// it is copied. Nil options are the defaults. New does no I/O; the error names
// every option that cannot be used.
func New(config *pgx.ConnConfig, opts *Options) (*Check, error) {
	if config == nil {
		return nil, errors.New("pgcheck.New: there is no configuration; make one with pgx.ParseConfig")
	}
	c := &Check{config: config.Copy()}
	if opts != nil {
		c.o = *opts
	}
	c.o.Standbys = slices.Clone(c.o.Standbys)
	c.o.setDefaults()
	if err := c.o.validate(); err != nil {
		return nil, err
	}
	c.config.DefaultQueryExecMode = pgx.QueryExecModeExec // one round trip, nothing prepared
	if c.config.RuntimeParams == nil {
		c.config.RuntimeParams = map[string]string{}
	}
	p := c.config.RuntimeParams
	if p["application_name"] == "" {
		p["application_name"] = "devops-pgcheck"
	}
	p["statement_timeout"] = strconv.FormatInt(c.o.Timeout.Milliseconds(), 10)
	p["default_transaction_read_only"] = "on"
	return c, nil
}

// Check connects, and asks about everything that the options leave on.
func (c *Check) Check(ctx context.Context) monitor.Result {
	ctx, cancel := context.WithTimeoutCause(ctx, c.o.Timeout,
		fmt.Errorf("not done within %s: %w", c.o.Timeout, context.DeadlineExceeded))
	defer cancel()
	r := &run{check: c, o: &c.o, result: monitor.Result{Status: monitor.Pass}}
	begun := time.Now()
	conn, err := pgx.ConnectConfig(ctx, c.config.Copy())
	if err != nil {
		r.worsen(monitor.Fail, refused(err), because(ctx, err))
		return r.result
	}
	r.add("connect", time.Since(begun).Seconds(), "s")
	r.conn = conn
	r.all(ctx)
	_ = conn.Close(ctx) // what was read stands
	return r.result
}
