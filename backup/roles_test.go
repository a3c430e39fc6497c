package backup_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/backup/store/filestore"
	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/secrets"
)

func newOperator(t *testing.T) (identity secrets.Value, recipient string) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	return secrets.New(id.String()), id.Recipient().String()
}

// Operators are added and removed without a payload being written, and who was
// removed reads nothing.
func TestSetOperators(t *testing.T) {
	store, err := filestore.New(filepath.Join(t.TempDir(), "store"))
	require.NoError(t, err)
	ida, a := newOperator(t)
	idb, b := newOperator(t)
	keys, err := backup.Init(t.Context(), store, backup.InitOptions{Operators: []string{a}})
	require.NoError(t, err)
	open := func(id secrets.Value) (*backup.Reader, error) {
		return backup.OpenReader(t.Context(), store, id, &backup.ReaderOptions{Fingerprint: keys.Fingerprint})
	}
	_, err = open(idb)
	require.ErrorIs(t, err, backup.ErrKey)
	r, err := open(ida)
	require.NoError(t, err)
	require.ErrorIs(t, r.SetOperators(t.Context(), []string{b}), backup.ErrKey, "not without the one who calls it")
	require.ErrorContains(t, r.SetOperators(t.Context(), nil), "Operators")
	require.ErrorContains(t, r.SetOperators(t.Context(), []string{a, a}), "twice")
	require.NoError(t, r.SetOperators(t.Context(), []string{a, b}))
	rb, err := open(idb)
	require.NoError(t, err)
	_, err = open(ida)
	require.NoError(t, err)
	require.NoError(t, rb.SetOperators(t.Context(), []string{b}))
	_, err = open(ida)
	require.ErrorIs(t, err, backup.ErrKey)
	_, err = open(idb)
	require.NoError(t, err)
	found := 0
	for _, err := range store.List(t.Context(), "keys/") {
		require.NoError(t, err)
		found++
	}
	require.Equal(t, 1, found, "no version of before is left")
}

// Of operators who change them at the same time one is refused, and the answer
// to a Put may be lost.
func TestSetOperatorsRaces(t *testing.T) {
	repo := newRepository(t)
	_, b := newOperator(t)
	ids, err := age.ParseIdentities(strings.NewReader(repo.identity.Reveal()))
	require.NoError(t, err)
	own := ids[0].(*age.X25519Identity).Recipient().String()
	faults := &faultStore{Store: repo.store}
	r, err := backup.OpenReader(t.Context(), faults, repo.identity, nil)
	require.NoError(t, err)
	var once sync.Once
	faults.before = func(ctx context.Context, o operation) (err error) {
		if o.kind == "put" {
			once.Do(func() { err = repo.reader(t).SetOperators(ctx, []string{own}) })
		}
		return err
	}
	err = r.SetOperators(t.Context(), []string{own, b})
	require.ErrorIs(t, err, fs.ErrExist)
	require.ErrorContains(t, err, "at the same time")
	faults.before, faults.after = nil, func(_ context.Context, o operation) error {
		if o.kind == "put" { // done, and the second try is told
			return fs.ErrExist
		}
		return nil
	}
	require.NoError(t, r.SetOperators(t.Context(), []string{own, b}))
}

// Of Inits that race one wins, and its keys are those of the repository.
func TestInitsRace(t *testing.T) {
	_, recipient := newOperator(t)
	for range 5 {
		store, err := filestore.New(filepath.Join(t.TempDir(), "store"))
		require.NoError(t, err)
		var group sync.WaitGroup
		var mu sync.Mutex
		var won []*backup.Keys
		for range 4 {
			group.Go(func() {
				keys, err := backup.Init(t.Context(), store, backup.InitOptions{Operators: []string{recipient}})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won = append(won, keys)
				} else if !errors.Is(err, fs.ErrExist) {
					t.Error(err)
				}
			})
		}
		group.Wait()
		require.Len(t, won, 1)
		_, err = backup.OpenWriter(t.Context(), store, won[0].Writer, nil)
		require.NoError(t, err)
	}
}

