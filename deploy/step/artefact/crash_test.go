package artefact_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/step/artefact"
	"github.com/masaruk/devops/internal/durable"
	"github.com/masaruk/devops/internal/durable/powercut"
)

// built is a small folder.
func built(dir string) error {
	return errors.Join(
		os.MkdirAll(filepath.Join(dir, "src"), 0o700),
		os.WriteFile(filepath.Join(dir, "src", "app.js"), []byte("one"), 0o644),
		os.Symlink("src/app.js", filepath.Join(dir, "main.js")),
	)
}

var stages = []string{"packed", "pushed", "pulled", "unpacked"}

// promote goes the whole way in root, where the folder build is, and says what
// it has done.
func promote(ctx context.Context, fsys durable.FS, root string, done func(string)) error {
	at := func(name string) string { return filepath.Join(root, name) }
	signer, verifier := key("ci.example.com")
	store := artefact.NewFolderOn(at("store"), fsys)
	digest, err := artefact.PackOn(ctx, fsys, artefact.Pack{Dir: at("build"), Archive: at("a.tar.gz"), Signer: &signer})
	if err != nil {
		return err
	}
	done("packed")
	if err := artefact.PushTo(ctx, artefact.Push{Archive: at("a.tar.gz"), Digest: digest, Store: store}); err != nil {
		return err
	}
	done("pushed")
	keys := []deploy.VerifyingKey{verifier}
	if err := artefact.PullOn(ctx, fsys, artefact.Pull{Store: store, Digest: digest, Archive: at("b.tar.gz"), Keys: keys}); err != nil {
		return err
	}
	done("pulled")
	if err := artefact.UnpackOn(ctx, fsys, artefact.Unpack{Archive: at("b.tar.gz"), Digest: digest, Dir: at("releases/v1"), Keys: keys}); err != nil {
		return err
	}
	done("unpacked")
	return nil
}

// survived checks root after a crash, when so much was done: what has its name
// is whole, and what was done is there.
func survived(root, digest string, done []string) error {
	at := func(name string) string { return filepath.Join(root, name) }
	hex := strings.TrimPrefix(digest, "sha256:")
	for stage, files := range map[string][]string{
		"packed": {"a.tar.gz", "a.tar.gz.sig"},
		"pushed": {"store/sha256/" + hex + ".tar.gz", "store/sha256/" + hex + ".tar.gz.sig"},
		"pulled": {"b.tar.gz", "b.tar.gz.sig"},
	} {
		for i, file := range files {
			content, err := os.ReadFile(at(file))
			if errors.Is(err, fs.ErrNotExist) && !slices.Contains(done, stage) {
				continue
			}
			if err != nil {
				return err
			}
			whole := i == 0 && sum(content) == digest || i == 1 && bytes.HasSuffix(content, []byte("=\n"))
			if !whole {
				return fmt.Errorf("%s is not whole", file)
			}
		}
	}
	if _, err := os.Lstat(at("releases/v1")); errors.Is(err, fs.ErrNotExist) && !slices.Contains(done, "unpacked") {
		return nil
	}
	content, err := os.ReadFile(at("releases/v1/main.js"))
	if err == nil && string(content) != "one" {
		err = fmt.Errorf("v1 is not whole: %q", content)
	}
	return err
}

func sum(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }

// prepare makes a root on which promote can run.
func prepare(t *testing.T) (root, digest string) {
	t.Helper()
	root = t.TempDir()
	require.NoError(t, built(filepath.Join(root, "build")))
	_, digest = pack(t, filepath.Join(root, "build"), nil)
	return root, digest
}

