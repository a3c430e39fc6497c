package dirbackup_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/backup/producer/dirbackup"
	"github.com/masaruk/devops/backup/store/filestore"
	"github.com/masaruk/devops/secrets"
)

// repository is one of a test.
type repository struct {
	dir      string
	identity secrets.Value
	keys     *backup.Keys
	writer   *backup.Writer
	reader   *backup.Reader
	keeper   *backup.Keeper
}

func newRepository(t *testing.T) *repository {
	t.Helper()
	r := &repository{dir: filepath.Join(t.TempDir(), "store")}
	store, err := filestore.New(r.dir)
	require.NoError(t, err)
	id, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	r.identity = secrets.New(id.String())
	r.keys, err = backup.Init(t.Context(), store, backup.InitOptions{Operators: []string{id.Recipient().String()}})
	require.NoError(t, err)
	r.writer, err = backup.OpenWriter(t.Context(), store, r.keys.Writer, nil)
	require.NoError(t, err)
	r.reader, err = backup.OpenReader(t.Context(), store, r.identity, nil)
	require.NoError(t, err)
	r.keeper, err = backup.OpenKeeper(t.Context(), store, r.keys.Keeper, nil)
	require.NoError(t, err)
	return r
}

func producer(t *testing.T, dir string, opts *dirbackup.Options) *dirbackup.Producer {
	t.Helper()
	p, err := dirbackup.New(dir, opts)
	require.NoError(t, err)
	return p
}

// backup makes one that must succeed.
func (r *repository) backup(t *testing.T, p *dirbackup.Producer) (*backup.Backup, dirbackup.Details) {
	t.Helper()
	b, err := r.writer.Backup(t.Context(), p)
	require.NoError(t, err)
	var d dirbackup.Details
	require.NoError(t, json.Unmarshal(b.Details, &d))
	return b, d
}

// restore makes the folder again, with its owners where this user may.
func (r *repository) restore(t *testing.T, id string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "restored")
	_, err := dirbackup.Restore(t.Context(), r.reader, id, dir, &backup.RestoreOptions{Owners: os.Getuid() == 0, Sparse: true})
	require.NoError(t, err)
	return dir
}

// none requires that no backup may be restored.
func (r *repository) none(t *testing.T) {
	t.Helper()
	_, err := r.reader.Last(t.Context())
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func write(t *testing.T, name string, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
	require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
}

// Chains of five over random trees: each backup gives back the tree of its time,
// stores what is new alone, and holds on to those that it refers to.
func TestChains(t *testing.T) {
	t.Parallel()
	for range 2 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			f := &forest{Rand: rand.New(rand.NewPCG(seed, 0)), t: t, dir: t.TempDir()}
			f.grow(f.dir, 3, 16)
			f.dress(1)
			repo, p := newRepository(t), producer(t, f.dir, nil)
			var ids []string
			var trees []map[string]node
			for i := range 5 {
				if i > 0 && i != 3 {
					f.change()
					f.dress(4)
				}
				trees = append(trees, snapshot(t, f.dir))
				b, d := repo.backup(t, p)
				ids = append(ids, b.ID)
				if i > 0 {
					require.Equal(t, ids[i-1], d.Earlier)
				}
				if i == 3 {
					require.Equal(t, b.Files, d.Referred, "nothing changed")
					require.Equal(t, b.Bytes, d.ReferredBytes)
				}
			}
			for i, id := range ids {
				requireSame(t, trees[i], snapshot(t, repo.restore(t, id)))
				_, err := repo.reader.Verify(t.Context(), id, &backup.VerifyOptions{Deep: true})
				require.NoError(t, err)
			}
		})
	}
}

