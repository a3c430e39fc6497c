//go:build unix

package pgcheck_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/monitor"
	"github.com/masaruk/devops/monitor/check/pgcheck"
)

// follow makes s a standby of primary, by a copy of its files while it is down.
func (s *server) follow(t *testing.T, primary *server) {
	t.Helper()
	for _, p := range []*server{s, primary} {
		require.NoError(t, p.Kill(syscall.SIGINT))
		<-p.Gone()
	}
	require.NoError(t, os.RemoveAll(s.DataDir()))
	out, err := exec.CommandContext(t.Context(), "/bin/cp", "-a", primary.DataDir(), s.DataDir()).CombinedOutput()
	require.NoError(t, err, string(out))
	conf, err := os.OpenFile(filepath.Join(s.DataDir(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = fmt.Fprintf(conf, "primary_conninfo = 'host=127.0.0.1 port=%d user=postgres application_name=replica1'\nwal_receiver_status_interval = 1s\n", primary.Port)
	require.NoError(t, err)
	require.NoError(t, conf.Close())
	s.touch("standby.signal")
	require.NoError(t, primary.Start(t.Context()))
	require.NoError(t, s.Start(t.Context()))
}

func TestStandby(t *testing.T) {
	t.Parallel()
	majors := []int{18}
	if os.Getenv("DEVOPS_EXHAUSTIVE") != "" {
		majors = []int{15, 16, 17, 18}
	}
	for _, major := range majors {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			primary, standby := newServer(t, major), newServer(t, major)
			primary.query("CREATE ROLE monitor LOGIN; GRANT pg_monitor TO monitor; CREATE TABLE t (i int)")
			standby.follow(t, primary)
			opts := pgcheck.Options{Standbys: []string{"replica1"}, LagBytes: pgcheck.Limits{Warn: -1, Fail: 1 << 20}}
			here, there := primary.check("monitor", &opts), standby.check("monitor", &pgcheck.Options{LagBytes: opts.LagBytes})
			r := until(t, here, passed)
			require.Equal(t, 1.0, value(t, r, "standbys"))
			require.Less(t, value(t, r, "lag_bytes_replica1"), float64(1<<20))
			value(t, r, "lag_replica1")
			r = until(t, there, passed)
			value(t, r, "replay_lag")
			until(t, standby.check("monitor", &pgcheck.Options{Lag: pgcheck.Limits{Warn: -1, Fail: 1e-9}}), passed)

			standby.query("SELECT pg_wal_replay_pause()")
			primary.query("INSERT INTO t SELECT generate_series(1, 50000)")
			r = until(t, here, failed)
			require.Contains(t, r.Detail, "a standby is")
			require.ErrorContains(t, r.Err, `standby "replica1" (streaming) is`)
			require.Greater(t, value(t, r, "lag_bytes_replica1"), float64(1<<20))
			r = until(t, there, failed)
			require.Contains(t, r.Detail, "the standby is")
			require.Greater(t, value(t, r, "replay_lag_bytes"), float64(1<<20))
			// In seconds too, once the standby has said again that it stands still.
			until(t, primary.check("monitor", &pgcheck.Options{Lag: pgcheck.Limits{Warn: -1, Fail: 1e-9}}), failed)
			until(t, standby.check("monitor", &pgcheck.Options{Lag: pgcheck.Limits{Warn: -1, Fail: 1e-9}}), failed)
			standby.query("SELECT pg_wal_replay_resume()")
			until(t, here, passed)

			require.NoError(t, primary.Kill(syscall.SIGQUIT))
			<-primary.Gone()
			r = until(t, there, failed)
			require.Equal(t, "the standby receives nothing", r.Detail)
			require.NoError(t, primary.Start(t.Context()))
			require.NoError(t, standby.Kill(syscall.SIGQUIT))
			<-standby.Gone()
			r = until(t, here, func(r monitor.Result) bool { return r.Detail == "a standby is missing" })
			require.ErrorContains(t, r.Err, `standby "replica1" does not stream`)
			require.True(t, passed(primary.check("monitor", nil).Check(t.Context())), "unless nobody is expected")
		})
	}
}

// TestWraparound moves the counter of transaction ids of a real server forward,
// as a program does that for years takes an id for each statement.
func TestWraparound(t *testing.T) {
	t.Parallel()
	// Else the server freezes at once, also with autovacuum off.
	s := newServer(t, 15, "autovacuum_freeze_max_age = 2000000000", "archive_mode = off")
	s.query("CREATE ROLE monitor LOGIN; GRANT pg_monitor TO monitor")
	r := s.check("monitor", nil).Check(t.Context())
	require.Less(t, value(t, r, "xid_used"), 0.001)
	require.Equal(t, monitor.Pass, r.Status, "who wants no archive needs none")
	r = s.check("monitor", &pgcheck.Options{ArchiveAge: pgcheck.Limits{Warn: -1, Fail: 3600}}).Check(t.Context())
	require.Equal(t, "archiving is off", r.Detail)
	require.NoError(t, s.Kill(syscall.SIGINT))
	<-s.Gone()
	const next = 640 << 20
	// The status of a range of 1,048,576 ids is in one file of 256 KiB.
	owner, err := os.Stat(s.DataDir())
	require.NoError(t, err)
	as := owner.Sys().(*syscall.Stat_t)
	name := filepath.Join(s.DataDir(), "pg_xact", fmt.Sprintf("%04X", next>>20))
	require.NoError(t, os.WriteFile(name, bytes.Repeat([]byte{0x55}, 256<<10), 0o600))
	require.NoError(t, os.Chown(name, int(as.Uid), int(as.Gid)))
	cmd := exec.CommandContext(t.Context(), s.Bin("pg_resetwal"), "-x", strconv.Itoa(next), s.DataDir())
	cmd.Dir = s.DataDir()
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: as.Uid, Gid: as.Gid}}
	}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.NoError(t, s.Start(t.Context()))
	r = s.check("monitor", nil).Check(t.Context())
	require.Equal(t, monitor.Warn, r.Status, "%+v", r)
	require.Equal(t, "31 % of the transaction ids are used up", r.Detail)
	require.ErrorContains(t, r.Err, "most in database")
	require.Less(t, value(t, r, "multixact_used"), 0.001)
	require.Equal(t, monitor.Fail, s.check("monitor", &pgcheck.Options{Wraparound: pgcheck.Limits{Fail: 0.3}}).Check(t.Context()).Status)
}
