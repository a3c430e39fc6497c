package release_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy/release"
	"github.com/masaruk/devops/internal/durable"
	"github.com/masaruk/devops/internal/durable/powercut"
)

// replace stages, activates and proves v2 where v1 is live and proven, and
// prunes v0. It says what it has done.
func replace(ctx context.Context, d *release.Dir, done func(string)) error {
	if _, err := d.Stage(ctx, spec("v2")); err != nil {
		return err
	}
	done("staged")
	if err := d.Activate(ctx, "v2"); err != nil {
		return err
	}
	done("activated")
	if err := d.Prove(ctx, "v2", "good"); err != nil {
		return err
	}
	done("proven")
	if _, err := d.Prune(ctx, 0, "v1"); err != nil {
		return err
	}
	done("pruned")
	return nil
}

// prepare makes the root that replace begins with.
func prepare(t *testing.T) string {
	t.Helper()
	root := memory(t)
	d := open(t, root)
	stage(t, d, "v0", "v1")
	require.NoError(t, d.Activate(t.Context(), "v1"))
	require.NoError(t, d.Prove(t.Context(), "v1", "good"))
	return root
}

// survived checks a root after a crash, when so much was done.
func survived(root string, done []string) error {
	d, err := release.NewOn(root, unsynced{})
	if err != nil {
		return err
	}
	live, err := whole(d)
	if err != nil {
		return fmt.Errorf("current: %w", err)
	}
	want := []string{"v1", "v2"}
	if slices.Contains(done, "activated") {
		want = want[1:]
	}
	if !slices.Contains(want, live) {
		return fmt.Errorf("%s is live, want one of %v", live, want)
	}
	for r, err := range d.List() {
		if err == nil {
			err = complete(r.Path, r.ID)
		}
		if err == nil && r.ID == live && r.State() == release.Staged {
			err = fmt.Errorf("%s is live and its record says it never was", live)
		}
		if err != nil {
			return err
		}
	}
	if _, err := d.Get("v1"); err != nil {
		return err
	}
	if slices.Contains(done, "staged") {
		if _, err := d.Get("v2"); err != nil {
			return err
		}
	}
	last, err := d.LastProven()
	if err != nil {
		return err
	}
	if slices.Contains(done, "proven") && last.ID != "v2" {
		return errors.New("v2 is not proven any more")
	}
	if slices.Contains(done, "pruned") {
		return gone(d, "v0")
	}
	return nil
}

// gone tells whether neither record nor directory of a release is left.
func gone(d *release.Dir, id string) error {
	for _, name := range []string{"releases/" + id, "records/" + id + ".json", "records/" + id + ".json.removing"} {
		if _, err := os.Lstat(d.Root() + "/" + name); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s was removed and is there: %v", name, err)
		}
	}
	return nil
}

func record(t *testing.T, root string) (*powercut.Recorder, *release.Dir) {
	t.Helper()
	rec, err := powercut.New(root)
	require.NoError(t, err)
	d, err := release.NewOn(root, rec)
	require.NoError(t, err)
	return rec, d
}

func check(s powercut.State) error { return survived(s.Dir, s.Marks) }

var random = regexp.MustCompile(`-[A-Z2-7]{12}`)

func TestPowerCut(t *testing.T) {
	rec, d := record(t, prepare(t))
	require.NoError(t, replace(t.Context(), d, rec.Mark))
	recording := rec.Recording()
	t.Logf("%d operations", len(recording.Ops()))
	require.GreaterOrEqual(t, len(recording.Ops()), 60)
	opts := &powercut.Options{Samples: 2}
	if os.Getenv("DEVOPS_EXHAUSTIVE") != "" {
		opts.Samples, opts.Seed = 50, rand.Uint64()
		t.Logf("seed %d", opts.Seed)
	}
	require.NoError(t, recording.Check(opts, check))

	// Each sync is needed, but for those that only make durable what a killed
	// process may have left: see TestKillThenPowerCut.
	needed := map[string]bool{}
	for _, i := range recording.Syncs() {
		op := random.ReplaceAllString(recording.Ops()[i], "")
		needed[op] = needed[op] || recording.Without(i).Check(&powercut.Options{Samples: -1, From: i}, check) != nil
	}
	t.Logf("%v", needed)
	for op, is := range needed {
		require.True(t, is, "%s can be left out and nothing notices", op)
	}
}

