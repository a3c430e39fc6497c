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
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup"
)

func (r *repository) keeper(t *testing.T, store backup.Store) *backup.Keeper {
	t.Helper()
	k, err := backup.OpenKeeper(t.Context(), store, r.keys.Keeper, &backup.KeeperOptions{Grace: 1})
	require.NoError(t, err)
	return k
}

// child refers to some files of its parent and adds one.
type child struct {
	parent *backup.Backup
	refer  []backup.Entry
	own    backup.Entry
	body   []byte
}

func (c *child) Kind() string { return "test" }

func (c *child) Produce(_ context.Context, s *backup.Session) (any, error) {
	for _, e := range c.refer {
		if err := s.Refer(e, c.parent); err != nil {
			return nil, err
		}
	}
	_, err := s.Add(c.own, bytes.NewReader(c.body))
	return nil, err
}

// full remembers the entries as they were stored.
type full struct {
	files
	stored []backup.Entry
}

func (f *full) Produce(_ context.Context, s *backup.Session) (any, error) {
	for _, e := range f.entries {
		added, err := s.Add(e, bytes.NewReader(f.content[e.Path]))
		if err != nil {
			return nil, err
		}
		f.stored = append(f.stored, added)
	}
	return nil, nil
}

func newFull(names ...string) *full {
	var f full
	for _, name := range names {
		f.file(name, 0o600, []byte("content of "+name))
	}
	return &f
}

func newChild(parent *backup.Backup, refer []backup.Entry, name string) *child {
	body := []byte("content of " + name)
	return &child{parent, refer, backup.Entry{Path: name, Type: backup.EntryFile, Mode: 0o600, Size: int64(len(body))}, body}
}

// restorable says which backups claim that they can be restored, and fails
// where one of them cannot.
func restorable(t *testing.T, r *backup.Reader) []string {
	t.Helper()
	all, errs := list(t, r)
	var ids []string
	for id, l := range all {
		require.NoError(t, errs[id])
		if l.Restorable() {
			_, err := r.Verify(t.Context(), id, &backup.VerifyOptions{Deep: true, NoRecord: true})
			require.NoError(t, err, id)
			ids = append(ids, id)
		}
	}
	return ids
}

// The Keeper gives the parent up, and deletes after the grace, before each of the
// Writer's operations in turn: a child that claims to be restorable is.
func TestParentGoesWhileChildIsMade(t *testing.T) {
	for at := 0; ; at++ {
		repo := newRepository(t)
		first := newFull("a", "b")
		parent, err := repo.writer(t).Backup(t.Context(), first)
		require.NoError(t, err)
		k, fired := repo.keeper(t, repo.store), false
		var keeperErr error
		faults := &faultStore{Store: repo.store}
		w, err := backup.OpenWriter(t.Context(), faults, repo.keys.Writer, &backup.WriterOptions{Workers: 1})
		require.NoError(t, err)
		began, mu := faults.count(), sync.Mutex{}
		faults.before = func(ctx context.Context, o operation) error {
			mu.Lock()
			defer mu.Unlock()
			if o.n-began == at {
				fired = true
				if keeperErr = k.GiveUp(ctx, "test", parent.ID); keeperErr == nil {
					_, keeperErr = k.Delete(ctx)
				}
			}
			return nil
		}
		made, err := w.Backup(t.Context(), newChild(parent, first.stored, "c"))
		if !fired {
			require.NoError(t, err)
			require.Greater(t, at, 8, "operations of the Writer: two objects, lists, parents before and after, record")
			t.Logf("%d operations", at)
			require.ElementsMatch(t, []string{parent.ID, made.ID}, restorable(t, repo.reader(t)))
			require.ErrorContains(t, k.GiveUp(t.Context(), "", parent.ID), "must stay")
			return
		}
		left := restorable(t, repo.reader(t))
		if err == nil { // the record came first, so the Keeper has seen it
			require.Contains(t, left, made.ID, "operation %d", at)
		} else {
			require.NoError(t, keeperErr, "operation %d", at)
			require.Empty(t, left, "operation %d: %v", at, err)
		}
	}
}

