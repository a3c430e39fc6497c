package pgbackup

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/masaruk/devops/backup"
)

// ProveOptions configure [Prove]. The zero value is the default.
type ProveOptions struct {
	// Programs is the folder of the server's programs, of the major version of
	// the backup; empty is where Debian has them, or else PATH.
	Programs string
	// User is the operating system's user that the server runs as, which is for
	// root only, whom a server refuses: the restored folders are handed to that
	// user. Empty is postgres for root, and the caller otherwise.
	User string
	// Port is the number in the name of the server's socket; zero is 5432. The
	// server listens to no address, and its socket is in a folder of its own.
	Port int
	// Settings win over those of the restored configuration, by name, such as
	// a smaller shared_buffers.
	Settings map[string]string
	// Use is called while the server answers, with a connection string of a
	// superuser, which a host's own users other than root and User cannot use;
	// nil is not. Its error is Prove's.
	Use func(ctx context.Context, conninfo string) error
}

// Proof is what a server said that was started on restored data.
type Proof struct {
	Backup string `json:"backup"`
	// Version is the server's, as a number: 150004 is 15.4.
	Version int `json:"version"`
	// End is where its write-ahead log ends, which is at or behind the end of
	// the backup.
	End LSN `json:"end"`
	// Checksums tells whether pages have checksums.
	Checksums bool `json:"checksums"`
	// Databases are those that were opened: all but those that let nobody in,
	// such as template0, or were being dropped when the backup ended.
	Databases []string `json:"databases"`
	// Collations are texts that name a database and a collation whose version
	// was another one where the backup was made: indexes on texts may be out of
	// order, and must be built again (REINDEX) before they are relied on.
	Collations []string `json:"collations,omitempty"`
	// Extensions are texts that name a database and an extension that it has,
	// and that is not installed here.
	Extensions []string `json:"extensions,omitempty"`
	// Took is the time from the start to the first answer.
	Took time.Duration `json:"took_ns"`
}

// Prove starts a server on a data directory that [Restore] has made of the
// backup, waits until it answers, which it does when its data are consistent,
// asks it in every database, and stops it. The error is nil only when it is the
// cluster of the backup, has reached the end of it, and has stopped in order.
//
// The data are as that server leaves them: later ones start faster, and
// pg_verifybackup no longer agrees. Meanwhile nothing reaches beyond the host: no
// address is listened to, nothing is archived, no preloaded library, and so no
// scheduler, is loaded, no subscription is followed; Settings may say otherwise.
// It returns errors.ErrUnsupported on systems other than Unix.
func Prove(ctx context.Context, b *backup.Listing, dir string, opts *ProveOptions) (*Proof, error) {
	p := &proving{id: b.ID, first: "postgres", log: &tail{}}
	if opts != nil {
		p.options = *opts
	}
	proof, err := p.prove(ctx, b, dir)
	if err != nil {
		return nil, fmt.Errorf("prove backup %s in %s: %w", b.ID, dir, err)
	}
	return proof, nil
}

// proving is one proof at work.
type proving struct {
	options ProveOptions
	id      string
	dir     string
	private string // folder of the socket
	first   string // database that is opened first
	details Details
	log     *tail
	ended   chan error // has what the server ended with
}

func (p *proving) prove(ctx context.Context, b *backup.Listing, dir string) (proof *Proof, err error) {
	if p.dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b.Details, &p.details); err != nil {
		return nil, fmt.Errorf("details: %w", err)
	}
	program, err := p.program(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.fresh(); err != nil {
		return nil, err
	}
	// Short, since a socket's name has at most 107 bytes.
	if p.private, err = os.MkdirTemp("", "pgprove"); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(p.private)) }()
	if err := os.WriteFile(filepath.Join(p.private, "hba"), []byte("local all all trust\n"), 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(p.private, "ident"), nil, 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, p.args()...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "HOME=" + p.private, "TMPDIR=" + p.private}
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.private, p.log, p.log
	if err := p.become(cmd); err != nil {
		return nil, err
	}
	return p.run(ctx, cmd)
}

// fresh refuses a folder that is not one to start a server on.
func (p *proving) fresh() error {
	if _, err := os.Stat(filepath.Join(p.dir, "devops-restore-incomplete.json")); err == nil {
		return errors.New("the restore is not complete: run it again")
	}
	if _, err := os.Stat(filepath.Join(p.dir, "postmaster.pid")); err == nil {
		return errors.New("postmaster.pid is there: a server runs on it, or was killed")
	}
	_, err := os.Stat(filepath.Join(p.dir, "PG_VERSION"))
	return err
}

