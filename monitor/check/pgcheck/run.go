package pgcheck

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/masaruk/devops/monitor"
)

// run is one run of a check.
type run struct {
	check   *Check
	o       *Options
	conn    *pgx.Conn
	result  monitor.Result
	full    bool // the role may see what others do
	standby bool // the server is one
}

// all asks about everything in turn, until the connection is lost.
func (r *run) all(ctx context.Context) {
	for _, part := range []struct {
		name string
		ask  func(context.Context) error
	}{
		{"the role", r.role},
		{"connections", r.connections},
		{"transactions", r.transactions},
		{"locks", r.locks},
		{"standbys", r.standbys},
		{"the state of the standby", r.replay},
		{"slots", r.slots},
		{"the archive", r.archive},
		{"wraparound", r.wraparound},
		{"deadlocks", r.countDeadlocks},
		{"indexes", r.indexes},
	} {
		err := part.ask(ctx)
		if err == nil {
			continue
		}
		err = fmt.Errorf("ask about %s: %w", part.name, because(ctx, err))
		var server *pgconn.PgError
		switch {
		case ctx.Err() != nil:
			r.worsen(monitor.Fail, "not done in time", err)
			return
		case errors.As(err, &server) && server.Code == "42501":
			r.worsen(monitor.Warn, "privileges are missing", fmt.Errorf("%w; GRANT pg_monitor TO the role", err))
		case r.conn.IsClosed():
			r.worsen(monitor.Fail, "the connection was lost", err)
			return
		default:
			r.worsen(monitor.Fail, "a query failed", err)
		}
	}
}

// role finds out what the role may see.
func (r *run) role(ctx context.Context) error {
	var name string
	err := r.conn.QueryRow(ctx, `SELECT current_user, pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'), pg_is_in_recovery()`).
		Scan(&name, &r.full, &r.standby)
	if err == nil && !r.full {
		r.worsen(monitor.Warn, "privileges are missing",
			fmt.Errorf("role %q is not in pg_monitor, so transactions, locks and standbys are not seen; GRANT pg_monitor TO it", name))
	}
	return err
}

// refused tells in general words why there is no connection.
func refused(err error) string {
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		return "no connection"
	}
	switch server.Code {
	case "53300":
		return "no connection is left"
	case "28P01", "28000":
		return "the login is refused"
	case "3D000":
		return "the database is not there"
	case "57P03":
		return "the server is starting or stopping"
	}
	return "the server refuses the connection"
}

// because puts the cause of ctx before what it led to.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

func (r *run) add(name string, value float64, unit string) {
	r.result.Measurements = append(r.result.Measurements, monitor.Measurement{Name: name, Value: value, Unit: unit})
}

// worsen adds a problem.
func (r *run) worsen(s monitor.Status, detail string, err error) {
	r.result.Status = max(r.result.Status, s)
	if r.result.Err == nil {
		r.result.Detail, r.result.Err = detail, err
		return
	}
	r.result.Detail += "; " + detail
	r.result.Err = fmt.Errorf("%w; %w", r.result.Err, err)
}

// judge adds a problem if value is above a limit: detail for everybody, what for
// those who run the system.
func (r *run) judge(l Limits, value float64, detail, what string) {
	status, limit := monitor.Pass, 0.0
	switch {
	case l.Fail >= 0 && value > l.Fail:
		status, limit = monitor.Fail, l.Fail
	case l.Warn >= 0 && value > l.Warn:
		status, limit = monitor.Warn, l.Warn
	default:
		return
	}
	r.worsen(status, detail, fmt.Errorf("%s (the limit is %.4g)", what, limit))
}
