package release_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy/release"
)

func ids(t *testing.T, d *release.Dir) []string {
	t.Helper()
	var list []string
	for r, err := range d.List() {
		require.NoError(t, err)
		list = append(list, r.ID)
	}
	return list
}

func TestPrune(t *testing.T) {
	d := open(t, t.TempDir())
	ctx := t.Context()
	stage(t, d, "v1", "v2", "v3", "v4", "v5", "v6")
	require.Equal(t, []string{"v1", "v2", "v3", "v4", "v5", "v6"}, ids(t, d), "oldest first")
	for _, id := range []string{"v1", "v2"} {
		require.NoError(t, d.Activate(ctx, id))
	}
	require.NoError(t, d.Prove(ctx, "v2", "good"))
	require.NoError(t, d.Activate(ctx, "v1"))

	require.ErrorIs(t, d.Remove(ctx, "v1"), release.ErrProtected)
	require.ErrorContains(t, d.Remove(ctx, "v1"), "it is live")
	require.ErrorIs(t, d.Remove(ctx, "v2"), release.ErrProtected)
	require.ErrorContains(t, d.Remove(ctx, "v2"), "proven last")
	require.NoError(t, d.Remove(ctx, "v6"))
	_, err := d.Prune(ctx, -1)
	require.ErrorIs(t, err, release.ErrSpec)

	removed, err := d.Prune(ctx, 1, "v3") // v3 drains
	require.NoError(t, err)
	require.Equal(t, []string{"v4"}, removed)
	require.Equal(t, []string{"v1", "v2", "v3", "v5"}, ids(t, d))
	removed, err = d.Prune(ctx, 0)
	require.NoError(t, err)
	require.Equal(t, []string{"v3", "v5"}, removed)
	requireTidy(t, d, "v1", "v2")
	require.DirExists(t, filepath.Join(d.Root(), "shared/uploads"), "shared files outlive releases")
}

// Whatever was done before, Prune keeps the live release, the one proven last,
// those it was told to keep, and as many new ones as it was told to.
func TestPruneKeepsWhatItMust(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 25 {
		d := open(t, t.TempDir())
		ctx := t.Context()
		for i := range 2 + rng.IntN(6) {
			id := fmt.Sprint("v", i)
			stage(t, d, id)
			for range rng.IntN(5) {
				require.NoError(t, []func() error{
					func() error { return d.Activate(ctx, id) },
					func() error { return d.Fail(ctx, id, "bad") },
					func() error { _ = d.Prove(ctx, id, "good"); return nil }, // refused where it never served
				}[rng.IntN(3)]())
			}
		}
		before := ids(t, d)
		must := map[string]bool{}
		if live, err := d.Current(); err == nil {
			must[live] = true
		}
		if last, err := d.LastProven(); err == nil {
			must[last.ID] = true
		}
		draining := before[rng.IntN(len(before))]
		must[draining] = true
		keep := rng.IntN(4)
		for _, id := range before[max(0, len(before)-keep):] {
			must[id] = true
		}
		removed, err := d.Prune(ctx, keep, draining)
		require.NoError(t, err)
		require.ElementsMatch(t, slices.Collect(maps.Keys(must)), ids(t, d))
		require.Len(t, removed, len(before)-len(must))
	}
}

// A program that resolved current keeps its files after the swap.
func TestResolvedReleaseStays(t *testing.T) {
	d := open(t, t.TempDir())
	stage(t, d, "v1", "v2", "v3")
	require.NoError(t, d.Activate(t.Context(), "v1"))
	path, err := filepath.EvalSymlinks(filepath.Join(d.Root(), "current"))
	require.NoError(t, err)
	require.NoError(t, d.Activate(t.Context(), "v2"))
	require.NoError(t, d.Prove(t.Context(), "v2", ""))
	_, err = d.Prune(t.Context(), 0, "v1")
	require.NoError(t, err)
	require.NoError(t, complete(path, "v1"))
}

// While releases are swapped a reader always finds a complete one.
func TestReaderDuringSwaps(t *testing.T) {
	d := open(t, memory(t))
	const releases = 8
	swaps := 1000
	if os.Getenv("DEVOPS_EXHAUSTIVE") != "" {
		swaps = 10000
	}
	for i := range releases {
		stage(t, d, fmt.Sprint("v", i))
	}
	require.NoError(t, d.Activate(t.Context(), "v0"))
	quit, done := make(chan struct{}), make(chan error, 1)
	seen := map[string]int{}
	go func() {
		for {
			select {
			case <-quit:
				done <- nil
				return
			default:
			}
			if err := readCurrent(d, seen); err != nil {
				done <- err
				return
			}
		}
	}()
	for i := range swaps {
		require.NoError(t, d.Activate(t.Context(), fmt.Sprint("v", (i+1)%releases)))
	}
	close(quit)
	require.NoError(t, <-done)
	require.Len(t, seen, releases, "the reader saw each of them")
}

// memory is a directory that is not on a disk, where there is such a thing: ext4
// writes to the disk at each rename over a file.
func memory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "release-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// readCurrent reads through the link and beside it, as applications do.
func readCurrent(d *release.Dir, seen map[string]int) error {
	link := filepath.Join(d.Root(), "current")
	if _, err := os.ReadFile(filepath.Join(link, "server.js")); err != nil {
		return err
	}
	if _, err := d.Current(); err != nil {
		return err
	}
	path, err := filepath.EvalSymlinks(link)
	if err != nil {
		return err
	}
	seen[filepath.Base(path)]++
	return complete(path, filepath.Base(path))
}