// The process is killed after each operation. The next one sees what is there,
// and goes on: what it saw stays.
func TestKillThenPowerCut(t *testing.T) {
	exhaustive, some := os.Getenv("DEVOPS_EXHAUSTIVE") != "", rand.IntN(4)
	t.Logf("all cuts after kills %d, %d, ...", some, some+4)
	kills, needed := 0, map[string]bool{}
	for ; ; kills++ {
		rec, d := record(t, prepare(t))
		rec.KillAfter(kills)
		err := replace(t.Context(), d, rec.Mark)
		if err == nil {
			break
		}
		require.ErrorIs(t, err, powercut.ErrKilled)
		rec.KillAfter(-1)
		first := len(rec.Recording().Ops())
		require.NoError(t, resume(t.Context(), d, rec.Mark))
		recording := rec.Recording()
		end := len(recording.Ops())
		from := end // what was seen stays; and for some, what the next one does is safe
		if exhaustive || kills%4 == some {
			from = first
		}
		require.NoError(t, recording.Check(&powercut.Options{Samples: -1, From: from}, check), "killed after %d", kills)
		for op, all := range syncs(recording, first) {
			without := &powercut.Options{Samples: -1, From: end - len(all)}
			needed[op] = needed[op] || recording.Without(all...).Check(without, check) != nil
		}
	}
	t.Logf("killed after each of %d operations; needed: %v", kills, needed)
	require.GreaterOrEqual(t, kills, 60)
	for _, op := range []string{"sync directory .", "sync directory records", "sync directory releases"} {
		require.True(t, needed[op], "%s of the next process can be left out and nothing notices", op)
	}
}

// syncs groups those from an operation on that made something durable.
func syncs(r *powercut.Recording, first int) map[string][]int {
	groups := map[string][]int{}
	useful := r.Syncs()
	for i, op := range r.Ops() {
		if i >= first && slices.ContainsFunc(useful, func(u int) bool { return r.Ops()[u] == op }) {
			groups[op] = append(groups[op], i)
		}
	}
	return groups
}

// resume takes the lock, as each method does, changes nothing, and takes what
// it sees for given.
func resume(ctx context.Context, d *release.Dir, done func(string)) error {
	live, err := d.Current()
	if err != nil {
		return err
	}
	if err := d.Activate(ctx, live); err != nil {
		return err
	}
	if r, err := d.Get("v2"); err == nil {
		done("staged")
		if _, proven := r.Proven(); proven {
			done("proven")
		}
	}
	if live == "v2" {
		done("activated")
	}
	if gone(d, "v0") == nil {
		done("pruned")
	}
	return nil
}

// TestMain is also the main function of the process that TestKill kills.
func TestMain(m *testing.M) {
	root := os.Getenv("RELEASE_TEST_ROOT")
	if root == "" {
		os.Exit(m.Run())
	}
	if err := child(root); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child runs replace and asks its parent before each operation.
func child(root string) error {
	d, err := release.NewOn(root, &asking{bufio.NewReader(os.Stdin)})
	if err != nil {
		return err
	}
	return replace(context.Background(), d, func(s string) { fmt.Println("done", s) })
}

// asking is a file system that asks before each operation.
type asking struct{ in *bufio.Reader }

func (a *asking) ask(op string) error {
	if _, err := fmt.Println("next", op); err != nil {
		return err
	}
	_, err := a.in.ReadByte()
	return err
}

func (a *asking) OpenFile(name string, flag int, perm fs.FileMode) (durable.File, error) {
	if err := a.ask("open"); err != nil {
		return nil, err
	}
	f, err := unsynced{}.OpenFile(name, flag, perm)
	return askingFile{f, a}, err
}

func (a *asking) Mkdir(name string, perm fs.FileMode) error {
	return errors.Join(a.ask("mkdir"), unsynced{}.Mkdir(name, perm))
}

func (a *asking) Symlink(target, name string) error {
	return errors.Join(a.ask("symlink"), unsynced{}.Symlink(target, name))
}

func (a *asking) Link(oldname, newname string) error {
	return errors.Join(a.ask("link"), unsynced{}.Link(oldname, newname))
}

func (a *asking) Rename(oldname, newname string) error {
	return errors.Join(a.ask("rename"), unsynced{}.Rename(oldname, newname))
}

func (a *asking) Remove(name string) error {
	if err := a.ask("remove"); err != nil {
		return err
	}
	return unsynced{}.Remove(name)
}

func (a *asking) SyncDir(string) error { return nil }

type askingFile struct {
	durable.File
	a *asking
}

func (f askingFile) Write(p []byte) (int, error) {
	if err := f.a.ask("write"); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

// TestKill kills a process before each of its operations, and goes on in
// another one.
func TestKill(t *testing.T) {
	kills := 0
	for ; ; kills++ {
		root := prepare(t)
		done, killed := killBefore(t, root, kills)
		require.NoError(t, survived(root, done), "killed before operation %d", kills)
		if !killed {
			break
		}
		d := open(t, root)
		require.NoError(t, replace(t.Context(), d, func(string) {}), "killed before operation %d", kills)
		require.NoError(t, survived(root, []string{"staged", "activated", "proven", "pruned"}))
		requireTidy(t, d, "v1", "v2")
	}
	t.Logf("killed before each of %d operations", kills)
	require.GreaterOrEqual(t, kills, 35)
}

// killBefore lets a process do n operations, kills it, and returns what it
// said was done.
func killBefore(t *testing.T, root string, n int) (done []string, killed bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "RELEASE_TEST_ROOT="+root)
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
