package backup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup"
)

// A store that fails at any operation of a backup: there is none, the error
// tells, or the Writer says that it does not know. The next one works.
func TestBackupOnFailingStore(t *testing.T) {
	for at := 0; ; at++ {
		repo := newRepository(t)
		broken := &backup.StoreError{Op: "test", Name: "n", Err: syscall.ENOSPC}
		faults := &faultStore{Store: repo.store}
		w, err := backup.OpenWriter(t.Context(), faults, repo.keys.Writer, nil)
		require.NoError(t, err)
		w.SetPartSize(512)
		began := faults.count()
		fired := make(chan operation, 1)
		faults.before = func(_ context.Context, o operation) error {
			if o.n-began == at {
				fired <- o
				return broken
			}
			return nil
		}
		_, err = w.Backup(t.Context(), small())
		if len(fired) == 0 {
			require.NoError(t, err)
			require.Greater(t, at, 9)
			t.Logf("%d operations", at)
			return
		}
		require.ErrorIs(t, err, syscall.ENOSPC, "operation %d %v", at, <-fired)
		require.Empty(t, restorable(t, repo.reader(t)))
		_, err = w.Backup(t.Context(), small())
		require.NoError(t, err)
		require.Len(t, restorable(t, repo.reader(t)), 1)
	}
}

// A store that loses the answer to the record: the Writer does not know.
func TestLostRecord(t *testing.T) {
	repo := newRepository(t)
	broken := errors.New("no answer")
	faults := &faultStore{Store: repo.store, after: func(_ context.Context, o operation) error {
		if o.kind == "put" && strings.HasSuffix(o.name, "backup.age") {
			return broken
		}
		return nil
	}}
	w, err := backup.OpenWriter(t.Context(), faults, repo.keys.Writer, nil)
	require.NoError(t, err)
	_, err = w.Backup(t.Context(), small())
	var uncertain *backup.UncertainError
	require.ErrorAs(t, err, &uncertain)
	require.ErrorIs(t, err, broken)
	require.Equal(t, []string{uncertain.ID}, restorable(t, repo.reader(t)))
}

// A store that says that it has an object and has it not, or in part.
func TestForgetfulStore(t *testing.T) {
	repo := newRepository(t)
	for what, listed := range map[string]func([]backup.Object) []backup.Object{
		"missing": func(all []backup.Object) []backup.Object { return all[1:] },
		"shorter": func(all []backup.Object) []backup.Object { all[0].Size--; return all },
	} {
		faults := &faultStore{Store: repo.store, listed: func(o operation, all []backup.Object) []backup.Object {
			if strings.HasPrefix(o.name, "data/") {
				return listed(all)
			}
			return all
		}}
		w, err := backup.OpenWriter(t.Context(), faults, repo.keys.Writer, nil)
		require.NoError(t, err)
		_, err = w.Backup(t.Context(), small())
		require.ErrorIs(t, err, backup.ErrDamaged, what)
		require.Empty(t, restorable(t, repo.reader(t)))
	}
}

// A store that hangs is left when the context ends, with its cause, on both
// sides and at any operation.
func TestHangingStore(t *testing.T) {
	cause := errors.New("no more time")
	hang := func(at int, work func(ctx context.Context, store *faultStore) error) (fired bool) {
		repo := newRepository(t)
		_, err := repo.writer(t).Backup(t.Context(), small())
		require.NoError(t, err)
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		faults := &faultStore{Store: repo.store}
		faults.before = func(ctx context.Context, o operation) error {
			if o.n != at {
				return nil
			}
			fired = true
			cancel(cause)
			<-ctx.Done()
			return context.Cause(ctx)
		}
		err = work(context.WithValue(ctx, repoKey{}, repo), faults)
		if fired {
			require.ErrorIs(t, err, cause, "operation %d", at)
		} else {
			require.NoError(t, err)
		}
		return fired
	}
	at := 0
	for ; hang(at, func(ctx context.Context, store *faultStore) error {
		repo := ctx.Value(repoKey{}).(*repository)
		w, err := backup.OpenWriter(ctx, store, repo.keys.Writer, nil)
		if err == nil {
			_, err = w.Backup(ctx, small())
		}
		return err
	}); at++ {
		require.Less(t, at, 50)
	}
	require.GreaterOrEqual(t, at, 5)
	at = 0
	for ; hang(at, func(ctx context.Context, store *faultStore) error {
		repo := ctx.Value(repoKey{}).(*repository)
		r, err := backup.OpenReader(ctx, store, repo.identity, nil)
		if err == nil {
			_, err = r.Restore(ctx, "", filepath.Join(t.TempDir(), "new"), nil)
		}
		return err
	}); at++ {
		require.Less(t, at, 50)
	}
	require.GreaterOrEqual(t, at, 5)
}

