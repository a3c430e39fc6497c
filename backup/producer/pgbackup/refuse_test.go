//go:build unix

package pgbackup_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup/producer/pgbackup"
	"github.com/masaruk/devops/internal/testenv"
	"github.com/masaruk/devops/secrets"
)

const hidden = "hid" + "den-word"

// A password in the connection string is refused, however it is written, and
// shown by no error.
func TestPasswordInConnectionString(t *testing.T) {
	for _, text := range []string{
		"postgres://u:" + hidden + "@h/d", "postgresql://u:" + hidden + "@h/d", "postgres://u:@h/d",
		"postgres://u@h/d?password=" + hidden, "postgres://u@h/d?pass%77ord=" + hidden, "postgres://u@h/d?PASSWORD=" + hidden,
		"postgres://u@h/d?sslpassword=" + hidden, "postgres://u@h/d?x=1&password=" + hidden,
		"password=" + hidden, "host=h password=" + hidden, "host=h password = " + hidden, "host=h password= '" + hidden + "'",
		"host='h'password='" + hidden + "'", "host=h\tpassword\n=\n" + hidden, "host=h\vpassword=" + hidden,
		`host='a\'b' password=` + hidden, `host=a\ b password=` + hidden, "host=h PassWord=" + hidden, "sslpassword=" + hidden,
		"password='" + hidden, "host='h password=" + hidden + "' password=" + hidden,
		"host= password=" + hidden,
	} {
		_, err := pgbackup.New(text, nil)
		require.Error(t, err, text)
		require.NotContains(t, err.Error(), hidden)
		require.ErrorContains(t, err, "PGPASSFILE", text)
	}
	for _, text := range []string{"postgres://u:" + hidden + "@h:port/d", "nonsense " + hidden, "host=h sslmode=" + hidden, "postgres://%zz" + hidden} {
		_, err := pgbackup.New(text, nil)
		require.Error(t, err, text)
		require.NotContains(t, err.Error(), hidden)
	}
	for _, text := range []string{
		"host=h user=u dbname=password", "postgres://u@h/password", "postgres://u@h:1/d?application_name=password", "",
		"host=h application_name='password=no'", "host=h passfile=/password", `host=h application_name=a\ password=no`,
	} {
		_, err := pgbackup.New(text, nil)
		require.NoError(t, err, text)
	}
	for _, rate := range []int64{-1, 1, 1<<30 + 1} {
		_, err := pgbackup.New("", &pgbackup.Options{RateLimit: rate})
		require.ErrorContains(t, err, "RateLimit")
	}
}

// rewriteHBA replaces pg_hba.conf.
func rewriteHBA(t *testing.T, p *testenv.PostgresServer, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(p.DataDir(), "pg_hba.conf"), []byte(text), 0o600))
	sql(t, p, "SELECT pg_reload_conf()")
}

