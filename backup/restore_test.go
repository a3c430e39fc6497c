package backup_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/internal/durable"
	"github.com/masaruk/devops/internal/durable/powercut"
)

const markerFile = "devops-restore-incomplete.json"

// small is a tree of several parts, with all that a restore makes.
func small() *files {
	var f files
	f.dir("d", 0o750)
	f.dir("d/e", 0o700)
	f.file("d/one", 0o600, []byte("1"))
	f.file("d/e/two", 0o640, []byte("22"))
	f.file("three", 0o600, []byte("333"))
	f.entries = append(f.entries, backup.Entry{Path: "d/link", Type: backup.EntryLink, Mode: 0o777, Link: "../three"},
		backup.Entry{Path: "link", Type: backup.EntryLink, Mode: 0o777, Link: "three"})
	return &f
}

// backed makes a repository with a backup of small parts, and a Reader that
// reads one object at a time.
func backed(t *testing.T, content *files, part int64) (*repository, *backup.Reader) {
	t.Helper()
	repo := newRepository(t)
	w := repo.writer(t)
	w.SetPartSize(part)
	_, err := w.Backup(t.Context(), content)
	require.NoError(t, err)
	r, err := backup.OpenReader(t.Context(), repo.store, repo.identity, &backup.ReaderOptions{Parallel: 1})
	require.NoError(t, err)
	return repo, r
}

// treeIs compares content only: the simulator of power cuts does not model modes
// that are changed later.
func treeIs(f *files, dir string) error {
	for _, e := range f.entries {
		name := filepath.Join(dir, e.Path)
		switch e.Type {
		case backup.EntryDir:
			if info, err := os.Lstat(name); err != nil || !info.IsDir() {
				return fmt.Errorf("%s is no folder: %w", e.Path, err)
			}
		case backup.EntryLink:
			if to, err := os.Readlink(name); err != nil || to != e.Link {
				return fmt.Errorf("%s is no link to %s: %w", e.Path, e.Link, err)
			}
		default:
			if got, err := os.ReadFile(name); err != nil || string(got) != string(f.content[e.Path]) {
				return fmt.Errorf("%s holds %q: %w", e.Path, got, err)
			}
		}
	}
	return nil
}

// After a power cut at any time a restore says that it is not complete, or it
// is; and the next one goes on from what is there.
func TestRestoreSurvivesPowerCut(t *testing.T) {
	content := small()
	_, r := backed(t, content, 512)
	root := t.TempDir()
	rec, err := powercut.New(root)
	require.NoError(t, err)
	r.SetFS(rec)
	_, err = r.Restore(t.Context(), "", filepath.Join(root, "new"), nil)
	require.NoError(t, err)
	rec.Mark("restored")
	r.SetFS(durable.OS{})
	states := 0
	check := func(resume bool) func(powercut.State) error {
		return func(s powercut.State) error {
			states++
			dir := filepath.Join(s.Dir, "new")
			entries, err := os.ReadDir(dir)
			if len(entries) == 0 && len(s.Marks) == 0 { // nothing is there, and nothing is said
				return nil
			}
			if err != nil {
				return err
			}
			if marker, err := os.ReadFile(filepath.Join(dir, markerFile)); err == nil {
				if len(s.Marks) > 0 || !json.Valid(marker) {
					return fmt.Errorf("after %v it says %q", s.Marks, marker)
				}
				if !resume {
					return nil
				}
				if _, err := r.Restore(t.Context(), "", dir, nil); err != nil {
					return err
				}
			} else if only := len(entries) == 1 && strings.HasPrefix(entries[0].Name(), "."+markerFile); only && len(s.Marks) == 0 {
				return nil
			}
			return treeIs(content, dir)
		}
	}
	recording := rec.Recording()
	samples := -1
	if exhaustive() {
		samples = 8
	}
	require.NoError(t, recording.Check(&powercut.Options{Samples: samples}, check(true)))
	t.Logf("%d states of %d operations", states, len(recording.Ops()))
	// Each sync is needed, but for those that only remember how far it is.
	needed, ops := 0, recording.Ops()
	first, step := every(t, 3)
	for n, i := range recording.Syncs() {
		if ops[i] != "sync directory new" && n%step != first {
			continue
		}
		err := recording.Without(i).Check(&powercut.Options{Samples: -1}, check(false))
		if ops[i] != "sync directory new" {
			require.Error(t, err, "operation %d, %s, can be left out and nothing notices", i, ops[i])
		} else if err != nil {
			needed++
		}
	}
	require.GreaterOrEqual(t, needed, 3, "the marker is first, the names follow, the marker is removed")
}