// Plans of several Writers and a Keeper, interleaved at their store operations
// by chance: no restorable backup ever misses an object.
func TestRandomPlans(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	plans := uint64(3)
	if exhaustive() {
		plans = 50
	}
	for plan := range plans {
		rng := rand.New(rand.NewPCG(seed, plan))
		repo := newRepository(t)
		k := repo.keeper(t, repo.store)
		faults := &faultStore{Store: repo.store}
		var mu sync.Mutex
		var all []*backup.Backup
		stored := map[string][]backup.Entry{}
		faults.before = func(ctx context.Context, _ operation) error {
			mu.Lock()
			defer mu.Unlock()
			if len(all) == 0 || rng.IntN(6) > 0 {
				return nil
			}
			ids := []string{all[rng.IntN(len(all))].ID}
			if rng.IntN(2) == 0 {
				ids = append(ids, all[rng.IntN(len(all))].ID)
			}
			_ = k.GiveUp(ctx, "by chance", ids...) // a parent is refused
			if rng.IntN(2) == 0 {
				_, _ = k.Delete(ctx)
			}
			return nil
		}
		w, err := backup.OpenWriter(t.Context(), faults, repo.keys.Writer, &backup.WriterOptions{Workers: 1, Parts: 1})
		require.NoError(t, err)
		for i := range 10 {
			mu.Lock()
			var parent *backup.Backup
			if len(all) > 0 && rng.IntN(4) > 0 {
				parent = all[rng.IntN(len(all))]
			}
			mu.Unlock()
			var made *backup.Backup
			var entries []backup.Entry
			if parent == nil {
				f := newFull(fmt.Sprint("full", i), "x")
				made, err = w.Backup(t.Context(), f)
				entries = f.stored
			} else {
				made, err = w.Backup(t.Context(), newChild(parent, stored[parent.ID], fmt.Sprint("child", i)))
				entries = stored[parent.ID]
			}
			if err == nil {
				mu.Lock()
				all = append(all, made)
				stored[made.ID] = entries
				mu.Unlock()
			}
			restorable(t, repo.reader(t))
		}
	}
}

// What a Delete that was cut off at any operation has left, the next one removes.
func TestDeleteGoesOn(t *testing.T) {
	cut := errors.New("cut off")
	for at := 0; ; at++ {
		repo := newRepository(t)
		first := newFull("a")
		old, err := repo.writer(t).Backup(t.Context(), first)
		require.NoError(t, err)
		_, err = repo.reader(t).Verify(t.Context(), old.ID, nil)
		require.NoError(t, err)
		kept, err := repo.writer(t).Backup(t.Context(), newFull("b"))
		require.NoError(t, err)
		faults := &faultStore{Store: repo.store}
		k := repo.keeper(t, faults)
		require.NoError(t, k.GiveUp(t.Context(), "old", old.ID))
		began, dead := faults.count(), false
		faults.before = func(_ context.Context, o operation) error {
			if dead = dead || o.n-began == at; dead {
				return cut
			}
			return nil
		}
		_, err = k.Delete(t.Context())
		if !dead {
			require.NoError(t, err)
			require.Greater(t, at, 8)
			t.Logf("%d operations", at)
			return
		}
		require.ErrorIs(t, err, cut)
		require.Subset(t, append(restorable(t, repo.reader(t)), old.ID), []string{kept.ID})
		faults.before = nil
		_, err = k.Delete(t.Context())
		require.NoError(t, err)
		require.Empty(t, objectsOf(t, repo, old.ID), "operation %d", at)
		require.Equal(t, []string{kept.ID}, restorable(t, repo.reader(t)))
	}
}

// objectsOf returns the files that belong to a backup.
func objectsOf(t *testing.T, repo *repository, id string) []string {
	t.Helper()
	var found []string
	require.NoError(t, filepath.WalkDir(repo.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.Contains(path, id) {
			found = append(found, path)
		}
		return err
	}))
	return found
}

// A list that fails, at its beginning or in the middle, and a record that is
// damaged delete nothing.
func TestNothingIsDeletedByHalfAPicture(t *testing.T) {
	repo := newRepository(t)
	var ids []string
	for range 3 {
		made, err := repo.writer(t).Backup(t.Context(), newFull("a", "b"))
		require.NoError(t, err)
		ids = append(ids, made.ID)
	}
	require.NoError(t, repo.keeper(t, repo.store).GiveUp(t.Context(), "old", ids[0]))
	broken := errors.New("broken")
	for at := range 3 { // of all data, of all records, and for reading each of them
		faults := &faultStore{Store: repo.store}
		k := repo.keeper(t, faults)
		lists, deletes := 0, 0
		faults.before = func(_ context.Context, o operation) error {
			switch o.kind {
			case "list":
				if lists++; lists == at+1 {
					return broken
				}
			case "delete":
				deletes++
			}
			return nil
		}
		_, err := k.Delete(t.Context())
		require.ErrorIs(t, err, broken)
		require.Zero(t, deletes, "list %d", at)
		lists = at
		require.ErrorIs(t, k.GiveUp(t.Context(), "", ids[1]), broken)
	}
	for _, name := range []string{record(ids[1]), "backups/" + ids[0] + "/tombstone.age"} {
		file := filepath.Join(repo.dir, name)
		whole, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, damaged := range [][]byte{nil, whole[:len(whole)-1], []byte("garbage")} {
			require.NoError(t, os.WriteFile(file, damaged, 0o600))
			before := objectsOf(t, repo, "")
			_, err = repo.keeper(t, repo.store).Delete(t.Context())
			require.ErrorIs(t, err, backup.ErrDamaged)
			require.ErrorIs(t, repo.keeper(t, repo.store).GiveUp(t.Context(), "", ids[2]), backup.ErrDamaged)
			require.Equal(t, before, objectsOf(t, repo, ""))
		}
		require.NoError(t, os.WriteFile(file, whole, 0o600))
	}
}

