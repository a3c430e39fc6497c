package testenv

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPostgresWorksAndSurvivesItsKill(t *testing.T) {
	t.Parallel()
	for _, major := range []int{15, 16, 17, 18} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			p := Postgres(t, major, "wal_level = logical", "max_connections = 20")
			query := func(sql string) [][]string {
				t.Helper()
				rows, err := p.Query(t.Context(), "postgres", sql)
				require.NoError(t, err)
				return rows
			}
			require.Equal(t, [][]string{{"logical"}}, query("SHOW wal_level"))
			require.Equal(t, fmt.Sprint(major), query("SHOW server_version_num")[0][0][:2])
			query("CREATE TABLE t (i int); INSERT INTO t VALUES (1), (NULL)")

			require.NoError(t, p.Kill(syscall.SIGKILL))
			<-p.Gone()
			_, err := p.Query(t.Context(), "postgres", "SELECT 1")
			require.Error(t, err)
			require.ErrorIs(t, syscall.Kill(p.PID(), 0), syscall.ESRCH)
			require.Error(t, p.Kill(syscall.SIGKILL), "it was there to be killed twice")

			require.NoError(t, p.Start(t.Context()))
			require.Contains(t, p.Log(), "not properly shut down")
			require.Equal(t, [][]string{{"1"}, {""}}, query("SELECT i FROM t ORDER BY i"))

			first, err := sleepingBackend(t.Context(), p)
			require.NoError(t, err)
			require.NoError(t, p.Kill(syscall.SIGKILL))
			<-p.Gone()
			require.NoError(t, p.Close())
			requireNothingLeft(t, traces{PIDs: []int{first, p.PID(), p.guard.self}, Paths: []string{p.Dir()}})
		})
	}
}

func TestPostgresAnswersPsql(t *testing.T) {
	t.Parallel()
	p := Postgres(t, 15)
	out, err := exec.CommandContext(t.Context(), p.Bin("psql"), "-XAt", p.DSN("postgres"), "-c", "SELECT 6*7").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, "42\n", string(out))
	info, err := os.Stat(p.DataDir())
	require.NoError(t, err)
	require.Equal(t, p.user.uid, info.Sys().(*syscall.Stat_t).Uid)
	require.NotZero(t, p.user.uid)
}

func TestPostgresQueryReportsTheServersError(t *testing.T) {
	t.Parallel()
	p, db := Database(t, 15)
	_, err := p.Query(t.Context(), db, "SELECT nonsense")
	require.EqualError(t, err, `ERROR: column "nonsense" does not exist (SQLSTATE 42703)`)
	_, err = p.Query(t.Context(), "nowhere", "SELECT 1")
	require.EqualError(t, err, `FATAL: database "nowhere" does not exist (SQLSTATE 3D000)`)
}

func TestDatabasesShareAServerAndNothingElse(t *testing.T) {
	t.Parallel()
	p, a := Database(t, 15)
	q, b := Database(t, 15)
	require.Same(t, p, q)
	_, err := p.Query(t.Context(), a, "CREATE TABLE only_in_a ()")
	require.NoError(t, err)
	_, err = p.Query(t.Context(), b, "SELECT FROM only_in_a")
	require.ErrorContains(t, err, "42P01")

	var gone string
	t.Run("dropped at the end of the test", func(t *testing.T) { _, gone = Database(t, 15) })
	rows, err := p.Query(t.Context(), a, "SELECT FROM pg_database WHERE datname = '"+gone+"'")
	require.NoError(t, err)
	require.Empty(t, rows)
}

func TestPostgresSaysWhyItDoesNotStart(t *testing.T) {
	t.Parallel()
	if err := requirePresent(postgresName(15)); err != nil {
		giveUp(t, err)
	}
	_, err := Start(t.Context(), Options{Postgres: []PostgresOptions{{Major: 15, Settings: []string{"no_such_setting = 1"}}}})
	require.ErrorContains(t, err, "postgres-15 ended before it was ready")
	require.ErrorContains(t, err, `unrecognized configuration parameter "no_such_setting"`)
	_, dir, _ := strings.Cut(err.Error(), `in file "`)
	dir, _, _ = strings.Cut(dir, "/data/")
	require.Contains(t, dir, "devops-testenv-")
	require.NoDirExists(t, dir)
}

// Each server says in its own words that somebody else has its port.
func TestTakenPortIsRecognised(t *testing.T) {
	t.Parallel()
	p, ssh, s3 := Postgres(t, 15), SSHD(t, SSHDOptions{}), S3(t, false)
	end := func(s *Server) {
		require.NoError(t, s.Kill(syscall.SIGKILL))
		<-s.Gone()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port

	end(p.Server)
	p.Port = port
	require.ErrorIs(t, p.Start(t.Context()), syscall.EADDRINUSE)
	end(ssh.Server)
	require.ErrorIs(t, ssh.start(t.Context(), port), syscall.EADDRINUSE)
	end(s3.Server)
	require.ErrorIs(t, s3.start(t.Context(), port), syscall.EADDRINUSE)
}

// A server of somebody else on the port is not taken for the one that was
// started.
func TestAnotherServerIsNotTakenForReady(t *testing.T) {
	t.Parallel()
	a, b := Postgres(t, 15), Postgres(t, 15)
	require.NoError(t, a.Kill(syscall.SIGKILL))
	<-a.Gone()
	a.Port = b.Port
	require.ErrorContains(t, a.ready(t.Context()), "another server answers")
	require.ErrorIs(t, a.Start(t.Context()), syscall.EADDRINUSE)

	x, y := S3(t, false), S3(t, false)
	x.Endpoint = y.Endpoint
	require.ErrorContains(t, x.ready(t.Context()), "XAdminUserNotFound")
}

func TestAnotherPortIsTriedWhenOneIsTaken(t *testing.T) {
	t.Parallel()
	ports := map[int]bool{}
	err := onFreePort("127.0.0.1", func(port int) error {
		ports[port] = true
		if len(ports) < 3 {
			return fmt.Errorf("server: %w", syscall.EADDRINUSE)
		}
		return nil
	})
	require.NoError(t, err)
	require.Len(t, ports, 3)

	err = onFreePort("127.0.0.1", func(int) error { return syscall.EADDRINUSE })
	require.ErrorContains(t, err, "no port stayed free in 10 tries")
	require.ErrorIs(t, onFreePort("127.0.0.1", func(int) error { return os.ErrPermission }), os.ErrPermission)
}
