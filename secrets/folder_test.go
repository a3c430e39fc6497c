package secrets_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
	"github.com/masaruk/devops/secrets/sourcetest"
)

func folder(t *testing.T, dir string) secrets.Source {
	t.Helper()
	from, err := secrets.NewFolder(dir)
	require.NoError(t, err)
	return from
}

func TestFolder(t *testing.T) {
	for name, ending := range map[string]string{"line feed": "\n", "carriage return": "\r\n"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for name, v := range knownSecrets() {
				write(t, dir, name, v.Reveal()+ending)
			}
			sourcetest.Run(t, knownSecrets(), func() (secrets.Source, error) { return secrets.NewFolder(dir) })
		})
	}
	_, err := secrets.NewFolder("")
	require.Error(t, err)
}

func TestFolderRemovesOneLineEnding(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]string{
		"": "", "a": "a", "a\n": "a", "a\r\n": "a", "a\n\n": "a\n", "a\r": "a\r", "\n": "", "a\r\r\n": "a\r", " a \n": " a ", "a\x00\xff\n": "a\x00\xff",
	} {
		write(t, dir, "file", text)
		requireFinds(t, folder(t, dir), "file", want)
	}
}

func TestFolderRefuses(t *testing.T) {
	outside := t.TempDir()
	target := write(t, outside, "target", planted)
	dir := filepath.Join(outside, "secrets")
	write(t, dir, "sub/file", planted)
	write(t, dir, "placeholder", planted+secrets.Placeholder)
	write(t, dir, "big", planted+strings.Repeat("x", secrets.MaxSize))
	write(t, dir, "fits", strings.Repeat("x", secrets.MaxSize))
	for link, to := range map[string]string{
		"void": "nothing", "sub/up": "../void", "absolute": target, "relative": "../target", "within": filepath.Join(dir, "sub/file"), "dangling": "nothing", "loop": "loop", "out": "..",
	} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatalf("make a link: %v", err)
		}
	}
	require.NoError(t, os.Symlink("sub", filepath.Join(dir, "here")))
	from := folder(t, dir)
	requireFinds(t, from, "sub/file", planted)
	requireFinds(t, from, "fits", strings.Repeat("x", secrets.MaxSize))
	for _, name := range []string{
		"absolute", "relative", "within", "dangling", "loop", "out/target", "../target", target, "void/file", "void/sub/file", "sub/up/file",
		"sub", ".", "sub/../sub/file", "sub//file", "sub/file/", "sub/file/x", "big", "placeholder", "sub/file\x00",
	} {
		t.Run(name, func(t *testing.T) { requireFails(t, from, name, false) })
	}
	requireFails(t, from, "sub/none", true)
	requireFails(t, from, "none/file", true)
	requireFails(t, from, "none/none/file", true)
	requireFails(t, from, "here/none", true)
	_, err := from.Lookup(t.Context(), "placeholder")
	require.ErrorIs(t, err, secrets.ErrRedacted)
}

func TestFolderThatIsNotThere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "secrets")
	from := folder(t, dir)
	require.ErrorContains(t, requireFails(t, from, "file", false), dir)
	write(t, dir, "file", planted) // it is mounted now
	requireFinds(t, from, "file", planted)
	requireFails(t, folder(t, filepath.Join(dir, "file")), "file", false)
}

// Kubernetes shows each secret as a link to ..data/name, and replaces the link
// ..data when the secret changes.
func TestFolderOfKubernetes(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "..v1/file", planted)
	write(t, dir, "..v2/file", "another")
	require.NoError(t, os.Symlink("..v1", filepath.Join(dir, "..data")))
	require.NoError(t, os.Symlink("..data/file", filepath.Join(dir, "file")))
	from := folder(t, dir)
	requireFinds(t, from, "file", planted)
	require.NoError(t, os.Symlink("..v2", filepath.Join(dir, "..tmp")))
	require.NoError(t, os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")))
	requireFinds(t, from, "file", "another")
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "..v2")))
	requireFails(t, from, "file", false)
}

// While Kubernetes replaces secrets again and again, none of them is ever said
// not to be there, which would let a chain take it from elsewhere; and seldom
// that nobody knows.
func TestFolderWhileKubernetesReplacesIt(t *testing.T) {
	dir := t.TempDir()
	version := func(n int) string {
		name := fmt.Sprintf("..v%d", n)
		write(t, dir, name+"/file", planted)
		write(t, dir, name+"/sub/file", planted)
		return name
	}
	require.NoError(t, os.Symlink(version(0), filepath.Join(dir, "..data")))
	require.NoError(t, os.Symlink("..data/file", filepath.Join(dir, "file")))
	require.NoError(t, os.Symlink("..data/sub", filepath.Join(dir, "sub")))
	from := folder(t, dir)
	replaced, stop := context.WithCancel(t.Context())
	var failed atomic.Int32
	var asking sync.WaitGroup
	for _, name := range []string{"file", "sub/file"} {
		asking.Go(func() {
			for replaced.Err() == nil {
				_, err := from.Lookup(t.Context(), name)
				if errors.Is(err, fs.ErrNotExist) {
					t.Errorf("it is there: %v", err)
					return
				}
				if err != nil {
					failed.Add(1)
				}
			}
		})
	}
	for n := range 200 {
		require.NoError(t, os.Symlink(version(n+1), filepath.Join(dir, "..tmp")))
		require.NoError(t, os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")))
		require.NoError(t, os.RemoveAll(filepath.Join(dir, fmt.Sprintf("..v%d", n))))
	}
	stop()
	asking.Wait()
	require.LessOrEqual(t, failed.Load(), int32(2))
	requireFinds(t, from, "sub/file", planted)
	requireFails(t, from, "sub/none", true)
}

func TestFolderPermission(t *testing.T) {
	dir := t.TempDir()
	file := write(t, dir, "file", planted)
	require.NoError(t, os.Chmod(file, 0))
	if _, err := os.ReadFile(file); err == nil {
		requireFinds(t, folder(t, dir), "file", planted) // this user may read everything
		return
	}
	require.ErrorIs(t, requireFails(t, folder(t, dir), "file", false), fs.ErrPermission)
}