// program finds the server, and makes sure of its version.
func (p *proving) program(ctx context.Context) (string, error) {
	major := p.details.Version / 10000
	name := filepath.Join(cmp.Or(p.options.Programs, fmt.Sprintf("/usr/lib/postgresql/%d/bin", major)), "postgres")
	if _, err := os.Stat(name); err != nil && p.options.Programs == "" {
		if name, err = exec.LookPath("postgres"); err != nil {
			return "", fmt.Errorf("no program postgres of version %d is found, name its folder in Programs: %w", major, err)
		}
	}
	out, err := exec.CommandContext(ctx, name, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", name, err)
	}
	words := strings.Fields(string(out)) // postgres (PostgreSQL) 15.4 (...)
	if len(words) < 3 || strings.TrimRight(words[2][:min(2, len(words[2]))], ".") != strconv.Itoa(major) {
		return "", fmt.Errorf("%s is %s, and the backup needs version %d", name, bytes.TrimSpace(out), major)
	}
	return name, nil
}

// args are the server's arguments. They win over its configuration.
func (p *proving) args() []string {
	settings := map[string]string{
		"data_directory": p.dir, "config_file": filepath.Join(p.dir, "postgresql.conf"),
		"hba_file": filepath.Join(p.private, "hba"), "ident_file": filepath.Join(p.private, "ident"), "external_pid_file": filepath.Join(p.private, "pid"),
		"listen_addresses": "", "unix_socket_directories": p.private, "unix_socket_permissions": "0700", "unix_socket_group": "",
		"port": strconv.Itoa(p.port()), "ssl": "off", "logging_collector": "off", "log_destination": "stderr",
		"archive_mode": "off", "shared_preload_libraries": "", "session_preload_libraries": "", "local_preload_libraries": "",
		"max_logical_replication_workers": "0", "synchronous_standby_names": "", "default_transaction_read_only": "off",
	}
	maps.Copy(settings, p.options.Settings)
	args := []string{"-D", p.dir}
	for name, value := range settings {
		args = append(args, "--"+name+"="+value)
	}
	slices.Sort(args[2:])
	return args
}

func (p *proving) port() int { return cmp.Or(p.options.Port, 5432) }

// conninfo is that of a database, for a superuser.
func (p *proving) conninfo(database string) string {
	quoted := func(s string) string { return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'" }
	return fmt.Sprintf("host=%s port=%d user=%s dbname=%s sslmode=disable",
		quoted(p.private), p.port(), quoted(cmp.Or(p.details.Owner, "postgres")), quoted(database))
}

// run starts the server, asks it, and stops it.
func (p *proving) run(ctx context.Context, cmd *exec.Cmd) (*Proof, error) {
	cmd.Cancel = func() error { return cmd.Process.Signal(immediate) }
	cmd.WaitDelay = 10 * time.Second
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p.ended = make(chan error, 1)
	go func() { p.ended <- cmd.Wait() }()
	proof := &Proof{Backup: p.id}
	conn, err := p.await(ctx)
	if err == nil {
		proof.Took = time.Since(began)
		err = p.ask(ctx, conn, proof)
		err = errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
	}
	if err == nil && p.options.Use != nil {
		err = p.options.Use(ctx, p.conninfo(p.first))
	}
	if errors.Is(err, errEnded) {
		return nil, err
	}
	_ = cmd.Process.Signal(fast) // where it has ended, Wait says so
	ended := <-p.ended
	if cause := context.Cause(ctx); cause != nil {
		return nil, cause
	}
	if ended != nil {
		ended = fmt.Errorf("the server ended with %w: %s", ended, p.log)
	}
	return proof, errors.Join(err, ended)
}

var errEnded = errors.New("the server ended before it answered")

// await returns a connection once the server answers.
func (p *proving) await(ctx context.Context) (*pgconn.PgConn, error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgconn.Connect(ctx, p.conninfo(p.first))
		if err == nil {
			return conn, nil
		}
		var pg *pgconn.PgError
		switch {
		case !errors.As(err, &pg), pg.Code == "57P03": // nobody is there, or is starting up
		case pg.Code == "3D000" && p.first == "postgres": // which may be dropped
			p.first = "template1"
		default:
			return nil, fmt.Errorf("%w: %s", err, p.log)
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case err := <-p.ended:
			return nil, fmt.Errorf("%w (%w): %s", errEnded, err, p.log)
		case <-tick.C:
		}
	}
}

// tail keeps the end of what a server writes. It is safe for concurrent use.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 8 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-tailSize):]
	return len(p), nil
}

// String returns it.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.text))
}