func TestPowerCut(t *testing.T) {
	root, digest := prepare(t)
	rec, err := powercut.New(root)
	require.NoError(t, err)
	require.NoError(t, promote(t.Context(), rec, root, rec.Mark))
	recording := rec.Recording()
	t.Logf("%d operations", len(recording.Ops()))
	require.GreaterOrEqual(t, len(recording.Ops()), 40)
	check := func(s powercut.State) error { return survived(s.Dir, digest, s.Marks) }
	require.NoError(t, recording.Check(&powercut.Options{Samples: 2}, check))

	// All syncs of one name left out are missed.
	groups := map[string][]int{}
	for _, i := range recording.Syncs() {
		groups[recording.Ops()[i]] = nil
	}
	for i, op := range recording.Ops() {
		if _, is := groups[op]; is {
			groups[op] = append(groups[op], i)
		}
	}
	for op, all := range groups {
		without := recording.Without(all...)
		require.Error(t, without.Check(&powercut.Options{Samples: -1, From: all[0]}, check), "%s can be left out and nothing notices", op)
	}
	require.GreaterOrEqual(t, len(groups), 10)
}

// Killed after each operation, and then the power is cut when the next run has
// done its work: it must not take for durable what it only sees.
func TestKillThenPowerCut(t *testing.T) {
	step := stride(4)
	kills := rand.IntN(step)
	t.Logf("killed after %d operations, then each %d", kills, step)
	for ; ; kills += step {
		root, digest := prepare(t)
		rec, err := powercut.New(root)
		require.NoError(t, err)
		rec.KillAfter(kills)
		err = promote(t.Context(), rec, root, func(string) {})
		if err == nil {
			break
		}
		require.ErrorIs(t, err, powercut.ErrKilled)
		rec.KillAfter(-1)
		require.NoError(t, promote(t.Context(), rec, root, rec.Mark), "killed after %d", kills)
		recording := rec.Recording()
		from := &powercut.Options{Samples: -1, From: len(recording.Ops())}
		require.NoError(t, recording.Check(from, func(s powercut.State) error { return survived(s.Dir, digest, stages) }), "killed after %d", kills)
		requireTidy(t, root)
	}
	t.Logf("%d operations", kills)
	require.GreaterOrEqual(t, kills, 40)
}

// The same for a store that another program pushes to, without a signature
// whose own syncs would do.
func TestPutAfterAKill(t *testing.T) {
	content := []byte("an archive")
	for kills := 0; ; kills++ {
		root := t.TempDir()
		rec, err := powercut.New(root)
		require.NoError(t, err)
		store := artefact.NewFolderOn(filepath.Join(root, "store"), rec)
		rec.KillAfter(kills)
		err = store.Put(t.Context(), sum(content), bytes.NewReader(content))
		if err == nil {
			require.GreaterOrEqual(t, kills, 7)
			break
		}
		rec.KillAfter(-1)
		require.NoError(t, store.Put(t.Context(), sum(content), bytes.NewReader(content)))
		recording := rec.Recording()
		require.NoError(t, recording.Check(&powercut.Options{Samples: -1, From: len(recording.Ops())}, func(s powercut.State) error {
			kept := artefact.NewFolderOn(filepath.Join(s.Dir, "store"), durable.OS{})
			r, err := kept.Get(context.Background(), sum(content))
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, r)
			return errors.Join(err, r.Close())
		}), "killed after %d", kills)
	}
}

func requireTidy(t *testing.T, root string) {
	t.Helper()
	require.Equal(t, []string{"a.tar.gz", "a.tar.gz.sig", "b.tar.gz", "b.tar.gz.sig", "build", "releases", "store"}, names(t, root))
	require.Equal(t, []string{"v1"}, names(t, filepath.Join(root, "releases")))
	require.Len(t, names(t, filepath.Join(root, "store", "sha256")), 2)
}

// hooked is a file system that asks before each operation. It does not sync.
type hooked struct {
	durable.OS
	ask func(op string) error
}

func (h hooked) OpenFile(name string, flag int, perm fs.FileMode) (durable.File, error) {
	if err := h.ask("open"); err != nil {
		return nil, err
	}
	f, err := h.OS.OpenFile(name, flag, perm)
	return hookedFile{f, h.ask}, err
}

func (h hooked) Mkdir(name string, perm fs.FileMode) error {
	if err := h.ask("mkdir"); err != nil {
		return err
	}
	return h.OS.Mkdir(name, perm)
}

func (h hooked) Symlink(target, name string) error {
	if err := h.ask("symlink"); err != nil {
		return err
	}
	return h.OS.Symlink(target, name)
}

