package backup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/backup/store/filestore"
	"github.com/masaruk/devops/secrets"
)

// files is a Producer of what it holds.
type files struct {
	entries []backup.Entry
	content map[string][]byte
	err     error
}

func (f *files) Kind() string { return "test" }

func (f *files) Produce(_ context.Context, s *backup.Session) (any, error) {
	for _, e := range f.entries {
		if _, err := s.Add(e, bytes.NewReader(f.content[e.Path])); err != nil {
			return nil, err
		}
	}
	return map[string]int{"made": len(f.entries)}, f.err
}

func (f *files) dir(path string, mode int64) {
	f.entries = append(f.entries, backup.Entry{Path: path, Type: backup.EntryDir, Mode: mode, Modified: time.Unix(1700000000, 0)})
}

func (f *files) file(path string, mode int64, content []byte) {
	if f.content == nil {
		f.content = map[string][]byte{}
	}
	f.content[path] = content
	f.entries = append(f.entries, backup.Entry{Path: path, Type: backup.EntryFile, Mode: mode, Size: int64(len(content)), Modified: time.Unix(1700000000, 5)})
}

// some returns files of many sizes, and a last one of total bytes. Above 1 MiB
// there are those that end around the end of a frame.
func some(t *testing.T, total int) *files {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng, noise := rand.New(rand.NewPCG(seed, 0)), rand.NewChaCha8([32]byte{byte(seed)})
	var f files
	f.dir("a", 0o750)
	f.dir("a/b", 0o500)
	f.file("empty", 0o600, nil)
	f.entries = append(f.entries, backup.Entry{Path: "a/link", Type: backup.EntryLink, Mode: 0o777, Link: "../empty", Modified: time.Unix(1, 0)})
	sizes := []int{1, 511, 512, 513, total}
	if total > 1<<20 {
		sizes = append(sizes, 4<<20-1, 4<<20, 4<<20+1, total)
	}
	for i, size := range sizes {
		content := make([]byte, size)
		if i%2 == 0 {
			_, _ = noise.Read(content)
		}
		for j := 0; j < size; j += 100 {
			content[j] = byte(rng.Uint32())
		}
		f.file(fmt.Sprintf("a/b/file %d", i), 0o640, content)
	}
	return &f
}

// repository is one of a test.
type repository struct {
	store    *filestore.Store
	dir      string
	keys     *backup.Keys
	identity secrets.Value
}

func newRepository(t testing.TB) *repository {
	t.Helper()
	r := &repository{dir: filepath.Join(t.TempDir(), "store")}
	var err error
	r.store, err = filestore.New(r.dir)
	require.NoError(t, err)
	id, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	r.identity = secrets.New("# an operator\n" + id.String() + "\n")
	r.keys, err = backup.Init(t.Context(), r.store, backup.InitOptions{Operators: []string{id.Recipient().String()}})
	require.NoError(t, err)
	return r
}

func (r *repository) writer(t *testing.T) *backup.Writer {
	t.Helper()
	w, err := backup.OpenWriter(t.Context(), r.store, r.keys.Writer, nil)
	require.NoError(t, err)
	return w
}

func (r *repository) reader(t *testing.T) *backup.Reader {
	t.Helper()
	reader, err := backup.OpenReader(t.Context(), r.store, r.identity, &backup.ReaderOptions{Fingerprint: r.keys.Fingerprint})
	require.NoError(t, err)
	return reader
}

// requireTree compares a restored folder with what was produced.
func requireTree(t *testing.T, f *files, dir string) {
	t.Helper()
	found := 0
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		found++
		return err
	}))
	require.Equal(t, len(f.entries)+1, found)
	for _, e := range f.entries {
		name := filepath.Join(dir, e.Path)
		info, err := os.Lstat(name)
		require.NoError(t, err)
		switch e.Type {
		case backup.EntryLink:
			target, err := os.Readlink(name)
			require.NoError(t, err)
			require.Equal(t, e.Link, target)
			continue
		case backup.EntryFile:
			got, err := os.ReadFile(name)
			require.NoError(t, err)
			require.True(t, bytes.Equal(f.content[e.Path], got), e.Path)
		}
		require.Equal(t, fs.FileMode(e.Mode), info.Mode().Perm(), e.Path)
		require.True(t, e.Modified.Equal(info.ModTime()), "%s: %s", e.Path, info.ModTime())
	}
}

func TestBackupAndRestore(t *testing.T) {
	repo, content := newRepository(t), some(t, 6<<20)
	w := repo.writer(t)
	w.SetPartSize(6 << 20)
	made, err := w.Backup(t.Context(), content)
	require.NoError(t, err)
	require.EqualValues(t, 10, made.Files)
	require.Len(t, made.Objects, 4, "three parts, each of which ends behind the file that fills it, and the index")
	require.Equal(t, `{"made":13}`, string(made.Details))

	r := repo.reader(t)
	plan, err := r.Plan(t.Context(), "", filepath.Join(t.TempDir(), "new"), nil)
	require.NoError(t, err)
	require.Equal(t, made.ID, plan.Backup.ID)
	require.Empty(t, plan.Problems)
	require.Equal(t, made.Stored, plan.Fetch)

	dir := filepath.Join(t.TempDir(), "restored")
	rep, err := r.Restore(t.Context(), made.ID, dir, nil)
	require.NoError(t, err)
	require.Equal(t, made.Bytes, rep.Bytes)
	requireTree(t, content, dir)
	_, err = r.Restore(t.Context(), made.ID, dir, nil)
	require.ErrorContains(t, err, "is not empty")

	quick, err := r.Verify(t.Context(), "", nil)
	require.NoError(t, err)
	require.False(t, quick.Deep)
	_, err = r.Verify(t.Context(), "", &backup.VerifyOptions{Deep: true})
	require.NoError(t, err)
	_, err = r.Scrub(t.Context(), 1)
	require.NoError(t, err)
	for l, err := range repo.writer(t).List(t.Context()) {
		require.NoError(t, err)
		require.Len(t, l.Verified, 2)
		require.True(t, l.Restorable())
	}
}

