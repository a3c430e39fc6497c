package testenv

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/masaruk/devops/internal/testenv/internal/guard"
)

// SSHDOptions describes an sshd. The zero value runs as a plain user on the
// loopback address; such a server cannot give a terminal.
type SSHDOptions struct {
	// Root runs it as root, for logins as root.
	Root bool
	// Host is the host that it runs on; nil is this machine.
	Host *Host
}

// SSHServer is an sshd with a host key of its own that accepts one key, for
// one user, whose HOME is an empty folder.
type SSHServer struct {
	*Server
	Host string
	Port int
	// User is whom to log in as.
	User string
	// IdentityFile is the private key (ed25519, OpenSSH format, no
	// passphrase) that is accepted.
	IdentityFile string
	// KnownHostsFile holds the server's host key for its address.
	KnownHostsFile string
	// ConfigFile configures ssh, scp, sftp and what builds on them: with
	// "ssh -F ConfigFile target" the server is the host "target".
	ConfigFile string

	id     identity
	prefix []string // enters the host
}

// Command returns the ssh client ready to run a command line on the server.
func (s *SSHServer) Command(ctx context.Context, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/usr/bin/ssh", "-F", s.ConfigFile, "target", line)
	cmd.Env = []string{"PATH=" + guardPath, "HOME=" + s.Dir()}
	return cmd
}

func startSSHD(ctx context.Context, o SSHDOptions) (*SSHServer, error) {
	name, user := nameSSHDPlain, plainUser
	if o.Root {
		name, user = nameSSHDRoot, rootUser
	}
	base, err := newServer(ctx, name)
	if err != nil {
		return nil, err
	}
	s := &SSHServer{
		Server: base, Host: "127.0.0.1",
		IdentityFile:   filepath.Join(base.Dir(), "identity"),
		KnownHostsFile: filepath.Join(base.Dir(), "known_hosts"),
		ConfigFile:     filepath.Join(base.Dir(), "ssh_config"),
	}
	if s.id, err = user(); err != nil {
		return nil, closeAfter(err, base)
	}
	s.User = s.id.name
	port := onFreePort
	if o.Host != nil {
		s.Host, s.prefix, port = o.Host.Addr, o.Host.prefix(), onHost
	}
	if err := s.makeKeys(ctx); err != nil {
		return nil, closeAfter(fmt.Errorf("%s: %w", name, err), base)
	}
	err = port(s.Host, func(port int) error { return s.start(ctx, port) })
	if err != nil {
		return nil, closeAfter(err, base)
	}
	return s, nil
}

// onHost is onFreePort for a host of its own, where every port is free.
func onHost(_ string, start func(port int) error) error { return start(2022) }

func rootUser() (identity, error) { return identity{name: "root"}, nil }

// makeKeys makes the host key, which the server's user must own, the client
// key, and the folders.
func (s *SSHServer) makeKeys(ctx context.Context) error {
	for _, path := range []string{s.hostKey(), s.IdentityFile} {
		argv := []string{"/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "testenv", "-f", path}
		if err := s.guard.run(ctx, guard.Command{Argv: argv}); err != nil {
			return err
		}
	}
	if err := s.id.own(s.hostKey()); err != nil {
		return err
	}
	if s.id.name == "root" {
		// Debian's sshd wants it, and its service makes it the same way.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			return err
		}
	}
	return s.id.mkdir(filepath.Join(s.Dir(), "home"))
}

func (s *SSHServer) hostKey() string { return filepath.Join(s.Dir(), "host_key") }

func (s *SSHServer) start(ctx context.Context, port int) error {
	s.Port = port
	hostKey, err := os.ReadFile(s.hostKey() + ".pub")
	if err != nil {
		return err
	}
	server := filepath.Join(s.Dir(), "sshd_config")
	for path, text := range map[string]string{
		server:           s.serverConfig(),
		s.ConfigFile:     s.clientConfig(),
		s.KnownHostsFile: fmt.Sprintf("[%s]:%d %s", s.Host, s.Port, hostKey),
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return s.launch(ctx, guard.Server{
		Command: guard.Command{
			Argv: append(s.prefix, sshdPath, "-D", "-e", "-f", server),
			Env:  []string{"PATH=" + guardPath},
			User: s.id.guardUser(),
		},
		Stop:  int(syscall.SIGTERM),
		Grace: 5 * time.Second,
	}, s.ready)
}

// ready logs in, which checks the host key.
func (s *SSHServer) ready(ctx context.Context) error {
	if out, err := s.Command(ctx, "true").CombinedOutput(); err != nil {
		return fmt.Errorf("log in: %w: %s", err, tail(out, 1<<10))
	}
	return nil
}

func (s *SSHServer) serverConfig() string {
	return strings.Join([]string{
		"ListenAddress " + s.Host,
		"Port " + strconv.Itoa(s.Port),
		"HostKey " + s.hostKey(),
		"AuthorizedKeysFile " + s.IdentityFile + ".pub",
		"AllowUsers " + s.User,
		"PidFile none",
		"StrictModes no", // the folders above belong to somebody else
		"UsePAM no",
		"UseDNS no",
		"PasswordAuthentication no",
		"KbdInteractiveAuthentication no",
		"PermitRootLogin prohibit-password",
		"PrintMotd no",
		"LogLevel VERBOSE",
		"SetEnv HOME=" + filepath.Join(s.Dir(), "home"),
		"Subsystem sftp internal-sftp",
		"",
	}, "\n")
}

func (s *SSHServer) clientConfig() string {
	return strings.Join([]string{
		"Host target",
		"HostName " + s.Host,
		"Port " + strconv.Itoa(s.Port),
		"User " + s.User,
		"IdentityFile " + s.IdentityFile,
		"IdentitiesOnly yes",
		"UserKnownHostsFile " + s.KnownHostsFile,
		"GlobalKnownHostsFile /dev/null",
		"StrictHostKeyChecking yes",
		"BatchMode yes",
		"ConnectTimeout 10",
		"LogLevel ERROR",
		"",
	}, "\n")
}