func (h hooked) Rename(oldname, newname string) error {
	if err := h.ask("rename"); err != nil {
		return err
	}
	return h.OS.Rename(oldname, newname)
}

func (h hooked) Remove(name string) error {
	if err := h.ask("remove"); err != nil {
		return err
	}
	return h.OS.Remove(name)
}

func (hooked) SyncDir(string) error { return nil }

type hookedFile struct {
	durable.File
	ask func(op string) error
}

func (f hookedFile) Write(p []byte) (int, error) {
	if err := f.ask("write"); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (hookedFile) Sync() error { return nil }

// A disk that is full at the n-th write, or a file, folder or link that cannot
// be made, leaves no half of anything, and a later run with room succeeds.
func TestFullDisk(t *testing.T) {
	fired := 0
	for n := 0; ; n++ {
		root, digest := prepare(t)
		left, hit := n, false
		full := hooked{ask: func(op string) error {
			if op == "remove" || op == "rename" {
				return nil
			}
			if left--; left == -1 {
				hit = true
				return &fs.PathError{Op: op, Path: "x", Err: syscall.ENOSPC}
			}
			return nil
		}}
		done := []string{}
		err := promote(t.Context(), full, root, func(s string) { done = append(done, s) })
		if !hit {
			require.NoError(t, err)
			break
		}
		fired++
		require.ErrorIs(t, err, syscall.ENOSPC)
		require.NoError(t, survived(root, digest, done))
		for _, dir := range []string{root, filepath.Join(root, "releases"), filepath.Join(root, "store", "sha256")} {
			if _, err := os.Stat(dir); err == nil {
				require.NotRegexp(t, regexp.MustCompile(`\.part|\.unpack`), strings.Join(names(t, dir), " "))
			}
		}
		require.NoError(t, promote(t.Context(), hooked{ask: func(string) error { return nil }}, root, func(string) {}))
		requireTidy(t, root)
	}
	t.Logf("full at each of %d operations", fired)
	require.GreaterOrEqual(t, fired, 20)
}

const rootVar = "ARTEFACT_TEST_ROOT"

// TestMain is also the main function of the process that TestKill kills.
func TestMain(m *testing.M) {
	root := os.Getenv(rootVar)
	if root == "" {
		os.Exit(m.Run())
	}
	in := bufio.NewReader(os.Stdin)
	asking := hooked{ask: func(op string) error {
		if _, err := fmt.Println("next", op); err != nil {
			return err
		}
		_, err := in.ReadByte()
		return err
	}}
	if err := promote(context.Background(), asking, root, func(s string) { fmt.Println("done", s) }); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// TestKill kills a process before each of its operations, and goes on in
// another one.
func TestKill(t *testing.T) {
	step := stride(3)
	kills := rand.IntN(step)
	t.Logf("killed before operation %d, then each %d", kills, step)
	for ; ; kills += step {
		root, digest := prepare(t)
		done, killed := killBefore(t, root, kills)
		require.NoError(t, survived(root, digest, done), "killed before operation %d", kills)
		if !killed {
			break
		}
		require.NoError(t, promote(t.Context(), hooked{ask: func(string) error { return nil }}, root, func(string) {}), "killed before operation %d", kills)
		require.NoError(t, survived(root, digest, stages))
		requireTidy(t, root)
	}
	t.Logf("%d operations", kills)
	require.GreaterOrEqual(t, kills, 30)
}

// killBefore lets a process do n operations, kills it, and returns what it
// said was done.
func killBefore(t *testing.T, root string, n int) (done []string, killed bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), rootVar+"="+root)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	for lines := bufio.NewScanner(out); lines.Scan(); {
		what, ok := strings.CutPrefix(lines.Text(), "done ")
		switch {
		case ok:
			done = append(done, what)
		case n == 0:
			killed = true
			require.NoError(t, cmd.Process.Kill())
		default:
			n--
			_, err := io.WriteString(in, "\n")
			require.NoError(t, err)
		}
	}
	if err := cmd.Wait(); !killed {
		require.NoError(t, err)
	}
	return done, killed
}