func TestInit(t *testing.T) {
	store, err := filestore.New(filepath.Join(t.TempDir(), "store"))
	require.NoError(t, err)
	identity, recipient := newOperator(t)
	for want, operators := range map[string][]string{"it is empty": nil, "is secret": {identity.Reveal()}, "not an age recipient": {"age1x"}} {
		_, err := backup.Init(t.Context(), store, backup.InitOptions{Operators: operators})
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), identity.Reveal())
	}
	broken := errors.New("broken")
	opts := backup.InitOptions{Operators: []string{recipient}, Save: func(*backup.Keys) error { return broken }}
	_, err = backup.Init(t.Context(), store, opts)
	require.ErrorIs(t, err, broken)
	_, err = backup.OpenReader(t.Context(), store, identity, nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
	// Cut off at each of its operations it may be called again; answers that are
	// lost do not matter.
	opts.Save = nil
	for at := 0; ; at++ {
		store, err := filestore.New(filepath.Join(t.TempDir(), "store"))
		require.NoError(t, err)
		fired := false
		faults := &faultStore{Store: store, before: func(_ context.Context, o operation) error {
			if fired = fired || o.n == at; fired {
				return broken
			}
			return nil
		}}
		_, err = backup.Init(t.Context(), faults, opts)
		if !fired {
			require.NoError(t, err)
			require.Equal(t, 4, at)
			break
		}
		require.ErrorIs(t, err, broken)
		_, err = backup.Init(t.Context(), store, opts)
		require.NoError(t, err)
	}
	lost := &faultStore{Store: store, after: func(_ context.Context, o operation) error {
		if o.kind == "put" {
			return fs.ErrExist
		}
		return nil
	}}
	_, err = backup.Init(t.Context(), lost, opts)
	require.NoError(t, err)
	_, err = backup.Init(t.Context(), store, opts)
	require.ErrorIs(t, err, fs.ErrExist)
}

// Two Writers of one key work at the same time.
func TestWritersRace(t *testing.T) {
	repo := newRepository(t)
	var group sync.WaitGroup
	for i := range 4 {
		w := repo.writer(t)
		group.Go(func() {
			if _, err := w.Backup(t.Context(), newFull(fmt.Sprint("file", i))); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	require.Len(t, restorable(t, repo.reader(t)), 4)
}

// No error shows a key, however it is mangled.
func TestKeyErrorsShowNothing(t *testing.T) {
	repo := newRepository(t)
	text := repo.keys.Writer.Reveal()
	for _, mangled := range []string{
		"", text[:len(text)/2], text[10:], strings.ReplaceAll(text, `"format":1`, `"format":7`), strings.ReplaceAll(text, "writer", "AGE-SECRET-KEY-1-role"),
		strings.ReplaceAll(text, "AGE-SECRET-KEY-1", "AGE-SECRET-KEY-2"), strings.ReplaceAll(text, "{", "[") + text, repo.keys.Keeper.Reveal(),
	} {
		_, err := backup.OpenWriter(t.Context(), repo.store, secrets.New(mangled), nil)
		require.ErrorIs(t, err, backup.ErrKey)
		_, errID := backup.OpenReader(t.Context(), repo.store, secrets.New(mangled), nil)
		require.ErrorIs(t, errID, backup.ErrKey)
		for _, secret := range strings.FieldsFunc(text+repo.keys.Keeper.Reveal(), func(r rune) bool { return strings.ContainsRune("\"\n{},: ", r) }) {
			if len(secret) > 30 && !strings.HasPrefix(secret, "sha256") {
				require.NotContains(t, err.Error()+errID.Error(), secret)
			}
		}
		require.NotContains(t, err.Error()+errID.Error(), "AGE-SECRET-KEY-1-")
	}
}

// Each object is read within 1/share days, whatever comes and goes.
func TestScrubSeesAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		repo := newRepository(t)
		w := repo.writer(t)
		w.SetPartSize(1)
		f := newFull("a", "b", "c", "d", "e", "f", "g", "h")
		first, err := w.Backup(t.Context(), f)
		require.NoError(t, err)
		seen := map[string]int{}
		var mu sync.Mutex
		faults := &faultStore{Store: repo.store, before: func(_ context.Context, o operation) error {
			mu.Lock()
			defer mu.Unlock()
			if o.kind == "get" && strings.HasPrefix(o.name, "data/") {
				seen[o.name]++
			}
			return nil
		}}
		r, err := backup.OpenReader(t.Context(), faults, repo.identity, nil)
		require.NoError(t, err)
		days := 0
		for range 5 {
			rep, err := r.Scrub(t.Context(), 0.2)
			require.NoError(t, err)
			if rep.Objects > 0 {
				days++
			}
			_, err = w.Backup(t.Context(), newFull(fmt.Sprint(days)))
			require.NoError(t, err)
			time.Sleep(24 * time.Hour)
		}
		require.Greater(t, days, 1)
		for _, o := range first.Objects {
			require.Equal(t, 1, seen[o.Name])
		}
		for _, share := range []float64{0, -1, 1.1} {
			_, err := r.Scrub(t.Context(), share)
			require.ErrorContains(t, err, "share")
		}
	})
}

