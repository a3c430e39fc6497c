package git_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/step/git"
	"github.com/masaruk/devops/internal/testenv"
)

func TestCheckout(t *testing.T) {
	root := t.TempDir()
	w := newWork(t, root, "api")
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "run.sh"), []byte("#!/bin/sh\n"), 0o755))
	require.NoError(t, os.Symlink("app.txt", filepath.Join(w.dir, "link")))
	first, second := w.commit("one\r\n"), w.commit("two\n")
	dir := filepath.Join(t.TempDir(), "api")

	for name, old := range map[string]bool{"by hash": false, "server that refuses hashes": true} {
		server := serve(t, root)
		server.old = old
		for _, commit := range []string{first, second} {
			_, err := run(t, local(t), "1", step(&git.Checkout{Repository: server.repo("api"), Commit: commit, Dir: dir}))
			require.NoError(t, err, name)
			require.Equal(t, commit, gitIn(t, dir, "rev-parse", "HEAD"))
			want := map[string]string{first: "one\r\n", second: "two\n"}
			require.Equal(t, want[commit], read(t, filepath.Join(dir, "link")))
			info, err := os.Stat(filepath.Join(dir, "run.sh"))
			require.NoError(t, err)
			require.NotZero(t, info.Mode()&0o100)
			requireAlone(t, dir, "api")
			deep := gitIn(t, dir, "rev-list", "--count", "--all", "HEAD")
			if old && commit == first {
				require.Equal(t, "2", deep, "all of it was fetched")
			} else {
				require.Equal(t, "1", deep)
			}
			require.NoError(t, os.WriteFile(filepath.Join(dir, "built.js"), nil, 0o600)) // goes with the next
		}
	}
}

func TestCheckoutOfNothing(t *testing.T) {
	root := t.TempDir()
	w := newWork(t, root, "api")
	w.commit("one")
	server := serve(t, root)
	for _, old := range []bool{false, true} {
		server.set(func() { server.old = old })
		dir := filepath.Join(t.TempDir(), "api")
		_, err := run(t, local(t), "1", step(&git.Checkout{Repository: server.repo("api"), Commit: strings.Repeat("a", 40), Dir: dir}))
		require.ErrorContains(t, err, "no branch or tag of the repository leads to it")
		require.ErrorContains(t, err, server.URL+"/api.git")
		requireAlone(t, dir)
	}
	dir := filepath.Join(t.TempDir(), "api")
	_, err := run(t, local(t), "1", step(&git.Checkout{Repository: server.repo("none"), Commit: strings.Repeat("a", 40), Dir: dir}))
	require.ErrorContains(t, err, "not found")
	requireAlone(t, dir)
}

func TestCheckoutOverSSH(t *testing.T) {
	s := testenv.SSHD(t, testenv.SSHDOptions{Root: true})
	w := newWork(t, t.TempDir(), "api")
	commit := w.commit("one")
	dir := filepath.Join(t.TempDir(), "api")
	k := &git.Checkout{
		Repository: git.Repository{URL: "target:" + w.bare, SSHCommand: "ssh -o BatchMode=yes -F " + s.ConfigFile},
		Commit:     commit, Dir: dir,
	}
	_, err := run(t, local(t), "1", step(k))
	require.NoError(t, err)
	require.Equal(t, "one", read(t, filepath.Join(dir, "app.txt")))
}

func TestCheckoutOfAFolder(t *testing.T) {
	w := newWork(t, t.TempDir(), "api")
	commit := w.commit("one")
	dir := filepath.Join(t.TempDir(), "api")
	for _, url := range []string{w.bare, "file://" + w.bare} {
		k := &git.Checkout{Repository: git.Repository{URL: url}, Commit: commit, Dir: dir}
		require.ErrorContains(t, k.Validate(), "Repository.Allow does not name")
		k.Repository.Allow = []string{"file"}
		_, err := run(t, local(t), "1", step(k))
		require.NoError(t, err)
		require.Equal(t, "one", read(t, filepath.Join(dir, "app.txt")))
	}
}