// After an error of any kind there is no backup.
func TestNoBackup(t *testing.T) {
	repo := newRepository(t)
	w := repo.writer(t)
	none := func() {
		t.Helper()
		_, err := repo.reader(t).Last(t.Context())
		require.ErrorIs(t, err, fs.ErrNotExist)
	}
	broken := errors.New("broken")
	content := some(t, 1<<20)
	content.err = broken
	_, err := w.Backup(t.Context(), content)
	require.ErrorIs(t, err, broken)
	none()

	content.err = nil
	content.entries[len(content.entries)-1].Size++
	_, err = w.Backup(t.Context(), content)
	require.ErrorContains(t, err, "1 bytes less than its size")
	none()

	_, err = w.Backup(t.Context(), &files{})
	require.ErrorContains(t, err, "added nothing")
	none()

	for _, path := range []string{"", ".", "../a", "/a", "a//b", "a/../b", "a\x00"} {
		var f files
		f.file(path, 0o600, nil)
		_, err = w.Backup(t.Context(), &f)
		require.ErrorContains(t, err, "not relative and clean", "%q", path)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(broken)
	_, err = w.Backup(ctx, some(t, 1<<20))
	require.ErrorIs(t, err, broken)
	none()
}

// Whatever object is damaged, and wherever: no restore, and no verification.
func TestDamage(t *testing.T) {
	repo := newRepository(t)
	content := some(t, 1<<20)
	made, err := repo.writer(t).Backup(t.Context(), content)
	require.NoError(t, err)
	r := repo.reader(t)
	for _, o := range made.Objects {
		name := filepath.Join(repo.dir, o.Name)
		whole, err := os.ReadFile(name)
		require.NoError(t, err)
		for what, damage := range map[string]func([]byte) []byte{
			"first bit":   func(b []byte) []byte { b[0] ^= 1; return b },
			"header":      func(b []byte) []byte { b[60] ^= 4; return b },
			"middle":      func(b []byte) []byte { b[len(b)/2] ^= 128; return b },
			"last bit":    func(b []byte) []byte { b[len(b)-1] ^= 128; return b },
			"cut":         func(b []byte) []byte { return b[:len(b)-1] },
			"cut to half": func(b []byte) []byte { return b[:len(b)/2] },
			"empty":       func([]byte) []byte { return nil },
			"longer":      func(b []byte) []byte { return append(b, 0) },
		} {
			require.NoError(t, os.WriteFile(name, damage(bytes.Clone(whole)), 0o600))
			dir := filepath.Join(t.TempDir(), "restored")
			_, err := r.Restore(t.Context(), made.ID, dir, nil)
			require.ErrorIs(t, err, backup.ErrDamaged, "%s of the %s", what, o.Role)
			require.ErrorContains(t, err, o.Name)
			if _, err := os.Stat(dir); err == nil {
				require.FileExists(t, filepath.Join(dir, "devops-restore-incomplete.json"))
			}
			_, err = r.Verify(t.Context(), made.ID, &backup.VerifyOptions{Deep: true})
			require.ErrorIs(t, err, backup.ErrDamaged, "%s of the %s", what, o.Role)
			_, err = r.Scrub(t.Context(), 1)
			require.ErrorIs(t, err, backup.ErrDamaged, "%s of the %s", what, o.Role)
		}
		require.NoError(t, os.Remove(name))
		_, err = r.Verify(t.Context(), made.ID, nil)
		require.ErrorIs(t, err, backup.ErrDamaged)
		require.NoError(t, os.WriteFile(name, whole, 0o600))
	}
	_, err = r.Verify(t.Context(), made.ID, &backup.VerifyOptions{Deep: true})
	require.NoError(t, err)
}

// A restore that was cut off goes on where it was.
func TestRestoreResumes(t *testing.T) {
	repo := newRepository(t)
	var content files
	for i := range 4 {
		b := make([]byte, 1<<20)
		_, _ = rand.NewChaCha8([32]byte{byte(i)}).Read(b[:1<<10])
		content.file(fmt.Sprint("file", i), 0o400, b)
	}
	w := repo.writer(t)
	w.SetPartSize(1 << 20)
	made, err := w.Backup(t.Context(), &content)
	require.NoError(t, err)
	require.Len(t, made.Objects, 5)
	hidden := made.Objects[2].Name
	if made.Objects[2].Role != backup.ObjectPart {
		hidden = made.Objects[3].Name
	}
	require.NoError(t, os.Rename(filepath.Join(repo.dir, hidden), filepath.Join(repo.dir, hidden)+".bak"))
	r, dir := repo.reader(t), filepath.Join(t.TempDir(), "restored")
	_, err = r.Restore(t.Context(), made.ID, dir, nil)
	require.ErrorIs(t, err, backup.ErrDamaged)
	require.NoError(t, os.Rename(filepath.Join(repo.dir, hidden)+".bak", filepath.Join(repo.dir, hidden)))
	rep, err := r.Restore(t.Context(), made.ID, dir, nil)
	require.NoError(t, err)
	require.True(t, rep.Resumed)
	requireTree(t, &content, dir)
}
