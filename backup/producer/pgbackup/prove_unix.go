//go:build unix

package pgbackup

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// The signals of a server's shutdowns: in order, and at once.
const (
	fast      = syscall.SIGINT
	immediate = syscall.SIGQUIT
)

// become makes the command run as the server's user, who gets the folders.
func (p *proving) become(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() != 0 {
		if p.options.User != "" {
			return fmt.Errorf("field User is %q, and only root can run a server as somebody else", p.options.User)
		}
		return nil
	}
	u, err := user.Lookup(cmp.Or(p.options.User, "postgres"))
	if err != nil {
		return fmt.Errorf("field User: %w", err)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	if uid == 0 {
		return errors.New("field User: a server does not run as root")
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return p.own(int(uid), int(gid))
}

// own hands over the data directory and, behind its links, the tablespaces.
func (p *proving) own(uid, gid int) error {
	dirs := []string{p.private, p.dir}
	if beside := p.dir + ".tablespaces"; exists(beside) {
		dirs = append(dirs, beside)
	}
	links, err := os.ReadDir(filepath.Join(p.dir, "pg_tblspc"))
	if err != nil {
		return err
	}
	for _, l := range links {
		if to, err := os.Readlink(filepath.Join(p.dir, "pg_tblspc", l.Name())); err == nil {
			dirs = append(dirs, to)
		}
	}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(name, uid, gid)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}
