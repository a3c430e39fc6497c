package pgcheck

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/masaruk/devops/monitor"
)

// position is how far this server's WAL goes, on a standby what it has replayed.
const position = `CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END`

// standby is one that is connected.
type standby struct {
	Name, State string
	Bytes, Lag  float64
}

func (r *run) standbys(ctx context.Context) error {
	if !r.full {
		return nil
	}
	// A base backup and a receiver of WAL replay nothing; they are told by that.
	rows, err := r.conn.Query(ctx, `
SELECT application_name, state,
	greatest(coalesce(pg_wal_lsn_diff(`+position+`, replay_lsn), 0), 0)::float8,
	coalesce(extract(epoch FROM replay_lag), 0)::float8
FROM pg_stat_replication WHERE replay_lsn IS NOT NULL AND state IN ('streaming', 'catchup')
ORDER BY application_name LIMIT 100`)
	if err != nil {
		return err
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[standby])
	if err != nil {
		return err
	}
	if len(found) == 0 && len(r.o.Standbys) == 0 {
		return nil
	}
	var bytes, lag float64
	for _, s := range found {
		bytes, lag = max(bytes, s.Bytes), max(lag, s.Lag)
		r.judge(r.o.LagBytes, s.Bytes, fmt.Sprintf("a standby is %s behind", size(s.Bytes)),
			fmt.Sprintf("standby %q (%s) is %s of WAL behind", s.Name, s.State, size(s.Bytes)))
		r.judge(r.o.Lag, s.Lag, fmt.Sprintf("a standby is %.0f s behind", s.Lag),
			fmt.Sprintf("standby %q (%s) is %.0f s behind", s.Name, s.State, s.Lag))
	}
	r.add("standbys", float64(len(found)), "1")
	r.add("lag", lag, "s")
	r.add("lag_bytes", bytes, "By")
	r.expected(found)
	return nil
}

// expected looks for the standbys that have to be there.
func (r *run) expected(found []standby) {
	for _, name := range r.o.Standbys {
		there := false
		for _, s := range found {
			if s.Name == name && !there {
				there = true
				r.add("lag_"+word(name), s.Lag, "s")
				r.add("lag_bytes_"+word(name), s.Bytes, "By")
			}
		}
		if !there {
			r.worsen(monitor.Fail, "a standby is missing", fmt.Errorf("standby %q does not stream", name))
		}
	}
}

// word is name as a part of the name of a measurement.
func word(name string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("_.-", c) {
			return c
		}
		return '_'
	}, name)
}

// replay looks at this server as a standby: how far it is behind what it
// received, and whether it receives. In seconds that is the age of the last
// commit replayed, or since the start where none was.
func (r *run) replay(ctx context.Context) error {
	if !r.standby || !r.full || r.o.Lag.Warn < 0 && r.o.Lag.Fail < 0 {
		return nil
	}
	var receives bool
	var lag, bytes float64
	err := r.conn.QueryRow(ctx, `
SELECT EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming'),
	CASE WHEN pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn() THEN 0
		ELSE greatest(extract(epoch FROM clock_timestamp() - coalesce(pg_last_xact_replay_timestamp(), pg_postmaster_start_time())), 0) END::float8,
	greatest(coalesce(pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), 0), 0)::float8`).Scan(&receives, &lag, &bytes)
	if err != nil {
		return err
	}
	r.add("replay_lag", lag, "s")
	r.add("replay_lag_bytes", bytes, "By")
	r.judge(r.o.Lag, lag, fmt.Sprintf("the standby is %.0f s behind", lag), fmt.Sprintf("the standby has replayed nothing newer than %.0f s ago of what it received", lag))
	r.judge(r.o.LagBytes, bytes, fmt.Sprintf("the standby is %s behind", size(bytes)), fmt.Sprintf("the standby has not replayed %s of the WAL that it received", size(bytes)))
	if !receives {
		r.worsen(monitor.Fail, "the standby receives nothing", errors.New("the standby does not stream from its primary, so nobody knows how far it is behind"))
	}
	return nil
}

// slot is a replication slot.
type slot struct {
	Name, Status string
	Active       bool
	Retained     float64
}

func (r *run) slots(ctx context.Context) error {
	rows, err := r.conn.Query(ctx, `
SELECT slot_name, coalesce(wal_status, ''), active, greatest(coalesce(pg_wal_lsn_diff(`+position+`, restart_lsn), 0), 0)::float8
FROM pg_replication_slots WHERE NOT temporary ORDER BY 4 DESC LIMIT 1000`)
	if err != nil {
		return err
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[slot])
	if err != nil {
		return err
	}
	var inactive, retained float64
	for _, s := range found {
		if s.Status == "lost" && r.o.SlotRetained.Fail >= 0 {
			r.worsen(monitor.Fail, "a replication slot is lost", fmt.Errorf("slot %q is lost: WAL that it needs is gone; make its consumer anew and drop it", s.Name))
		}
		if s.Active {
			continue
		}
		inactive++
		retained = max(retained, s.Retained)
		r.judge(r.o.SlotRetained, s.Retained, fmt.Sprintf("an inactive replication slot holds back %s of WAL", size(s.Retained)),
			fmt.Sprintf("slot %q is inactive and holds back %s of WAL; start its consumer or drop it", s.Name, size(s.Retained)))
	}
	r.add("slots_inactive", inactive, "1")
	r.add("slot_retained", retained, "By")
	return nil
}

// size is a number of bytes as a person reads it.
func size(bytes float64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	n := 0
	for bytes >= 1024 && n < len(units)-1 {
		bytes /= 1024
		n++
	}
	return fmt.Sprintf("%.3g %s", bytes, units[n])
}