func TestSHA256(t *testing.T) {
	dir, bare := t.TempDir(), filepath.Join(t.TempDir(), "bare.git")
	gitIn(t, dir, "init", "-q", "-b", "main", "--object-format=sha256")
	gitIn(t, dir, "commit", "-q", "--allow-empty", "-m", "one")
	gitIn(t, dir, "clone", "-q", "--bare", dir, bare)
	commit := gitIn(t, dir, "rev-parse", "HEAD")
	require.Len(t, commit, 64)
	into := filepath.Join(t.TempDir(), "api")
	_, err := run(t, local(t), "1", step(&git.Checkout{Repository: git.Repository{URL: bare, Allow: []string{"file"}}, Commit: commit, Dir: into}))
	require.NoError(t, err)
	require.Equal(t, commit, gitIn(t, into, "rev-parse", "HEAD"))
}

func TestSubmodules(t *testing.T) {
	root := t.TempDir()
	inner, lib, w := newWork(t, root, "inner"), newWork(t, root, "lib"), newWork(t, root, "api")
	inner.commit("innermost")
	add := func(w *work, name, url string) {
		w.git("clone", "-q", filepath.Join(root, name+".git"), name)
		w.git("config", "-f", ".gitmodules", "submodule."+name+".path", name)
		w.git("config", "-f", ".gitmodules", "submodule."+name+".url", url)
	}
	add(lib, "inner", "../inner.git")
	old := lib.commit("old lib")
	lib.commit("new lib")
	add(w, "lib", "../lib.git")
	w.git("-C", "lib", "checkout", "-q", old)
	commit := w.commit("one")
	server := serve(t, root)
	server.set(func() { server.token = "tok-1234567890" })

	dir := filepath.Join(t.TempDir(), "api")
	k := &git.Checkout{Repository: server.repo("api"), Commit: commit, Dir: dir, Submodules: true}
	k.Repository.Credential = &git.Credential{User: "deployer", Name: "git-token", Source: static("git-token", "tok-1234567890")}
	_, err := run(t, local(t), "1", step(k))
	require.NoError(t, err)
	require.Equal(t, "old lib", read(t, filepath.Join(dir, "lib", "app.txt")))
	require.Equal(t, "innermost", read(t, filepath.Join(dir, "lib", "inner", "app.txt")))

	k.Submodules = false
	_, err = run(t, local(t), "2", step(k))
	require.NoError(t, err)
	require.NoFileExists(t, filepath.Join(dir, "lib", "app.txt"))
}

// What is in the way stays as it is, also when the run turns back.
func TestForeignFolders(t *testing.T) {
	root := t.TempDir()
	w := newWork(t, root, "api")
	commit := w.commit("one")
	server := serve(t, root)
	parent := t.TempDir()
	dir := filepath.Join(parent, "api")
	k := &git.Checkout{Repository: server.repo("api"), Commit: commit, Dir: dir}
	other := filepath.Join(t.TempDir(), "other")
	_, err := run(t, local(t), "0", step(&git.Checkout{Repository: server.repo("api"), Commit: commit, Dir: other}))
	require.NoError(t, err)
	for name, make := range map[string]func() error{
		"our link":   func() error { return os.Symlink(other, dir) },
		"file":       func() error { return os.WriteFile(dir, []byte("mine"), 0o600) },
		"dead link":  func() error { return os.Symlink("nowhere", dir) },
		"link":       func() error { return os.Symlink(w.dir, dir) },
		"repository": func() error { gitIn(t, parent, "init", "-q", dir); return nil },
		"folder": func() error {
			return errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "a"), nil, 0o600))
		},
	} {
		require.NoError(t, make(), name)
		server.seen()
		_, err := run(t, local(t), "1", step(k))
		require.ErrorIs(t, err, git.ErrForeign, name)
		require.Empty(t, server.seen(), "nothing is fetched for nothing")
		requireAlone(t, dir, "api")
		_, err = run(t, local(t), "2", deploy.Step{Name: "remove", InFlight: deploy.Repeat, Do: &git.Remove{Dir: dir}})
		require.NoError(t, err, name)
		requireAlone(t, dir, "api")
		require.NoError(t, os.RemoveAll(dir))
	}
	require.NoError(t, os.Mkdir(dir, 0o700)) // an empty one is nobody's
	_, err = run(t, local(t), "1", step(k))
	require.NoError(t, err)
}