type repoKey struct{}

// A body that never ends when it is read does not hold up the end of a context.
type endless struct{ ctx context.Context }

func (e *endless) Read([]byte) (int, error) {
	<-e.ctx.Done()
	return 0, context.Cause(e.ctx)
}

func TestHangingBody(t *testing.T) {
	repo := newRepository(t)
	cause := errors.New("no more time")
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := repo.writer(t).Backup(ctx, producer(func(ctx context.Context, s *backup.Session) (any, error) {
		time.AfterFunc(time.Millisecond, func() { cancel(cause) })
		return s.Add(backup.Entry{Path: "a", Type: backup.EntryFile, Size: 1}, &endless{ctx})
	}))
	require.ErrorIs(t, err, cause)
}

type producer func(context.Context, *backup.Session) (any, error)

func (producer) Kind() string { return "test" }

func (p producer) Produce(ctx context.Context, s *backup.Session) (any, error) { return p(ctx, s) }

// Each object of a repository, and each class of byte of it, changed on its way:
// the restore is right, or ends with an error and no completion.
func TestRestoreFromLyingStore(t *testing.T) {
	content := small()
	repo, _ := backed(t, content, 512)
	var names []string
	for o, err := range repo.store.List(t.Context(), "") {
		require.NoError(t, err)
		names = append(names, o.Name)
	}
	changes := map[string]func([]byte) []byte{
		"age's first line": func(b []byte) []byte { b[3] ^= 1; return b },
		"stanza":           func(b []byte) []byte { b[bytes.IndexByte(b, '\n')+15] ^= 2; return b },
		"header's MAC":     func(b []byte) []byte { b[bytes.Index(b, []byte("---"))+8] ^= 1; return b },
		"nonce": func(b []byte) []byte {
			i := bytes.Index(b, []byte("---"))
			b[i+bytes.IndexByte(b[i:], '\n')+2] ^= 1
			return b
		},
		"payload":    func(b []byte) []byte { b[len(b)-40] ^= 16; return b },
		"last chunk": func(b []byte) []byte { b[len(b)-1] ^= 128; return b },
		"cut":        func(b []byte) []byte { return b[:len(b)-1] },
		"half":       func(b []byte) []byte { return b[:len(b)/2] },
		"nothing":    func([]byte) []byte { return nil },
		"more":       func(b []byte) []byte { return append(b, b...) },
		"an answer of success with an error in it": func([]byte) []byte {
			return []byte(`<?xml version="1.0"?><Error><Code>InternalError</Code></Error>`)
		},
	}
	fired := 0
	first, step := every(t, 3)
	n := 0
	for _, name := range names {
		for what, change := range changes {
			if n++; n%step != first {
				continue
			}
			if name == "epochs/1.json" && !strings.Contains("cut half nothing more", what) {
				continue // it is no age file; the fingerprint covers it
			}
			before := fired
			faults := &faultStore{Store: repo.store, got: func(o operation, b []byte) []byte {
				if o.name == name {
					fired++
					b = change(bytes.Clone(b))
				}
				return b
			}}
			dir := filepath.Join(t.TempDir(), "new")
			r, err := backup.OpenReader(t.Context(), faults, repo.identity, &backup.ReaderOptions{Fingerprint: repo.keys.Fingerprint, Parallel: 1})
			if err == nil {
				_, err = r.Restore(t.Context(), "", dir, nil)
			}
			require.Error(t, err, "%s of %s", what, name)
			require.Greater(t, fired, before, "%s of %s", what, name)
			if _, statErr := os.Stat(dir); statErr == nil {
				require.FileExists(t, filepath.Join(dir, markerFile))
			}
		}
	}
	require.Greater(t, fired, 90/step)
}