// Production wants two operators.
func TestCheckOperators(t *testing.T) {
	_, a := newOperator(t)
	_, b := newOperator(t)
	require.NoError(t, backup.CheckOperators(envconfig.Staging(), []string{a}))
	require.NoError(t, backup.CheckOperators(envconfig.Production(), []string{a, b}))
	require.Len(t, envconfig.Violations(backup.CheckOperators(envconfig.Production(), []string{a})), 1)
	require.Error(t, backup.CheckOperators(envconfig.Production(), []string{a, a}))
	require.Error(t, backup.CheckOperators(envconfig.Environment{}, []string{a, b}))
	require.Error(t, backup.CheckOperators(envconfig.Staging(), nil))
}

// A corrupt source leaves evidence that is not taken for a backup.
func TestCorruptSource(t *testing.T) {
	repo := newRepository(t)
	good, err := repo.writer(t).Backup(t.Context(), newFull("a"))
	require.NoError(t, err)
	bad := newFull("a")
	_, err = repo.writer(t).Backup(t.Context(), &corrupt{bad})
	var damage *backup.CorruptError
	require.ErrorAs(t, err, &damage)
	all, errs := list(t, repo.reader(t))
	require.Len(t, all, 2)
	for id, l := range all {
		require.NoError(t, errs[id])
		require.Equal(t, id == good.ID, l.Restorable())
		if id != good.ID {
			require.Contains(t, l.Void, "page 7")
			restoreFailsWith(t, repo.reader(t), id, "page 7")
			dir := filepath.Join(t.TempDir(), "evidence")
			_, err := repo.reader(t).Restore(t.Context(), id, dir, &backup.RestoreOptions{Void: true})
			require.NoError(t, err)
			requireTree(t, &bad.files, dir)
		}
	}
	last, err := repo.reader(t).Last(t.Context())
	require.NoError(t, err)
	require.Equal(t, good.ID, last.ID)
}

type corrupt struct{ *full }

func (c *corrupt) Produce(ctx context.Context, s *backup.Session) (any, error) {
	if _, err := c.full.Produce(ctx, s); err != nil {
		return nil, err
	}
	return nil, &backup.CorruptError{Err: errors.New("page 7")}
}

// What refers to another repository, or to a part that is not there, is refused.
func TestRefer(t *testing.T) {
	repo, other := newRepository(t), newRepository(t)
	f := newFull("a", "b")
	parent, err := repo.writer(t).Backup(t.Context(), f)
	require.NoError(t, err)
	made, err := repo.writer(t).Backup(t.Context(), newChild(parent, f.stored[1:], "c"))
	require.NoError(t, err)
	require.Equal(t, []string{parent.ID}, made.Parents)
	dir := filepath.Join(t.TempDir(), "new")
	_, err = repo.reader(t).Restore(t.Context(), made.ID, dir, nil)
	require.NoError(t, err)
	for _, name := range []string{"b", "c"} {
		require.FileExists(t, filepath.Join(dir, name))
	}
	require.NoFileExists(t, filepath.Join(dir, "a"))
	_, err = other.writer(t).Backup(t.Context(), newChild(parent, f.stored, "c"))
	require.ErrorContains(t, err, "another repository")
	wrong := slices.Clone(f.stored)
	wrong[0].Object = "data/x/y"
	_, err = repo.writer(t).Backup(t.Context(), newChild(parent, wrong, "c"))
	require.ErrorContains(t, err, "holds no part")
	wrong[0] = f.stored[0]
	wrong[0].CRC32C = "00000000"
	lying, err := repo.writer(t).Backup(t.Context(), newChild(parent, wrong, "c"))
	require.NoError(t, err)
	restoreFails(t, repo.reader(t), lying.ID, backup.ErrDamaged)
}