// Objects that belong to nothing go when they are old, by the store and by
// their name.
func TestOrphans(t *testing.T) {
	repo := newRepository(t)
	kept, err := repo.writer(t).Backup(t.Context(), newFull("a"))
	require.NoError(t, err)
	const most = backup.MaxDuration + 24*time.Hour
	f := newThief(t, repo, repo.keys.Writer)
	orphan := func(begun, stored time.Duration) string {
		id := time.Now().Add(-begun).UTC().Format("20060102T150405Z") + "-" + fmt.Sprint("aaaa", begun.Hours(), "x", stored.Hours())
		name := "data/" + id + "/object"
		require.NoError(t, repo.store.Put(t.Context(), name, strings.NewReader("x")))
		f.sign(t, "backups/"+id+"/void.age", "void", map[string]any{"backup": id, "reason": "corrupt"})
		when := time.Now().Add(-stored)
		for _, name := range []string{name, "backups/" + id + "/void.age"} {
			require.NoError(t, os.Chtimes(filepath.Join(repo.dir, name), when, when))
		}
		return filepath.Join(repo.dir, name)
	}
	stay := []string{orphan(0, 0), orphan(most+time.Hour, most-time.Hour), orphan(most-time.Hour, most+time.Hour)}
	goes := orphan(most+time.Hour, most+time.Hour)
	for _, file := range []string{object(kept, backup.ObjectPart).Name, record(kept.ID)} { // old, and needed
		require.NoError(t, os.Chtimes(filepath.Join(repo.dir, file), time.Unix(1, 0), time.Unix(1, 0)))
	}
	_, err = repo.keeper(t, repo.store).Delete(t.Context())
	require.NoError(t, err)
	require.NoFileExists(t, goes)
	for _, file := range stay {
		require.FileExists(t, file)
	}
	require.Equal(t, []string{kept.ID}, restorable(t, repo.reader(t)))
}

// A backup that the store does not let go of yet does not hold up the others.
func TestObjectLock(t *testing.T) {
	repo := newRepository(t)
	var ids []string
	for range 2 {
		made, err := repo.writer(t).Backup(t.Context(), newFull("a"))
		require.NoError(t, err)
		ids = append(ids, made.ID)
	}
	slices.Sort(ids)
	faults := &faultStore{Store: repo.store, before: func(_ context.Context, o operation) error {
		if o.kind == "delete" && strings.Contains(o.name, ids[0]) {
			return &backup.StoreError{Op: "delete", Name: o.name, Err: fs.ErrPermission}
		}
		return nil
	}}
	k := repo.keeper(t, faults)
	require.NoError(t, k.GiveUp(t.Context(), "", ids...))
	rep, err := k.Delete(t.Context())
	require.ErrorIs(t, err, fs.ErrPermission)
	require.Equal(t, []string{ids[1]}, rep.Backups)
	require.Empty(t, objectsOf(t, repo, ids[1]))
	require.NotEmpty(t, objectsOf(t, repo, ids[0]))
}

// Within the grace nothing goes.
func TestGrace(t *testing.T) {
	repo := newRepository(t)
	made, err := repo.writer(t).Backup(t.Context(), newFull("a"))
	require.NoError(t, err)
	k, err := backup.OpenKeeper(t.Context(), repo.store, repo.keys.Keeper, nil)
	require.NoError(t, err)
	require.NoError(t, k.GiveUp(t.Context(), "old", made.ID))
	require.NoError(t, k.GiveUp(t.Context(), "again", made.ID), "it keeps its tombstone")
	rep, err := k.Delete(t.Context())
	require.NoError(t, err)
	require.Equal(t, &backup.DeleteReport{Waiting: []string{made.ID}}, rep)
	require.ErrorIs(t, k.GiveUp(t.Context(), "", "20260101T000000Z-aaaaaaaa"), fs.ErrNotExist)
	_, err = backup.OpenKeeper(t.Context(), repo.store, repo.keys.Keeper, &backup.KeeperOptions{Grace: -1})
	require.ErrorContains(t, err, "Grace")
}

// A child that is made after the Keeper has looked and before its tombstone is
// there keeps what it needs of its parent, when that is deleted.
func TestChildBeforeTombstone(t *testing.T) {
	repo := newRepository(t)
	first := newFull("a", "b")
	parent, err := repo.writer(t).Backup(t.Context(), first)
	require.NoError(t, err)
	var made *backup.Backup
	faults := &faultStore{Store: repo.store, before: func(ctx context.Context, o operation) error {
		if o.kind != "put" {
			return nil
		}
		var err error
		made, err = repo.writer(t).Backup(ctx, newChild(parent, first.stored, "c"))
		return err
	}}
	require.NoError(t, repo.keeper(t, faults).GiveUp(t.Context(), "old", parent.ID))
	require.NotNil(t, made)
	for range 2 {
		_, err = repo.keeper(t, repo.store).Delete(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{made.ID}, restorable(t, repo.reader(t)))
	}
	require.Len(t, objectsOf(t, repo, parent.ID), 1, "the part that the child needs")
	_, err = repo.writer(t).Backup(t.Context(), newChild(parent, first.stored, "d"))
	require.ErrorContains(t, err, "refers to", "a new child of it is refused")
}