// A restore that ended at any of its operations goes on, and gives the same.
func TestRestoreResumesAnywhere(t *testing.T) {
	content := small()
	_, r := backed(t, content, 512)
	resumed := 0
	first, step := every(t, 4)
	for at := first; ; at += step {
		root := t.TempDir()
		rec, err := powercut.New(root)
		require.NoError(t, err)
		r.SetFS(rec)
		rec.KillAfter(at)
		dir := filepath.Join(root, "new")
		_, err = r.Restore(t.Context(), "", dir, nil)
		if err == nil {
			require.Greater(t, at, 30)
			require.Greater(t, resumed, 20/step)
			t.Logf("%d operations", at)
			requireTree(t, content, dir)
			return
		}
		require.ErrorIs(t, err, powercut.ErrKilled)
		if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 && treeIs(content, dir) != nil {
			_, err := os.Stat(filepath.Join(dir, markerFile))
			require.True(t, err == nil || strings.HasPrefix(entries[0].Name(), "."+markerFile), "operation %d", at)
		}
		rec.KillAfter(-1)
		rep, err := r.Restore(t.Context(), "", dir, nil)
		if err != nil { // it was complete, but for the sync of that
			require.ErrorContains(t, err, "not empty")
		} else if rep.Resumed {
			resumed++
		}
		requireTree(t, content, dir)
	}
}

// Somebody who puts links where files go leads nothing out of the target.
func TestRestoreFollowsNoLink(t *testing.T) {
	content := small()
	repo, r := backed(t, content, 512)
	outside, dir := t.TempDir(), filepath.Join(t.TempDir(), "new")
	parts, err := filepath.Glob(filepath.Join(repo.dir, "data", "*", "*.tar.zst.age"))
	require.NoError(t, err)
	require.Len(t, parts, 7, "an entry each")
	for _, part := range parts {
		require.NoError(t, os.Rename(part, part+".away"))
	}
	_, err = r.Restore(t.Context(), "", dir, nil)
	require.ErrorIs(t, err, backup.ErrDamaged)
	for _, part := range parts {
		require.NoError(t, os.Rename(part+".away", part))
	}
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "d", "e")))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "d", "e")))
	_, err = r.Restore(t.Context(), "", dir, nil)
	var target *backup.TargetError
	require.ErrorAs(t, err, &target)
	require.Equal(t, filepath.Join(dir, "d", "e"), target.Path)
	left, err := os.ReadDir(outside)
	require.NoError(t, err)
	require.Empty(t, left)
	// A link in the place of a file is replaced, and not written through.
	require.NoError(t, os.Remove(filepath.Join(dir, "d", "e")))
	victim := filepath.Join(outside, "victim")
	require.NoError(t, os.WriteFile(victim, []byte("mine"), 0o600))
	require.NoError(t, os.Symlink(victim, filepath.Join(dir, "three")))
	_, err = r.Restore(t.Context(), "", dir, nil)
	require.NoError(t, err)
	got, err := os.ReadFile(victim)
	require.NoError(t, err)
	require.Equal(t, "mine", string(got))
	requireTree(t, content, dir)
}

func TestRestorePlaces(t *testing.T) {
	content := small()
	_, r := backed(t, content, 512)
	root := t.TempDir()
	dir, aside := filepath.Join(root, "new"), filepath.Join(root, "aside")
	place := func(path string) string {
		if rest, ok := strings.CutPrefix(path, "d/e"); ok {
			return filepath.Join(aside, rest)
		}
		return filepath.Join(dir, path)
	}
	_, err := r.Restore(t.Context(), "", dir, &backup.RestoreOptions{Place: place})
	require.ErrorContains(t, err, "which is in none of the folders")
	require.NoDirExists(t, dir)
	_, err = r.Plan(t.Context(), "", dir, &backup.RestoreOptions{Place: place, Folders: []string{"aside"}})
	require.ErrorContains(t, err, "Folders[0]")
	require.NoError(t, os.WriteFile(aside, nil, 0o600))
	plan, err := r.Plan(t.Context(), "", dir, &backup.RestoreOptions{Place: place, Folders: []string{aside}})
	if err == nil {
		require.NotEmpty(t, plan.Problems)
	}
	require.NoError(t, os.Remove(aside))

	broken := errors.New("broken")
	opts := &backup.RestoreOptions{Place: place, Folders: []string{aside}, Finish: func() error {
		if err := treeIs(&files{entries: content.entries[4:5], content: content.content}, dir); err != nil {
			return err
		}
		return broken
	}}
	_, err = r.Restore(t.Context(), "", dir, opts)
	require.ErrorIs(t, err, broken)
	require.FileExists(t, filepath.Join(dir, markerFile))
	opts.Finish = func() error { return os.WriteFile(filepath.Join(dir, "more"), nil, 0o600) }
	rep, err := r.Restore(t.Context(), "", dir, opts)
	require.NoError(t, err)
	require.True(t, rep.Resumed)
	require.NoFileExists(t, filepath.Join(dir, markerFile))
	require.FileExists(t, filepath.Join(dir, "more"))
	require.FileExists(t, filepath.Join(aside, "two"))
	require.NoDirExists(t, filepath.Join(dir, "d", "e"))
}

