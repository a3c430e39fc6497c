//go:build unix

package pgbackup_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/backup/producer/pgbackup"
	"github.com/masaruk/devops/backup/store/filestore"
	"github.com/masaruk/devops/internal/testenv"
	"github.com/masaruk/devops/secrets"
)

// waiting bounds what is waited for, looked at every tick.
const (
	waiting = time.Minute
	tick    = 20 * time.Millisecond
)

// exhaustive tells whether everything is to be run.
func exhaustive() bool { return os.Getenv("DEVOPS_EXHAUSTIVE") != "" }

// repo is a repository in a folder.
type repo struct {
	dir, identity string // identity is a file
	*backup.Writer
	reader *backup.Reader
}

func newRepo(t *testing.T) *repo {
	t.Helper()
	r := &repo{dir: filepath.Join(t.TempDir(), "store"), identity: filepath.Join(t.TempDir(), "identity")}
	store, err := filestore.New(r.dir)
	require.NoError(t, err)
	id, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(r.identity, []byte(id.String()), 0o600))
	keys, err := backup.Init(t.Context(), store, backup.InitOptions{Operators: []string{id.Recipient().String()}})
	require.NoError(t, err)
	r.Writer, err = backup.OpenWriter(t.Context(), store, keys.Writer, nil)
	require.NoError(t, err)
	r.reader, err = backup.OpenReader(t.Context(), store, secrets.New(id.String()), nil)
	require.NoError(t, err)
	return r
}

// listed returns all backups.
func (r *repo) listed(t *testing.T) (all []*backup.Listing) {
	t.Helper()
	for l, err := range r.List(t.Context()) {
		require.NoError(t, err)
		all = append(all, l)
	}
	return all
}

// server starts one.
func server(t *testing.T, major int, initArgs []string, settings ...string) *testenv.PostgresServer {
	t.Helper()
	env, err := testenv.Start(t.Context(), testenv.Options{Postgres: []testenv.PostgresOptions{{Major: major, InitArgs: initArgs, Settings: settings}}})
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(env.Postgres[0].Log())
		}
		require.NoError(t, env.Close())
	})
	return env.Postgres[0]
}

// conninfo names the server as a user would.
func conninfo(p *testenv.PostgresServer) string { return conninfoAs(p, "postgres") }

func conninfoAs(p *testenv.PostgresServer, role string) string {
	return fmt.Sprintf("host=%s port=%d user=%s dbname=postgres sslmode=disable", p.Host, p.Port, role)
}

// producer makes one for the server.
func producer(t *testing.T, conninfo string, opts *pgbackup.Options) *pgbackup.Producer {
	t.Helper()
	p, err := pgbackup.New(conninfo, opts)
	require.NoError(t, err)
	return p
}

// sql runs each statement by itself, and returns the rows of the last.
func sql(t *testing.T, p *testenv.PostgresServer, statements ...string) (rows [][]string) {
	t.Helper()
	for _, text := range statements {
		var err error
		rows, err = p.Query(t.Context(), "postgres", text)
		require.NoError(t, err, "%s\n%s", text, p.Log())
	}
	return rows
}

// ask returns the only value of a query.
func ask(ctx context.Context, t *testing.T, conninfo, text string) string {
	t.Helper()
	conn, err := pgconn.Connect(ctx, conninfo)
	require.NoError(t, err)
	defer conn.Close(context.WithoutCancel(ctx))
	results, err := conn.Exec(ctx, text).ReadAll()
	require.NoError(t, err, text)
	last := results[len(results)-1]
	if len(last.Rows) == 0 {
		return ""
	}
	return string(last.Rows[0][0])
}

// open makes a folder that the server's user may reach and write.
func open(t *testing.T, p *testenv.PostgresServer) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgbackup-test")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, p.Own(dir))
	return dir
}

// restored restores a backup where the server's user can reach it.
func restored(t *testing.T, r *repo, id string, p *testenv.PostgresServer) (*backup.RestoreReport, string) {
	t.Helper()
	dir := filepath.Join(open(t, p), "data")
	rep, err := pgbackup.Restore(t.Context(), r.reader, id, dir, nil)
	require.NoError(t, err)
	return rep, dir
}

// prove starts a server of the same version as p on what was restored.
func prove(t *testing.T, rep *backup.RestoreReport, p *testenv.PostgresServer, use func(ctx context.Context, conninfo string)) *pgbackup.Proof {
	t.Helper()
	opts := proveOptions(p)
	if use != nil {
		opts.Use = func(ctx context.Context, conninfo string) error { use(ctx, conninfo); return nil }
	}
	proof, err := pgbackup.Prove(t.Context(), rep.Backup, rep.Target, opts)
	require.NoError(t, err)
	return proof
}

func proveOptions(p *testenv.PostgresServer) *pgbackup.ProveOptions {
	opts := &pgbackup.ProveOptions{Programs: filepath.Dir(p.Bin("postgres")), Settings: map[string]string{"shared_buffers": "16MB", "fsync": "off"}}
	if os.Geteuid() == 0 {
		opts.User = p.User()
	}
	return opts
}

// as makes a command run as the server's user.
func as(t *testing.T, p *testenv.PostgresServer, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() != 0 {
		return cmd
	}
	u, err := user.Lookup(p.User())
	require.NoError(t, err)
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	require.NoError(t, err)
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	require.NoError(t, err)
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return cmd
}

// launch starts the version's server with arguments of the test's own, and
// returns when psql, as the server's user, is answered on the socket in dir. It
// ends with the test.
func launch(t *testing.T, p *testenv.PostgresServer, dir string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := as(t, p, exec.CommandContext(ctx, p.Bin("postgres"), append(args, "-k", dir)...))
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGQUIT) }
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended; require.NoError(t, log.Close()) })
	require.Eventually(t, func() bool {
		select {
		case <-ended:
			return true
		default:
			return psql(t, p, dir, "SELECT 1") == "1"
		}
	}, time.Minute, 100*time.Millisecond)
	text, err := os.ReadFile(log.Name())
	require.NoError(t, err)
	select {
	case <-ended:
		require.Fail(t, "the server has ended", "%s", text)
	default:
	}
}

// psql asks over the socket in dir, as the server's user; what it cannot ask is
// its error.
func psql(t *testing.T, p *testenv.PostgresServer, dir, text string) string {
	t.Helper()
	cmd := as(t, p, exec.CommandContext(t.Context(), "psql", "-XAt", "-h", dir, "-p", strconv.Itoa(p.Port), "-U", "postgres", "-d", "postgres", "-c", text))
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}
