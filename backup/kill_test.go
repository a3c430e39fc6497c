package backup_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/backup/store/filestore"
	"github.com/masaruk/devops/secrets"
)

// A process makes a backup, or restores one. It is killed with SIGKILL before,
// in the middle of and after each object that it puts, or reads.

const (
	childVar = "BACKUP_TEST_CHILD" // "backup" or "restore"
	dirVar   = "BACKUP_TEST_DIR"
	stopVar  = "BACKUP_TEST_STOP_AT"
)

func TestMain(m *testing.M) {
	if what := os.Getenv(childVar); what != "" {
		if err := killed(what, os.Getenv(dirVar)); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// stopping is a store that tells when it comes to a point, and waits there to
// be killed.
type stopping struct {
	backup.Store
	at   int64
	seen atomic.Int64
}

func (s *stopping) point() {
	if s.seen.Add(1)-1 == s.at {
		fmt.Println("at the point")
		select {}
	}
}

func (s *stopping) Put(ctx context.Context, name string, body io.Reader) error {
	s.point()
	err := s.Store.Put(ctx, name, &midway{of: s, from: body})
	s.point()
	return err
}

func (s *stopping) Get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	if !strings.HasSuffix(name, ".tar.zst.age") {
		return s.Store.Get(ctx, name, offset, length)
	}
	s.point()
	r, err := s.Store.Get(ctx, name, offset, length)
	if err != nil {
		return nil, err
	}
	return &midway{of: s, from: r, Closer: r}, nil
}

// midway passes a point behind the first bytes.
type midway struct {
	io.Closer
	of     *stopping
	from   io.Reader
	passed bool
}

func (m *midway) Read(p []byte) (int, error) {
	if len(p) > 100 {
		p = p[:100]
	}
	n, err := m.from.Read(p)
	if !m.passed {
		m.passed = true
		m.of.point()
	}
	return n, err
}

// killedContent is what the process backs up.
func killedContent() *files {
	var f files
	f.dir("d", 0o700)
	f.file("d/one", 0o600, []byte(strings.Repeat("1", 3000)))
	f.file("two", 0o600, []byte(strings.Repeat("2", 2000)))
	f.file("three", 0o600, []byte("3"))
	return &f
}

const killedPart = 2500 // which makes three parts

func killed(what, dir string) error {
	files, err := filestore.New(filepath.Join(dir, "store"))
	if err != nil {
		return err
	}
	at, err := strconv.ParseInt(os.Getenv(stopVar), 10, 64)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(dir, "key"))
	if err != nil {
		return err
	}
	store := &stopping{Store: files, at: at}
	ctx := context.Background()
	if what == "backup" {
		w, err := backup.OpenWriter(ctx, store, secrets.New(string(text)), nil)
		if err != nil {
			return err
		}
		w.SetPartSize(killedPart)
		_, err = w.Backup(ctx, killedContent())
		return err
	}
	r, err := backup.OpenReader(ctx, store, secrets.New(string(text)), &backup.ReaderOptions{Parallel: 1})
	if err != nil {
		return err
	}
	_, err = r.Restore(ctx, "", filepath.Join(dir, "new"), nil)
	return err
}

// killAt runs the process and kills it at the point.
func killAt(t *testing.T, what, dir string, at int) {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, exe)
	c.Env = append(os.Environ(), childVar+"="+what, dirVar+"="+dir, stopVar+"="+strconv.Itoa(at))
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, c.Process.Kill())
	require.Error(t, c.Wait())
	require.NoError(t, err)
	require.Equal(t, "at the point\n", line)
}

// chosen samples the points, all of which an exhaustive run takes.
func chosen(t *testing.T, points int) []int {
	seed := rand.Uint64()
	t.Logf("%d points, seed %d", points, seed)
	all := rand.New(rand.NewPCG(seed, 0)).Perm(points)
	if !exhaustive() {
		all = all[:points/3]
	}
	return all
}

// exhaustive tells whether matrices are run whole.
func exhaustive() bool { return os.Getenv("DEVOPS_EXHAUSTIVE") != "" }

