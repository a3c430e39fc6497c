package testenv

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/masaruk/devops/internal/testenv/internal/guard"
)

// PostgresOptions describes a PostgreSQL server.
type PostgresOptions struct {
	// Major is the version: 15, 16, 17 or 18.
	Major int
	// Settings are lines of postgresql.conf, such as "wal_level = logical".
	// They win over what testenv sets: the loopback address, its port, no
	// unix socket, fsync off (a killed process loses no page cache), and
	// shared memory that lies in the data directory.
	Settings []string
	// InitArgs are further arguments of initdb, such as "--data-checksums".
	InitArgs []string
}

// PostgresServer is a PostgreSQL server with a cluster of its own, reached
// over TCP on the loopback address by the superuser postgres without a
// password.
type PostgresServer struct {
	*Server
	Major int
	Host  string
	Port  int

	bin  string
	user identity
}

// DSN returns the connection URL of a database.
func (p *PostgresServer) DSN(database string) string {
	return fmt.Sprintf("postgres://postgres@%s/%s?sslmode=disable", p.addr(), database)
}

// DataDir returns the data directory.
func (p *PostgresServer) DataDir() string { return filepath.Join(p.Dir(), "data") }

// User returns the operating system's user that the server runs as and that
// owns the data directory.
func (p *PostgresServer) User() string { return p.user.name }

// Own hands a folder and all that is in it to the server's user, such as a data
// directory that a test has made.
func (p *PostgresServer) Own(dir string) error {
	return filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !p.user.drop {
			return err
		}
		return os.Lchown(name, int(p.user.uid), int(p.user.gid))
	})
}

// Bin returns the path of a program of the server's version. Initdb, pg_ctl
// and postgres are always there, the clients with version 15 alone.
func (p *PostgresServer) Bin(program string) string { return filepath.Join(p.bin, program) }

func (p *PostgresServer) addr() string { return net.JoinHostPort(p.Host, strconv.Itoa(p.Port)) }

func startPostgres(ctx context.Context, o PostgresOptions) (*PostgresServer, error) {
	s, err := newServer(ctx, postgresName(o.Major))
	if err != nil {
		return nil, err
	}
	p := &PostgresServer{Server: s, Major: o.Major, Host: "127.0.0.1"}
	if err := p.init(ctx, o); err != nil {
		return nil, closeAfter(fmt.Errorf("%s: %w", s.name, err), s)
	}
	err = onFreePort(p.Host, func(port int) error {
		p.Port = port
		return p.Start(ctx)
	})
	if err != nil {
		return nil, closeAfter(err, s)
	}
	return p, nil
}

// init makes the cluster.
func (p *PostgresServer) init(ctx context.Context, o PostgresOptions) (err error) {
	if p.user, err = postgresUser(); err != nil {
		return err
	}
	if p.bin, err = p.programs(ctx); err != nil {
		return err
	}
	if err := p.user.mkdir(p.DataDir()); err != nil {
		return err
	}
	argv := []string{
		p.Bin("initdb"), "-D", p.DataDir(), "-U", "postgres", "-A", "trust",
		"-E", "UTF8", "--locale=C", "--no-sync",
	}
	if err := p.guard.run(ctx, p.command(append(argv, o.InitArgs...)...)); err != nil {
		return err
	}
	own := []string{
		"listen_addresses = '127.0.0.1'", "unix_socket_directories = ''",
		"fsync = off", "shared_buffers = 32MB", "dynamic_shared_memory_type = mmap",
	}
	text := "\n" + strings.Join(append(own, o.Settings...), "\n") + "\n"
	conf, err := os.OpenFile(filepath.Join(p.DataDir(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := conf.WriteString(text); err != nil {
		return closeAfter(err, conf)
	}
	return conf.Close()
}

// Start starts the server again on its port and data directory after it has
// ended, and returns when it answers. It waits for a server that is ending.
func (p *PostgresServer) Start(ctx context.Context) error {
	if p.PID() != 0 {
		select {
		case <-p.Gone():
		case <-ctx.Done():
			return fmt.Errorf("%s: wait for its end: %w", p.name, context.Cause(ctx))
		}
	}
	return p.launch(ctx, guard.Server{
		Command: p.command(p.Bin("postgres"), "-D", p.DataDir(), "-p", strconv.Itoa(p.Port)),
		Stop:    int(syscall.SIGQUIT), // at once: the data are thrown away
		Grace:   5 * time.Second,
	}, p.ready)
}

// ready asks for the data directory, which no other server shares.
func (p *PostgresServer) ready(ctx context.Context) error {
	rows, err := p.Query(ctx, "postgres", "SHOW data_directory")
	if err != nil {
		return err
	}
	if len(rows) != 1 || rows[0][0] != p.DataDir() {
		return fmt.Errorf("another server answers on %s", p.addr())
	}
	return nil
}

func (p *PostgresServer) command(argv ...string) guard.Command {
	return guard.Command{
		Argv: argv,
		Env:  []string{"PATH=" + guardPath, "LC_ALL=C", "TZ=UTC", "HOME=" + p.Dir()},
		User: p.user.guardUser(),
	}
}

// programs returns the folder of the version's programs. Where the checkout
// lies in a folder that the server's user cannot enter, such as root's home,
// that is a copy in the server's own folder.
func (p *PostgresServer) programs(ctx context.Context) (string, error) {
	if p.Major == 15 {
		return "/usr/lib/postgresql/15/bin", nil
	}
	tools, err := ToolsDir()
	if err != nil {
		return "", err
	}
	native := filepath.Join(npmPackage(tools, p.Major), "native")
	if !p.user.drop || openToAll(filepath.Join(native, "bin", "postgres")) {
		return filepath.Join(native, "bin"), nil
	}
	dst := filepath.Join(p.Dir(), "native")
	for _, argv := range [][]string{{"/bin/cp", "-R", native, dst}, {"/bin/chmod", "-R", "a+rX", dst}} {
		if err := p.guard.run(ctx, guard.Command{Argv: argv}); err != nil {
			return "", err
		}
	}
	return filepath.Join(dst, "bin"), nil
}

// openToAll reports whether every user may run the program at path.
func openToAll(path string) bool {
	for {
		info, err := os.Stat(path)
		if err != nil || info.Mode()&1 == 0 {
			return false
		}
		parent := filepath.Dir(path)
		if parent == path {
			return true
		}
		path = parent
	}
}