func TestPasswords(t *testing.T) {
	p := server(t, 15, nil)
	sql(t, p, "SET password_encryption = 'scram-sha-256'", "CREATE ROLE keeper LOGIN REPLICATION PASSWORD '"+hidden+"'")
	rewriteHBA(t, p, "host all keeper all scram-sha-256\nhost replication keeper all scram-sha-256\nhost all all all trust\n")
	as := conninfoAs(p, "keeper")
	ready := func(opts *pgbackup.Options) error { return producer(t, as, opts).Preflight(t.Context()) }
	require.Eventually(t, func() bool { return ready(nil) != nil }, waiting, tick, "the new pg_hba.conf counts")

	require.NoError(t, ready(&pgbackup.Options{Password: secrets.New(hidden)}))
	file := filepath.Join(t.TempDir(), "pass")
	require.NoError(t, os.WriteFile(file, []byte("*:*:*:keeper:"+hidden+"\n"), 0o600))
	t.Setenv("PGPASSFILE", file)
	require.NoError(t, ready(nil))
	t.Setenv("PGPASSFILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("PGPASSWORD", hidden)
	require.NoError(t, ready(nil))
	made, err := newRepo(t).Backup(t.Context(), producer(t, as, nil))
	require.NoError(t, err)
	require.NotContains(t, string(made.Details), hidden)

	t.Setenv("PGPASSWORD", hidden+"x")
	err = ready(nil)
	require.ErrorContains(t, err, "28P01")
	require.ErrorContains(t, err, "PGPASSFILE")
	require.NotContains(t, err.Error(), hidden)
}

// What makes a backup impossible is found before it begins, and said with what
// to do.
func TestPreflight(t *testing.T) {
	t.Parallel()
	p := server(t, 15, nil, "max_wal_senders = 1")
	says := func(conninfo string, want ...string) {
		t.Helper()
		from := producer(t, conninfo, nil)
		err := from.Preflight(t.Context())
		for _, text := range want {
			require.ErrorContains(t, err, text)
		}
		r := newRepo(t)
		_, err = r.Backup(t.Context(), from)
		for _, text := range want {
			require.ErrorContains(t, err, text)
		}
		require.Empty(t, r.listed(t))
	}
	sql(t, p, "CREATE ROLE plain LOGIN", "CREATE ROLE keeper LOGIN REPLICATION")
	says(conninfoAs(p, "plain"), "ALTER ROLE ... REPLICATION")
	says(conninfoAs(p, "nobody_of_that_name"), "28000")
	require.NoError(t, producer(t, conninfoAs(p, "keeper"), nil).Preflight(t.Context()), "no more is needed")

	for role, service := range map[string]string{"rds_superuser": "Amazon RDS", "cloudsqlsuperuser": "Google Cloud SQL", "azure_pg_admin": "Azure"} {
		sql(t, p, "CREATE ROLE "+role)
		says(conninfoAs(p, "keeper"), "managed service", service)
		require.NoError(t, producer(t, conninfo(p), nil).Preflight(t.Context()), "no such service has a superuser")
		sql(t, p, "DROP ROLE "+role)
	}

	rewriteHBA(t, p, "host all all all trust\n")
	require.Eventually(t, func() bool { return producer(t, conninfo(p), nil).Preflight(t.Context()) != nil }, waiting, tick)
	says(conninfoAs(p, "keeper"), "28000", "the word replication")
	rewriteHBA(t, p, "host all all all trust\nhost replication all all trust\n")
	require.Eventually(t, func() bool { return producer(t, conninfo(p), nil).Preflight(t.Context()) == nil }, waiting, tick)

	// The only place for a sender is taken.
	require.Eventually(t, func() bool { return sql(t, p, "SELECT count(*) FROM pg_stat_replication")[0][0] == "0" }, waiting, tick)
	_, err := newRepo(t).Backup(t.Context(), producer(t, conninfo(p), &pgbackup.Options{RateLimit: 8 << 20, Progress: once(func() {
		says(conninfo(p), "53300", "max_wal_senders")
	})}))
	require.NoError(t, err)
}

func TestPreflightOfSettings(t *testing.T) {
	for name, c := range map[string]struct{ settings, want []string }{
		"minimal": {[]string{"wal_level = minimal", "max_wal_senders = 0"}, []string{"wal_level", `"minimal"`, "max_wal_senders is 0"}},
		"slots":   {[]string{"max_replication_slots = 0"}, []string{"max_replication_slots is 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := server(t, 15, nil, c.settings...)
			err := producer(t, conninfo(p), nil).Preflight(t.Context())
			for _, text := range c.want {
				require.ErrorContains(t, err, text)
			}
		})
	}
}

// A standby, made of a backup of ours, is refused.
func TestStandby(t *testing.T) {
	t.Parallel()
	p := server(t, 15, nil)
	r := newRepo(t)
	_, err := r.Backup(t.Context(), producer(t, conninfo(p), nil))
	require.NoError(t, err)
	_, dir := restored(t, r, "", p)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "standby.signal"), nil, 0o600))
	require.NoError(t, p.Own(dir))
	sockets := open(t, p)
	launch(t, p, sockets, "-D", dir, "-p", fmt.Sprint(p.Port), "-c", "listen_addresses=", "-c", "primary_conninfo="+conninfo(p))
	err = producer(t, fmt.Sprintf("host=%s port=%d user=postgres dbname=postgres", sockets, p.Port), nil).Preflight(t.Context())
	require.ErrorContains(t, err, "it is a standby")
	require.ErrorContains(t, err, "primary")
}

// A server that says that it is older than what is supported.
func TestOldServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- serveOld(l) }()
	host, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	err = producer(t, fmt.Sprintf("host=%s port=%s user=u dbname=d sslmode=disable", host, port), nil).Preflight(t.Context())
	require.ErrorContains(t, err, "version 14; 15 and newer are supported")
	require.NoError(t, <-done)
	require.NoError(t, l.Close())
}

// serveOld answers the first query of one connection, as 14 would.
func serveOld(l net.Listener) error {
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	b := pgproto3.NewBackend(conn, conn)
	if _, err := b.ReceiveStartupMessage(); err != nil {
		return err
	}
	b.Send(&pgproto3.AuthenticationOk{})
	b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	if err := b.Flush(); err != nil {
		return err
	}
	m, err := b.Receive()
	if q, ok := m.(*pgproto3.Query); err != nil || !ok || !strings.Contains(q.String, "server_version_num") {
		return fmt.Errorf("%v %v", m, err)
	}
	var fields []pgproto3.FieldDescription
	values := [][]byte{[]byte("140011"), []byte("f"), []byte("t"), []byte("f"), []byte("postgres")}
	for range values {
		fields = append(fields, pgproto3.FieldDescription{Name: []byte("x"), DataTypeOID: 25, DataTypeSize: -1, TypeModifier: -1})
	}
	b.Send(&pgproto3.RowDescription{Fields: fields})
	b.Send(&pgproto3.DataRow{Values: values})
	b.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")})
	b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	if err := b.Flush(); err != nil {
		return err
	}
	_, err = b.Receive() // Terminate
	return err
}