// What later backups refer to stays; a backup that was given up is not referred to.
func TestGivenUp(t *testing.T) {
	repo, dir := newRepository(t), t.TempDir()
	write(t, filepath.Join(dir, "a"), "content")
	p := producer(t, dir, nil)
	first, _ := repo.backup(t, p)
	second, d := repo.backup(t, p)
	require.EqualValues(t, 1, d.Referred)
	require.Equal(t, []string{first.ID}, second.Parents)
	err := repo.keeper.GiveUp(t.Context(), "old", first.ID)
	require.ErrorContains(t, err, "refers to "+first.ID)

	require.NoError(t, repo.keeper.GiveUp(t.Context(), "old", first.ID, second.ID))
	third, d := repo.backup(t, p)
	require.Zero(t, d.Referred)
	require.Empty(t, d.Earlier)
	require.Empty(t, third.Parents)
	requireSame(t, snapshot(t, dir), snapshot(t, repo.restore(t, third.ID)))

	// Given up while it is referred to: nothing comes of it.
	p = producer(t, dir, &dirbackup.Options{Progress: func(dirbackup.Progress) {
		require.NoError(t, repo.keeper.GiveUp(t.Context(), "now", third.ID))
	}})
	_, err = repo.writer.Backup(t.Context(), p)
	require.ErrorContains(t, err, third.ID)
	require.ErrorContains(t, err, "tombstone")
	repo.none(t)
	last, d := repo.backup(t, producer(t, dir, nil))
	require.Empty(t, d.Earlier)
	requireSame(t, snapshot(t, dir), snapshot(t, repo.restore(t, last.ID)))
}

// By content and nothing else, whatever the times say, unless that is asked for.
func TestHashing(t *testing.T) {
	repo, dir := newRepository(t), t.TempDir()
	name := filepath.Join(dir, "file")
	large := filepath.Join(dir, "large")
	write(t, name, "one")
	write(t, large, strings.Repeat("x", dirbackup.SmallFile+1))
	var mu sync.Mutex
	var opened []string
	run := func(o dirbackup.Options, trust bool) dirbackup.Details {
		p := producer(t, dir, &o)
		if trust {
			p.SetTrustMargin(0)
		}
		opened = nil
		p.SetOpened(func(path string, _ int) {
			mu.Lock()
			defer mu.Unlock()
			opened = append(opened, path)
		})
		b, d := repo.backup(t, p)
		requireSame(t, snapshot(t, dir), snapshot(t, repo.restore(t, b.ID)))
		return d
	}
	trusting := dirbackup.Options{TrustTimes: true}
	require.Zero(t, run(dirbackup.Options{}, false).Referred)
	require.EqualValues(t, 2, run(dirbackup.Options{}, true).Referred)
	require.ElementsMatch(t, []string{"file", "large"}, opened, "all is read")
	require.EqualValues(t, 2, run(trusting, false).Referred)
	require.NotEmpty(t, opened, "what changed just before the earlier backup began is read")
	require.EqualValues(t, 2, run(trusting, true).Referred)
	require.Empty(t, opened, "nothing is read")

	info, err := os.Stat(name)
	require.NoError(t, err)
	write(t, name, "two")
	require.NoError(t, os.Chtimes(name, info.ModTime(), info.ModTime()))
	require.EqualValues(t, 1, run(trusting, true).Referred)
	require.Equal(t, []string{"file"}, opened)
	require.NoError(t, os.Chmod(name, 0o644)) // metadata alone
	require.EqualValues(t, 2, run(trusting, true).Referred)
	require.Equal(t, []string{"file"}, opened)
	require.Zero(t, run(dirbackup.Options{Full: true}, false).Referred)
	d := run(dirbackup.Options{Source: "another"}, false)
	require.Zero(t, d.Referred)
	require.Equal(t, "another", d.Source)
	_, err = dirbackup.Restore(t.Context(), repo.reader, "", filepath.Join(t.TempDir(), "new"), nil)
	require.ErrorContains(t, err, "several sources")
}