// Two parts of one size that are exchanged are found.
func TestSwappedObjects(t *testing.T) {
	var content files
	for i := range 20 { // of which two have one size
		content.file(fmt.Sprint("file", 10+i), 0o600, fmt.Appendf(nil, "content %d", 10+i))
	}
	repo, r := backed(t, &content, 1)
	parts, err := filepath.Glob(filepath.Join(repo.dir, "data", "*", "*.tar.zst.age"))
	require.NoError(t, err)
	require.Len(t, parts, 20)
	bySize, swapped := map[int]string{}, false
	for _, name := range parts {
		a, err := os.ReadFile(name)
		require.NoError(t, err)
		if other, ok := bySize[len(a)]; ok && !swapped {
			require.NoError(t, os.Rename(name, name+".a"))
			require.NoError(t, os.Rename(other, name))
			require.NoError(t, os.Rename(name+".a", other))
			swapped = true
		}
		bySize[len(a)] = name
	}
	require.True(t, swapped)
	_, err = r.Verify(t.Context(), "", nil)
	require.NoError(t, err, "quick does not read content")
	_, err = r.Verify(t.Context(), "", &backup.VerifyOptions{Deep: true})
	require.ErrorIs(t, err, backup.ErrDamaged)
	l, err := r.Last(t.Context())
	require.NoError(t, err)
	restoreFails(t, r, l.ID, backup.ErrDamaged)
}

// A store that answers late in lists: what is not listed yet is not restored, and
// nothing is lost by it.
func TestLateLists(t *testing.T) {
	repo, _ := backed(t, small(), 512)
	late := true
	faults := &faultStore{Store: repo.store, listed: func(o operation, all []backup.Object) []backup.Object {
		if late && strings.HasPrefix(o.name, "backups/") {
			return nil
		}
		return all
	}}
	r, err := backup.OpenReader(t.Context(), faults, repo.identity, nil)
	require.NoError(t, err)
	_, err = r.Last(t.Context())
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = repo.keeper(t, faults).Delete(t.Context())
	require.NoError(t, err)
	old := time.Now().Add(-1000 * time.Hour)
	id := oldBackup(t, repo, old)
	_, err = repo.keeper(t, faults).Delete(t.Context())
	require.ErrorContains(t, err, "is not listed")
	require.NotEmpty(t, objectsOf(t, repo, "data/"+id))
	late = false
	require.NoError(t, os.RemoveAll(filepath.Join(repo.dir, "backups", id)))
	dir := filepath.Join(t.TempDir(), "new")
	_, err = r.Restore(t.Context(), "", dir, nil)
	require.NoError(t, err)
	requireTree(t, small(), dir)
}

// oldBackup puts an object and a record of an old backup, as far as a Keeper
// can see that does not see the record.
func oldBackup(t *testing.T, repo *repository, when time.Time) string {
	t.Helper()
	id := when.UTC().Format("20060102T150405Z") + "-aaaaaaaa"
	for _, name := range []string{"data/" + id + "/object", record(id)} {
		require.NoError(t, repo.store.Put(t.Context(), name, strings.NewReader("x")))
		require.NoError(t, os.Chtimes(filepath.Join(repo.dir, name), when, when))
	}
	return id
}

// A store that fails in the middle of an object is not taken for damage, and the
// restore goes on later.
func TestRestoreFromFailingStore(t *testing.T) {
	for at := 0; ; at++ {
		repo, _ := backed(t, small(), 512)
		broken := &backup.StoreError{Op: "get", Name: "n", Err: errors.New("broken")}
		faults := &brokenBodies{Store: repo.store, at: at, err: broken}
		dir := filepath.Join(t.TempDir(), "new")
		r, err := backup.OpenReader(t.Context(), faults, repo.identity, &backup.ReaderOptions{Parallel: 1})
		if err == nil {
			_, err = r.Restore(t.Context(), "", dir, nil)
		}
		if faults.n <= at {
			require.NoError(t, err)
			require.Greater(t, at, 8)
			return
		}
		require.ErrorIs(t, err, broken)
		if at > 3 {
			require.NotErrorIs(t, err, backup.ErrDamaged, "read %d", at)
		}
		_, err = repo.reader(t).Restore(t.Context(), "", dir, nil)
		require.NoError(t, err)
		requireTree(t, small(), dir)
	}
}

// brokenBodies breaks off in the middle of the body of the n-th Get.
type brokenBodies struct {
	backup.Store
	at, n int
	err   error
}

func (s *brokenBodies) Get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	r, err := s.Store.Get(ctx, name, offset, length)
	if s.n++; err != nil || s.n-1 != s.at {
		return r, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(io.LimitReader(r, 50), failing{s.err}), r}, nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
