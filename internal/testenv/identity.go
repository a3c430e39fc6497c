package testenv

import (
	"bufio"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"

	"github.com/masaruk/devops/internal/testenv/internal/guard"
)

// identity is the user that a server runs as.
type identity struct {
	name     string
	uid, gid uint32
	// drop is set when the server must leave the root user for this one.
	drop bool
}

func isRoot() bool { return os.Geteuid() == 0 }

// unprivileged returns the user for servers that refuse root: the caller's
// own where that is not root, else the first of names that exists. No user is
// ever created: postgres comes with Debian's package and owns nothing but its
// server's folder, nobody is on every machine.
func unprivileged(names ...string) (identity, error) {
	if !isRoot() {
		u, err := user.Current()
		if err != nil {
			return identity{}, fmt.Errorf("look up the current user: %w", err)
		}
		return identityOf(u, false)
	}
	for _, name := range names {
		if u, err := user.Lookup(name); err == nil {
			return identityOf(u, true)
		}
	}
	return identity{}, fmt.Errorf("no user named %s", strings.Join(names, " or "))
}

func identityOf(u *user.User, drop bool) (identity, error) {
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return identity{}, fmt.Errorf("user %s: %w", u.Username, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return identity{}, fmt.Errorf("user %s: %w", u.Username, err)
	}
	return identity{name: u.Username, uid: uint32(uid), gid: uint32(gid), drop: drop}, nil
}

// postgresUser is who PostgreSQL runs as.
func postgresUser() (identity, error) { return unprivileged("postgres", "nobody") }

// plainUser is who logs in to the sshd that is not root. It needs a login
// shell, which among Debian's users only postgres has.
func plainUser() (identity, error) { return unprivileged("postgres") }

func serverUser() Part {
	return systemPart("a user to run PostgreSQL as (postgres or nobody)", func() bool {
		_, err := postgresUser()
		return err == nil
	})
}

func loginUser() Part {
	return Part{Source: Debian, Name: "postgresql-common", present: func() bool {
		id, err := plainUser()
		return err == nil && hasShell(id.name)
	}}
}

// hasShell reports whether name's login shell runs commands.
func hasShell(name string) bool {
	f, err := os.Open("/etc/passwd")
	if err != nil {
		return false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		field := strings.Split(lines.Text(), ":")
		if len(field) == 7 && field[0] == name {
			return strings.HasSuffix(field[6], "sh")
		}
	}
	return false
}

// mayUnshare reports whether the process may make network namespaces.
func mayUnshare() bool {
	const netAdmin, sysAdmin = 12, 21
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		hex, ok := strings.CutPrefix(lines.Text(), "CapEff:")
		if !ok {
			continue
		}
		caps, err := strconv.ParseUint(strings.TrimSpace(hex), 16, 64)
		return err == nil && caps>>netAdmin&1 == 1 && caps>>sysAdmin&1 == 1
	}
	return false
}

// mkdir makes a folder that only the user may enter.
func (id identity) mkdir(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil {
		return err
	}
	return id.own(path)
}

// own hands path to the user.
func (id identity) own(path string) error {
	if !id.drop {
		return nil
	}
	return os.Chown(path, int(id.uid), int(id.gid))
}

func (id identity) guardUser() *guard.User {
	if !id.drop {
		return nil
	}
	return &guard.User{UID: id.uid, GID: id.gid}
}