// every is how far apart the points of a matrix are, and where it begins.
func every(t *testing.T, n int) (first, step int) {
	if exhaustive() {
		return 0, 1
	}
	first = rand.IntN(n)
	t.Logf("every %d of the points, from %d on", n, first)
	return first, n
}

// keyFile puts the key where the process finds it.
func keyFile(t *testing.T, repo *repository, key secrets.Value) string {
	t.Helper()
	dir := filepath.Dir(repo.dir)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "key"), []byte(key.Reveal()), 0o600))
	return dir
}

// A Writer that is killed leaves a whole backup or none. The next one works, and
// what is left goes when it is old.
func TestKilledWriter(t *testing.T) {
	repo := newRepository(t)
	count := &stopping{Store: repo.store, at: -1}
	w, err := backup.OpenWriter(t.Context(), count, repo.keys.Writer, nil)
	require.NoError(t, err)
	w.SetPartSize(killedPart)
	_, err = w.Backup(t.Context(), killedContent())
	require.NoError(t, err)
	points := int(count.seen.Load())
	require.Equal(t, 3*5, points, "before, in the middle of and after three parts, the index, the record")
	for _, at := range chosen(t, points) {
		repo := newRepository(t)
		killAt(t, "backup", keyFile(t, repo, repo.keys.Writer), at)
		whole := restorable(t, repo.reader(t))
		require.LessOrEqual(t, len(whole), 1)
		if at == points-1 {
			require.Len(t, whole, 1)
		} else {
			require.Empty(t, whole, "point %d", at)
		}
		made, err := repo.writer(t).Backup(t.Context(), killedContent())
		require.NoError(t, err)
		require.Len(t, restorable(t, repo.reader(t)), len(whole)+1)
		makeOld(t, repo, made.ID, whole)
		_, err = repo.keeper(t, repo.store).Delete(t.Context())
		require.NoError(t, err)
		for _, name := range objectsOf(t, repo, "/data/") {
			belongs := strings.Contains(name, made.ID) || len(whole) == 1 && strings.Contains(name, whole[0])
			require.True(t, belongs, "%s is left", name)
		}
	}
}

// makeOld makes all that the killed process left eight days and more older.
func makeOld(t *testing.T, repo *repository, made string, whole []string) {
	t.Helper()
	long := time.Now().Add(-backup.MaxDuration - 25*time.Hour)
	names, err := os.ReadDir(filepath.Join(repo.dir, "data"))
	require.NoError(t, err)
	for _, d := range names {
		if d.Name() == made || len(whole) == 1 && d.Name() == whole[0] {
			continue
		}
		_, random, _ := strings.Cut(d.Name(), "-")
		old := filepath.Join(repo.dir, "data", long.UTC().Format("20060102T150405Z")+"-"+random)
		require.NoError(t, os.Rename(filepath.Join(repo.dir, "data", d.Name()), old))
	}
	require.NoError(t, filepath.WalkDir(filepath.Join(repo.dir, "data"), func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			err = os.Chtimes(path, long, long)
		}
		return err
	}))
}

// A restore that is killed says that it is not complete, and goes on.
func TestKilledRestore(t *testing.T) {
	repo := newRepository(t)
	w := repo.writer(t)
	w.SetPartSize(killedPart)
	_, err := w.Backup(t.Context(), killedContent())
	require.NoError(t, err)
	count := &stopping{Store: repo.store, at: -1}
	r, err := backup.OpenReader(t.Context(), count, repo.identity, nil)
	require.NoError(t, err)
	_, err = r.Restore(t.Context(), "", filepath.Join(t.TempDir(), "new"), nil)
	require.NoError(t, err)
	points := int(count.seen.Load())
	require.Equal(t, 2*3, points, "before and in the middle of three parts")
	dir := keyFile(t, repo, repo.identity)
	for at := range points {
		target := filepath.Join(dir, "new")
		killAt(t, "restore", dir, at)
		require.FileExists(t, filepath.Join(target, markerFile))
		rep, err := repo.reader(t).Restore(t.Context(), "", target, nil)
		require.NoError(t, err)
		require.True(t, rep.Resumed)
		requireTree(t, killedContent(), target)
		require.NoError(t, os.RemoveAll(target))
	}
}
