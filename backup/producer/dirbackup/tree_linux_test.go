package dirbackup_test

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// node is what a restore must give back of a file.
type node struct {
	mode     fs.FileMode
	uid, gid uint32
	modified int64 // nanoseconds; not of links
	size     int64
	link     string
	sum      [32]byte
}

// snapshot describes a tree, the folder itself included.
func snapshot(t *testing.T, dir string) map[string]node {
	t.Helper()
	all := map[string]node{}
	require.NoError(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		n := node{mode: info.Mode(), uid: st.Uid, gid: st.Gid, modified: info.ModTime().UnixNano()}
		switch {
		case info.Mode().IsRegular():
			content, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			n.size, n.sum = info.Size(), sha256.Sum256(content)
		case info.Mode().Type() == fs.ModeSymlink:
			n.modified = 0
			if n.link, err = os.Readlink(name); err != nil {
				return err
			}
		}
		rel, err := filepath.Rel(dir, name)
		all[rel] = n
		return err
	}))
	return all
}

// requireSame compares trees, and names the first difference.
func requireSame(t *testing.T, want, got map[string]node) {
	t.Helper()
	for name, n := range want {
		g, ok := got[name]
		require.True(t, ok, "%q is missing", name)
		require.Equal(t, n, g, "%q", name)
	}
	for name := range got {
		require.Contains(t, want, name)
	}
}

// forest makes and changes random trees.
type forest struct {
	*rand.Rand
	t   *testing.T
	dir string
}

func (f *forest) pick(n int) bool { return f.IntN(n) == 0 }

func (f *forest) name() string {
	odd := []string{
		"-rf", "--", "new\nline", "tab\there", " ", "space at the end ", "*", "[a]", "back\\slash", `"quote"`, "'", "$HOME", "ünïcödé 文件",
		"\x01", "\x7f", ".hidden", "...", "~", strings.Repeat("x", 255), strings.Repeat("ü", 127), "con", "a:b", "@longlink", "\ufffd", "\u2028",
	}
	if f.pick(3) {
		return odd[f.IntN(len(odd))]
	}
	return fmt.Sprintf("%x", f.Uint32())
}

func (f *forest) content() []byte {
	sizes := []int{0, 1, 511, 512, 513, 4095, 4096, 70000, 1 << 20, 1<<20 + 1, 1<<20 + 12345}
	size := sizes[f.IntN(len(sizes)-3)]
	if f.pick(12) {
		size = sizes[f.IntN(len(sizes))]
	}
	content := make([]byte, size)
	for i := 0; i < len(content); i += 1 + f.IntN(64) {
		content[i] = byte(f.Uint32())
	}
	return content
}

// grow adds n entries below dir.
func (f *forest) grow(dir string, depth, n int) {
	for range n {
		name := filepath.Join(dir, f.name())
		if _, err := os.Lstat(name); err == nil {
			continue
		}
		switch k := f.IntN(8); {
		case k == 0 && depth > 0:
			require.NoError(f.t, os.Mkdir(name, 0o700))
			f.grow(name, depth-1, f.IntN(8))
		case k == 1:
			targets := []string{"..", ".", "/nowhere/at all", filepath.Base(name), "-x", "new\nline", strings.Repeat("deep/", 100), "../../../../etc/passwd"}
			require.NoError(f.t, os.Symlink(targets[f.IntN(len(targets))], name))
		default:
			require.NoError(f.t, os.WriteFile(name, f.content(), 0o600))
		}
	}
}

// change alters some of what is there, in every way.
func (f *forest) change() {
	for _, name := range f.names() {
		info, err := os.Lstat(name)
		if err != nil || name == f.dir || !f.pick(6) { // removed with its folder
			continue
		}
		switch k := f.IntN(6); {
		case k == 0:
			require.NoError(f.t, os.RemoveAll(name))
		case k == 1: // something of another kind in its place
			require.NoError(f.t, os.RemoveAll(name))
			if f.pick(2) {
				require.NoError(f.t, os.Mkdir(name, 0o700))
			} else {
				require.NoError(f.t, os.Symlink("elsewhere", name))
			}
		case k == 2 && info.Mode().IsRegular(): // one byte, and the same size and time
			f.flip(name, info)
		case k == 3 && info.Mode().IsRegular():
			require.NoError(f.t, os.WriteFile(name, f.content(), 0o600))
		case k == 4 && info.IsDir():
			f.grow(name, 1, 3)
		default: // metadata alone, by dress
		}
	}
	f.grow(f.dir, 2, 3)
}

func (f *forest) flip(name string, info fs.FileInfo) {
	content, err := os.ReadFile(name)
	require.NoError(f.t, err)
	if len(content) > 0 {
		content[f.IntN(len(content))] ^= 1
	}
	require.NoError(f.t, os.WriteFile(name, content, 0o600))
	require.NoError(f.t, os.Chtimes(name, time.Time{}, info.ModTime()))
}

func (f *forest) names() []string {
	var all []string
	require.NoError(f.t, filepath.WalkDir(f.dir, func(name string, _ fs.DirEntry, err error) error {
		all = append(all, name)
		return err
	}))
	return all
}

// dress gives everything, or one of so many, a random mode, owner and time. What
// is below comes first. Only root may give everything away.
func (f *forest) dress(oneOf int) {
	all := f.names()
	for i := len(all) - 1; i >= 0; i-- {
		name := all[i]
		if !f.pick(oneOf) {
			continue
		}
		info, err := os.Lstat(name)
		require.NoError(f.t, err)
		root := os.Getuid() == 0
		if root {
			require.NoError(f.t, os.Lchown(name, f.IntN(70000), f.IntN(70000)))
		}
		if info.Mode().Type() == fs.ModeSymlink {
			continue
		}
		mode := fs.FileMode(f.IntN(0o1000))
		for _, bit := range []fs.FileMode{fs.ModeSetuid, fs.ModeSetgid, fs.ModeSticky} {
			if f.pick(8) && root {
				mode |= bit
			}
		}
		if !root {
			mode |= 0o700
		}
		require.NoError(f.t, os.Chmod(name, mode))
		require.NoError(f.t, os.Chtimes(name, time.Time{}, time.Unix(f.Int64N(4e9)-1e9, f.Int64N(1e9))))
	}
}