func TestRestoreOwners(t *testing.T) {
	var content files
	content.dir("d", 0o755)
	content.file("d/f", 0o4755, []byte("x"))
	content.entries = append(content.entries, backup.Entry{Path: "link", Type: backup.EntryLink, Mode: 0o777, Link: "d/f"})
	for i := range content.entries {
		content.entries[i].UID, content.entries[i].GID = 12345, 54321
	}
	_, r := backed(t, &content, 1<<20)
	dir := filepath.Join(t.TempDir(), "new")
	_, err := r.Restore(t.Context(), "", dir, &backup.RestoreOptions{Owners: true})
	if os.Getuid() != 0 {
		require.ErrorIs(t, err, fs.ErrPermission)
		return
	}
	require.NoError(t, err)
	for _, e := range content.entries {
		info, err := os.Lstat(filepath.Join(dir, e.Path))
		require.NoError(t, err)
		stat := info.Sys().(*syscall.Stat_t)
		require.EqualValues(t, 12345, stat.Uid, e.Path)
		require.EqualValues(t, 54321, stat.Gid, e.Path)
	}
	info, err := os.Stat(filepath.Join(dir, "d/f"))
	require.NoError(t, err)
	require.Equal(t, fs.ModeSetuid|0o755, info.Mode(), "the mode comes after the owner")
}

func TestRestoreSparse(t *testing.T) {
	var content files
	body := make([]byte, 4<<20)
	copy(body[1<<20:], "something")
	content.file("holes", 0o600, body)
	content.file("end", 0o600, append(make([]byte, 100), "end"...))
	content.file("zero", 0o600, make([]byte, 64<<10))
	_, r := backed(t, &content, 1<<20)
	dir := filepath.Join(t.TempDir(), "new")
	_, err := r.Restore(t.Context(), "", dir, &backup.RestoreOptions{Sparse: true})
	require.NoError(t, err)
	requireTree(t, &content, dir)
	info, err := os.Stat(filepath.Join(dir, "holes"))
	require.NoError(t, err)
	require.Less(t, info.Sys().(*syscall.Stat_t).Blocks*512, int64(1<<20))
}

// full is a file system without space after n writes.
type fullFS struct {
	durable.OS
	left int
}

type fullFile struct {
	durable.File
	of *fullFS
}

func (f *fullFS) OpenFile(name string, flag int, perm fs.FileMode) (durable.File, error) {
	file, err := f.OS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &fullFile{file, f}, nil
}

func (f *fullFile) Write(p []byte) (int, error) {
	if f.of.left--; f.of.left < 0 {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, syscall.ENOSPC
	}
	return f.File.Write(p)
}

// A target that is full at any write leaves a restore that says so, and that goes
// on when there is space.
func TestRestoreOntoFullDisk(t *testing.T) {
	content := small()
	_, r := backed(t, content, 512)
	failed := 0
	for n := 0; ; n++ {
		dir := filepath.Join(t.TempDir(), "new")
		r.SetFS(&fullFS{left: n})
		_, err := r.Restore(t.Context(), "", dir, nil)
		if err == nil {
			require.Greater(t, failed, 5)
			return
		}
		failed++
		require.ErrorIs(t, err, syscall.ENOSPC)
		var target *backup.TargetError
		require.ErrorAs(t, err, &target)
		require.NotErrorIs(t, err, backup.ErrDamaged, "the disk is full, and the backup is whole")
		if n > 0 {
			require.FileExists(t, filepath.Join(dir, markerFile))
		}
		r.SetFS(durable.OS{})
		_, err = r.Restore(t.Context(), "", dir, nil)
		require.NoError(t, err)
		requireTree(t, content, dir)
	}
}

// The files of a backup make a tree.
func TestPathsMakeATree(t *testing.T) {
	w := newRepository(t).writer(t)
	file := func(path string) backup.Entry { return backup.Entry{Path: path, Type: backup.EntryFile} }
	dir := func(path string) backup.Entry { return backup.Entry{Path: path, Type: backup.EntryDir} }
	link := backup.Entry{Path: "a", Type: backup.EntryLink, Link: "/etc"}
	for want, entries := range map[string][]backup.Entry{
		"there twice":     {file("a"), file("a")},
		"is there twice":  {dir("a"), dir("a")},
		`below "a"`:       {link, file("a/passwd")},
		`is below "a/b"`:  {dir("a"), file("a/b"), file("a/b/c")},
		"is below it":     {file("a/b/c"), file("a/b")},
		"below it":        {file("a/b"), link},
		"two things":      {},
		"is not complete": {file(markerFile)},
		"zero byte":       {{Path: "a", Type: backup.EntryLink, Link: "a\x00"}},
	} {
		_, err := w.Backup(t.Context(), &files{entries: entries})
		if len(entries) == 0 {
			want = "added nothing"
		}
		require.ErrorContains(t, err, want)
	}
	_, err := w.Backup(context.WithoutCancel(t.Context()), &files{entries: []backup.Entry{file("a/b"), dir("a"), file("a/c"), dir("b"), file("b/a")}})
	require.NoError(t, err, "a folder may follow what is in it")
}