func TestUndo(t *testing.T) {
	root := t.TempDir()
	w := newWork(t, root, "api")
	commit := w.commit("one")
	server := serve(t, root)
	dir := filepath.Join(t.TempDir(), "api")
	k := &git.Checkout{Repository: server.repo("api"), Commit: commit, Dir: dir}
	report, err := run(t, local(t), "1", step(k), failing())
	require.Error(t, err)
	require.Equal(t, deploy.Undone, report.Outcome)
	requireAlone(t, dir)

	// One of an earlier run is not this run's to remove.
	_, err = run(t, local(t), "2", step(k))
	require.NoError(t, err)
	bad := *k
	bad.Commit = strings.Repeat("a", 40)
	report, err = run(t, local(t), "3", step(&bad))
	require.Error(t, err)
	require.Equal(t, deploy.Undone, report.Outcome)
	require.Equal(t, "one", read(t, filepath.Join(dir, "app.txt")))
	requireAlone(t, dir, "api")
}

// between runs a function before the command whose arguments contain a word.
type between struct {
	deploy.Executor
	word string
	do   func(cmd deploy.Command)
	did  int
}

func (b *between) Run(ctx context.Context, cmd deploy.Command) (deploy.Result, error) {
	if slices.Contains(cmd.Argv, b.word) {
		b.did++
		b.do(cmd)
	}
	return b.Executor.Run(ctx, cmd)
}

// A checkout that lost something on its way is not taken for the commit.
func TestDamage(t *testing.T) {
	root := t.TempDir()
	w := newWork(t, root, "api")
	first, second := w.commit("one"), w.commit("two")
	server := serve(t, root)
	dir := filepath.Join(t.TempDir(), "api")
	tests := map[string]struct {
		before string
		do     func(cmd deploy.Command)
	}{
		"lost object": {"fsck", func(deploy.Command) {
			blob := gitIn(t, dir+".checkout-new", "rev-parse", "HEAD:app.txt")
			packs, err := filepath.Glob(dir + ".checkout-new/.git/objects/pack/*.pack")
			require.NoError(t, err)
			if len(packs) == 0 {
				require.NoError(t, os.Remove(filepath.Join(dir+".checkout-new/.git/objects", blob[:2], blob[2:])))
			}
			for _, p := range packs {
				require.NoError(t, os.Remove(p))
			}
		}},
		"other commit": {"rev-parse", func(deploy.Command) {
			gitIn(t, dir+".checkout-new", "fetch", "-q", w.bare, first)
			gitIn(t, dir+".checkout-new", "checkout", "-q", "--detach", first)
		}},
	}
	for name, test := range tests {
		ex := &between{Executor: local(t), word: test.before, do: test.do}
		_, err := run(t, ex, "1", step(&git.Checkout{Repository: server.repo("api"), Commit: second, Dir: dir}))
		require.ErrorIs(t, err, git.ErrUnverified, name)
		require.Equal(t, 1, ex.did, name)
		requireAlone(t, dir)
	}
}

// A flipped bit in the server's own objects arrives nowhere.
func TestFlippedBitOnTheServer(t *testing.T) {
	root := t.TempDir()
	w := newWork(t, root, "api")
	commit := w.commit(strings.Repeat("a long line of the application\n", 100))
	gitIn(t, w.bare, "-c", "core.compression=0", "repack", "-q", "-a", "-d", "-F")
	packs, err := filepath.Glob(w.bare + "/objects/pack/*.pack")
	require.NoError(t, err)
	require.Len(t, packs, 1)
	data, err := os.ReadFile(packs[0])
	require.NoError(t, err)
	data[len(data)-40] ^= 1
	require.NoError(t, os.Chmod(packs[0], 0o600))
	require.NoError(t, os.WriteFile(packs[0], data, 0o600))
	dir := filepath.Join(t.TempDir(), "api")
	_, err = run(t, local(t), "1", step(&git.Checkout{Repository: serve(t, root).repo("api"), Commit: commit, Dir: dir}))
	require.Error(t, err)
	requireAlone(t, dir)
}
