package dirbackup_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/backup/producer/dirbackup"
	"github.com/masaruk/devops/backup/store/filestore"
	"github.com/masaruk/devops/secrets"
)

const childVar = "DIRBACKUP_TEST_CHILD"

func TestMain(m *testing.M) {
	if raw := os.Getenv(childVar); raw != "" {
		if err := child(raw); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// order is what a child process does: a backup, as another user, beside a mount of
// its own, or one that is killed.
type order struct {
	Store, Dir string
	Mount      string // becomes a file system of its own, with a file in it
	HangAt     string // says so when this file is open, and goes on no more
	One        bool   // stays on one file system
	Source     string
}

// child prints the details of the backup that it makes. It gets the Writer's key
// as its input.
func child(raw string) error {
	var o order
	if err := json.Unmarshal([]byte(raw), &o); err != nil {
		return err
	}
	key, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	if o.Mount != "" {
		err := errors.Join(
			syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""),
			syscall.Mount("tmpfs", o.Mount, "tmpfs", 0, "size=1m"),
			os.WriteFile(filepath.Join(o.Mount, "inside"), []byte("inside"), 0o600),
		)
		if err != nil {
			return err
		}
	}
	store, err := filestore.New(o.Store)
	if err != nil {
		return err
	}
	w, err := backup.OpenWriter(context.Background(), store, secrets.New(string(key)), nil)
	if err != nil {
		return err
	}
	p, err := dirbackup.New(o.Dir, &dirbackup.Options{OneFileSystem: o.One, Source: o.Source})
	if err != nil {
		return err
	}
	p.SetOpened(func(path string, _ int) {
		if path == o.HangAt {
			fmt.Println("open")
			select {}
		}
	})
	b, err := w.Backup(context.Background(), p)
	if err != nil {
		return err
	}
	fmt.Printf("%s\n", b.Details)
	return nil
}

// command is a child process with the order.
func (r *repository) command(t *testing.T, o order) *exec.Cmd {
	t.Helper()
	o.Store = r.dir
	raw, err := json.Marshal(o)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), childVar+"="+string(raw))
	in, out, err := os.Pipe()
	require.NoError(t, err)
	_, err = out.WriteString(r.keys.Writer.Reveal())
	require.NoError(t, errors.Join(err, out.Close()))
	t.Cleanup(func() { _ = in.Close() })
	cmd.Stdin = in
	return cmd
}

// Killed in the middle: there is no backup, and the next one is as if the killed
// one had not been.
func TestKilled(t *testing.T) {
	repo, dir := newRepository(t), t.TempDir()
	for i := range 40 {
		write(t, filepath.Join(dir, fmt.Sprintf("%02d", i)), fmt.Sprint("content ", i))
	}
	first, _ := repo.backup(t, producer(t, dir, nil))
	for i := range 20 {
		write(t, filepath.Join(dir, fmt.Sprintf("%02d", i)), fmt.Sprint("new ", i))
	}
	for _, at := range []string{"00", "15", "39"} {
		cmd := repo.command(t, order{Dir: dir, HangAt: at})
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		line, err := bufio.NewReader(out).ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "open\n", line)
		require.NoError(t, cmd.Process.Kill())
		require.ErrorContains(t, cmd.Wait(), "killed")
		last, err := repo.reader.Last(t.Context())
		require.NoError(t, err)
		require.Equal(t, first.ID, last.ID)
	}
	b, d := repo.backup(t, producer(t, dir, nil))
	require.Equal(t, first.ID, d.Earlier)
	require.EqualValues(t, 20, d.Referred)
	requireSame(t, snapshot(t, dir), snapshot(t, repo.restore(t, b.ID)))
	_, err := repo.reader.Verify(t.Context(), b.ID, &backup.VerifyOptions{Deep: true})
	require.NoError(t, err)
}

// What is mounted below the folder is backed up, or left out and listed.
func TestMounts(t *testing.T) {
	repo, dir := newRepository(t), t.TempDir()
	mount := filepath.Join(dir, "mount")
	write(t, filepath.Join(dir, "file"), "file")
	require.NoError(t, os.Mkdir(mount, 0o700))
	for _, one := range []bool{false, true} {
		cmd := repo.command(t, order{Dir: dir, Mount: mount, One: one, Source: fmt.Sprint(one)})
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
		if os.Geteuid() != 0 {
			cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
			cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
			cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
		}
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		var d dirbackup.Details
		require.NoError(t, json.Unmarshal(out, &d), "%s", out)
		var id string
		for l, err := range repo.writer.List(t.Context()) {
			require.NoError(t, err)
			if string(l.Details)+"\n" == string(out) {
				id = l.ID
			}
		}
		got := snapshot(t, repo.restore(t, id))
		require.Contains(t, got, "mount", "the point of the mount stays")
		if one {
			require.Equal(t, []string{"mount"}, d.Mounts.First)
			require.NotContains(t, got, "mount/inside")
		} else {
			require.Zero(t, d.Mounts.Count)
			require.Contains(t, got, "mount/inside")
		}
	}
}

// What may not be read is named, each folder and the first file, and there is no
// backup.
func TestUnreadable(t *testing.T) {
	repo, dir := newRepository(t), t.TempDir()
	for _, name := range []string{"open/file", "shut/file", "shut too/file"} {
		write(t, filepath.Join(dir, name), name)
	}
	lock := func(mode os.FileMode, names ...string) {
		for _, name := range names {
			require.NoError(t, os.Chmod(filepath.Join(dir, name), mode))
		}
	}
	try := func() string {
		cmd := repo.command(t, order{Dir: dir})
		if os.Geteuid() == 0 { // who may read everything
			const nobody = 65534
			require.NoError(t, os.Chmod(filepath.Dir(dir), 0o711)) // that of the test
			for _, d := range []string{dir, repo.dir} {
				require.NoError(t, filepath.WalkDir(d, func(name string, _ os.DirEntry, err error) error {
					return errors.Join(err, os.Lchown(name, nobody, nobody))
				}))
			}
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}
		out, err := cmd.CombinedOutput()
		require.Error(t, err, "%s", out)
		repo.none(t)
		return string(out)
	}
	lock(0, "shut", "shut too")
	out := try()
	require.Contains(t, out, `folder "shut": `)
	require.Contains(t, out, `folder "shut too": `)
	lock(0o700, "shut", "shut too")
	lock(0, "open/file")
	out = try()
	require.Contains(t, out, "open/file: permission denied")
}