// Ten thousand files: what is read ahead of what is stored stays bounded.
func TestManyFiles(t *testing.T) {
	repo, dir := newRepository(t), t.TempDir()
	for i := range 10000 {
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%05d", i)), fmt.Append(nil, i), 0o600))
	}
	var opened, done, most atomic.Int64
	p := producer(t, dir, &dirbackup.Options{Parallel: 8, Progress: func(p dirbackup.Progress) {
		done.Store(p.Files)
		most.Store(max(most.Load(), opened.Load()-p.Files))
	}})
	p.SetOpened(func(string, int) { opened.Add(1) })
	b, _ := repo.backup(t, p)
	require.EqualValues(t, 10000, b.Files)
	require.EqualValues(t, 10000, done.Load())
	require.EqualValues(t, 10000, opened.Load())
	require.LessOrEqual(t, most.Load(), int64(dirbackup.Ahead+2))
	_, d := repo.backup(t, producer(t, dir, nil))
	require.EqualValues(t, 10000, d.Referred)
}

// Sockets and pipes are left out and listed, or refused; hard links are files;
// holes come back.
func TestKinds(t *testing.T) {
	repo, dir := newRepository(t), t.TempDir()
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	l, err := net.Listen("unix", filepath.Join(dir, "sock"))
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	write(t, filepath.Join(dir, "one"), "linked")
	require.NoError(t, os.Link(filepath.Join(dir, "one"), filepath.Join(dir, "two")))
	f, err := os.Create(filepath.Join(dir, "sparse"))
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("end"), 8<<20)
	require.NoError(t, err)
	require.NoError(t, f.Close())

	b, d := repo.backup(t, producer(t, dir, nil))
	require.Equal(t, dirbackup.Names{Count: 2, First: []string{"pipe", "sock"}}, d.Special)
	require.EqualValues(t, 2, d.HardLinked)
	require.EqualValues(t, 3, b.Files)
	require.Less(t, b.Stored, int64(1<<20))
	restored := repo.restore(t, b.ID)
	want := snapshot(t, dir)
	delete(want, "pipe")
	delete(want, "sock")
	requireSame(t, want, snapshot(t, restored))
	info, err := os.Stat(filepath.Join(restored, "sparse"))
	require.NoError(t, err)
	require.Less(t, info.Sys().(*syscall.Stat_t).Blocks*512, int64(1<<20))

	_, err = repo.writer.Backup(t.Context(), producer(t, dir, &dirbackup.Options{RefuseSpecial: true}))
	require.ErrorContains(t, err, `"pipe"`)
	require.ErrorContains(t, err, `"sock"`)
}

func TestExclude(t *testing.T) {
	all := []string{"a", "cache/x", "d/cache/y", "d/a", "d/e/f.part", "g.part"}
	for name, c := range map[string]struct {
		patterns []string
		left     []string
		excluded int64
	}{
		"by name, at any depth": {[]string{"cache"}, []string{"a", "d/a", "d/e/f.part", "g.part"}, 2},
		"from the folder down":  {[]string{"/cache"}, []string{"a", "d/cache/y", "d/a", "d/e/f.part", "g.part"}, 1},
		"by path":               {[]string{"d/*/*.part", "d/a"}, []string{"a", "cache/x", "d/cache/y", "g.part"}, 2},
		"a star is no slash":    {[]string{"d/*.part", "/*.part"}, []string{"a", "cache/x", "d/cache/y", "d/a", "d/e/f.part"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			repo, dir := newRepository(t), t.TempDir()
			for _, file := range all {
				write(t, filepath.Join(dir, file), file)
			}
			b, d := repo.backup(t, producer(t, dir, &dirbackup.Options{Exclude: c.patterns}))
			require.Equal(t, c.excluded, d.Excluded)
			var left []string
			for e, err := range repo.writer.Entries(t.Context(), b) {
				require.NoError(t, err)
				if e.Type == backup.EntryFile {
					left = append(left, e.Path)
				}
			}
			require.ElementsMatch(t, c.left, left)
		})
	}
	for _, bad := range []dirbackup.Options{{Exclude: []string{"[a"}}, {Exclude: []string{""}}, {Exclude: []string{"a/"}}, {Attempts: -1}, {Parallel: -1}} {
		_, err := dirbackup.New(t.TempDir(), &bad)
		require.ErrorContains(t, err, "field ")
	}
	_, err := dirbackup.New("", nil)
	require.ErrorContains(t, err, "the folder is empty")
}
