package leakscan_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets/leakscan"
)

var errStopped = errors.New("stopped")

func key() string { return "sk" + "_live_" + alnum[:24] }

func TestTreeOrder(t *testing.T) {
	tree := fstest.MapFS{}
	for i := range 300 {
		tree[fmt.Sprintf("d%d/f%d", i%7, i)] = &fstest.MapFile{Data: []byte(strings.Repeat("x\n", i%5) + key() + "\n" + key())}
	}
	var want []string
	for _, workers := range []int{-1, 0, 2, 16} {
		var got []string
		for f, err := range newScanner(t, &leakscan.Options{Workers: workers}).Tree(context.Background(), tree) {
			require.NoError(t, err)
			got = append(got, f.String())
		}
		require.Len(t, got, 600)
		if want == nil {
			want = got
		}
		require.Equal(t, want, got, "%d workers", workers)
	}
	require.IsNonDecreasing(t, func() (paths []string) {
		for _, line := range want {
			path, _, _ := strings.Cut(line, ":")
			paths = append(paths, path)
		}
		return paths
	}())
}

func TestTreeSkips(t *testing.T) {
	found := func(skip []string, names ...string) (paths []string) {
		tree := fstest.MapFS{}
		for _, name := range names {
			tree[name] = &fstest.MapFile{Data: []byte(key())}
		}
		for f, err := range newScanner(t, &leakscan.Options{Skip: skip}).Tree(context.Background(), tree) {
			require.NoError(t, err)
			paths = append(paths, f.Path)
		}
		return paths
	}
	names := []string{".git/config", "a/.git/x", "a/node_modules/b/c", "a/b.lock", "web/dist/x", "dist/x"}
	require.Equal(t, []string{"a/b.lock", "dist/x", "web/dist/x"}, found(nil, names...))
	require.Len(t, found([]string{}, names...), len(names))
	require.Equal(t, []string{".git/config", "a/.git/x", "a/node_modules/b/c", "dist/x"}, found([]string{"*.lock", "web/dist"}, names...))
}

func TestLinksAreNotFollowed(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "outside"), []byte(key()), 0o600))
	inside := filepath.Join(dir, "inside")
	require.NoError(t, os.Mkdir(inside, 0o700))
	require.NoError(t, os.Symlink("../outside", filepath.Join(inside, "link")))
	require.NoError(t, os.Symlink("..", filepath.Join(inside, "dir")))
	for _, err := range newScanner(t, nil).Tree(context.Background(), os.DirFS(inside)) {
		require.Fail(t, "found", "%v", err)
	}
}

// broken is a tree in which one file cannot be opened and another not be read.
type broken struct {
	fs.FS
	opened atomic.Int64
}

func (b *broken) Open(name string) (fs.File, error) {
	b.opened.Add(1)
	f, err := b.FS.Open(name)
	switch {
	case name == "closed":
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	case name == "torn":
		return torn{f}, err
	case name == "denied":
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return f, err
}

type torn struct{ fs.File }

func (f torn) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	if err == nil {
		err = errStopped
	}
	return n, err
}

func TestErrorsInTheirPlace(t *testing.T) {
	tree := &broken{FS: fstest.MapFS{"a": {Data: []byte(key())}, "closed": {}, "denied/x": {}, "torn": {Data: []byte(key())}, "z": {Data: []byte(key())}}}
	var got []string
	for f, err := range newScanner(t, nil).Tree(context.Background(), tree) {
		if err != nil {
			var typed *leakscan.Error
			require.ErrorAs(t, err, &typed)
			got = append(got, "error "+typed.Path)
			require.True(t, errors.Is(err, fs.ErrPermission) || errors.Is(err, errStopped))
			continue
		}
		got = append(got, f.Path)
	}
	require.Equal(t, []string{"a", "error closed", "error denied", "torn", "error torn", "z"}, got)
}

func TestTreeStops(t *testing.T) {
	files := fstest.MapFS{}
	for i := range 1000 {
		files[fmt.Sprint("f", i)] = &fstest.MapFile{Data: []byte(key())}
	}
	tree := &broken{FS: files}
	for range newScanner(t, &leakscan.Options{Workers: 2}).Tree(context.Background(), tree) {
		break
	}
	require.Less(t, tree.opened.Load(), int64(100), "files read ahead")

	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	var last error
	n := 0
	for _, err := range newScanner(t, nil).Tree(ctx, tree) {
		if n++; n == 10 {
			cancel(errStopped)
		}
		last = err
	}
	require.ErrorIs(t, last, errStopped)
	require.Less(t, n, 100)
}

func TestTooMany(t *testing.T) {
	n := 0
	var last error
	for _, err := range newScanner(t, nil).Tree(context.Background(), fstest.MapFS{"a": {Data: []byte(strings.Repeat(key()+"\n", 1001))}}) {
		n++
		last = err
	}
	require.Equal(t, 1001, n)
	require.ErrorIs(t, last, leakscan.ErrTooMany)
	require.Len(t, text(t, newScanner(t, nil), strings.Repeat(key()+" ", 1000)), 1000, "on one line")
}
