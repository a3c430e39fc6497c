package durable_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/durable"
	"github.com/masaruk/devops/internal/durable/powercut"
)

// TestPowerCut proves what each function promises, and that each of its syncs
// is needed.
func TestPowerCut(t *testing.T) {
	tests := []struct {
		name string
		// before is made first, and durable.
		before func(t *testing.T, dir string)
		do     func(fsys durable.FS, dir string) error
		// during holds whenever the power is cut; after once do returned.
		during, after func(dir string) error
	}{
		{
			name:   "WriteFile",
			before: file("a", "old content"),
			do: func(fsys durable.FS, dir string) error {
				return durable.WriteFile(fsys, filepath.Join(dir, "a"), []byte("new"), 0o600)
			},
			during: holds("a", "old content", "new"),
			after:  holds("a", "new"),
		},
		{
			name: "WriteFile of a new file",
			do: func(fsys durable.FS, dir string) error {
				return durable.WriteFile(fsys, filepath.Join(dir, "a"), []byte("new"), 0o600)
			},
			during: holds("a", missing, "new"),
			after:  holds("a", "new"),
		},
		{
			name: "Create",
			do: func(fsys durable.FS, dir string) error {
				return durable.Create(fsys, filepath.Join(dir, "a"), strings.NewReader("new"), 0o600)
			},
			during: holds("a", missing, "new"),
			after:  holds("a", "new"),
		},
		{
			name: "Create of what a killed process made",
			do: func(fsys durable.FS, dir string) error {
				name := filepath.Join(dir, "a")
				if err := os.WriteFile(name, nil, 0o600); err != nil {
					return err
				}
				if err := durable.Create(fsys, name, strings.NewReader("new"), 0o600); !errors.Is(err, fs.ErrExist) {
					return fmt.Errorf("made again: %w", err)
				}
				return nil
			},
			during: func(string) error { return nil },
			after:  holds("a", ""),
		},
		{
			name: "Append",
			do: func(fsys durable.FS, dir string) error {
				return durable.Append(fsys, filepath.Join(dir, "a"), []byte("one\n"), 0o600)
			},
			during: func(string) error { return nil },
			after:  holds("a", "one\n"),
		},
		{
			name:   "Append to what is there",
			before: file("a", "one\n"),
			do: func(fsys durable.FS, dir string) error {
				return durable.Append(fsys, filepath.Join(dir, "a"), []byte("two\n"), 0o600)
			},
			during: begins("a", "one\n"),
			after:  holds("a", "one\ntwo\n"),
		},
		{
			name: "Append to an empty file whose name is not durable",
			do: func(fsys durable.FS, dir string) error {
				name := filepath.Join(dir, "a")
				if err := os.WriteFile(name, nil, 0o600); err != nil { // by a process that was killed
					return err
				}
				return durable.Append(fsys, name, []byte("one\n"), 0o600)
			},
			during: func(string) error { return nil },
			after:  holds("a", "one\n"),
		},
		{
			name:   "Truncate",
			before: file("a", "one\ntw"),
			do: func(fsys durable.FS, dir string) error {
				return durable.Truncate(fsys, filepath.Join(dir, "a"), 4)
			},
			during: begins("a", "one\n"),
			after:  holds("a", "one\n"),
		},
		{
			name: "MkdirAll",
			do: func(fsys durable.FS, dir string) error {
				return durable.MkdirAll(fsys, filepath.Join(dir, "a/b/c"), 0o700)
			},
			during: func(string) error { return nil },
			after:  isDir("a/b/c"),
		},
		{
			name: "MkdirAll of what a killed process made",
			do: func(fsys durable.FS, dir string) error {
				if err := os.MkdirAll(filepath.Join(dir, "a/b"), 0o700); err != nil {
					return err
				}
				return durable.MkdirAll(fsys, filepath.Join(dir, "a/b/c"), 0o700)
			},
			during: func(string) error { return nil },
			after:  isDir("a/b/c"),
		},
		{
			name:   "ReplaceSymlink",
			before: link("current", "v1"),
			do: func(fsys durable.FS, dir string) error {
				return durable.ReplaceSymlink(fsys, "v2", filepath.Join(dir, "current"))
			},
			during: holds("current", "-> v1", "-> v2"),
			after:  holds("current", "-> v2"),
		},
		{
			name:   "Rename",
			before: file("a", "x"),
			do: func(fsys durable.FS, dir string) error {
				return durable.Rename(fsys, filepath.Join(dir, "a"), filepath.Join(dir, "b"))
			},
			during: either(holds("a", "x"), holds("b", "x")),
			after:  both(holds("a", missing), holds("b", "x")),
		},
		{
			name: "Rename across directories",
			before: func(t *testing.T, dir string) {
				require.NoError(t, os.MkdirAll(filepath.Join(dir, "from"), 0o700))
				require.NoError(t, os.MkdirAll(filepath.Join(dir, "to"), 0o700))
				file("from/a", "x")(t, dir)
			},
			do: func(fsys durable.FS, dir string) error {
				return durable.Rename(fsys, filepath.Join(dir, "from/a"), filepath.Join(dir, "to/a"))
			},
			during: either(holds("from/a", "x"), holds("to/a", "x")),
			after:  both(holds("from/a", missing), holds("to/a", "x")),
		},
		{
			name: "RemoveAll",
			before: func(t *testing.T, dir string) {
				require.NoError(t, os.MkdirAll(filepath.Join(dir, "a/b"), 0o700))
				file("a/b/c", "x")(t, dir)
				link("a/l", "b")(t, dir)
			},
			do: func(fsys durable.FS, dir string) error {
				return durable.RemoveAll(fsys, filepath.Join(dir, "a"))
			},
			during: func(string) error { return nil },
			after:  holds("a", missing),
		},
		{
			name: "SyncTree",
			do: func(fsys durable.FS, dir string) error {
				if err := os.MkdirAll(filepath.Join(dir, "a/b"), 0o700); err != nil {
					return err
				}
				if err := os.WriteFile(filepath.Join(dir, "a/b/c"), []byte("x"), 0o600); err != nil {
					return err
				}
				return durable.SyncTree(fsys, dir)
			},
			during: func(string) error { return nil },
			after:  holds("a/b/c", "x"),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if tt.before != nil {
				tt.before(t, dir)
			}
			rec, err := powercut.New(dir)
			require.NoError(t, err)
			require.NoError(t, tt.do(rec, dir))
			rec.Mark("returned")
			recording := rec.Recording()
			require.NotEmpty(t, recording.Syncs(), "%q", recording.Ops())
			require.NoError(t, recording.Prove(nil, func(s powercut.State) error {
				err := tt.during(s.Dir)
				if len(s.Marks) > 0 {
					err = errors.Join(err, tt.after(s.Dir))
				}
				return err
			}), "%q", recording.Ops())
		})
	}
}

const missing = "(missing)"

func file(name, content string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
}

func link(name, target string) func(*testing.T, string) {
	return func(t *testing.T, dir string) { require.NoError(t, os.Symlink(target, filepath.Join(dir, name))) }
}

func read(name string) (string, error) {
	if target, err := os.Readlink(name); err == nil {
		return "-> " + target, nil
	}
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return missing, nil
	}
	return string(data), err
}

func holds(name string, contents ...string) func(string) error {
	return func(dir string) error {
		got, err := read(filepath.Join(dir, name))
		if err == nil && !slices.Contains(contents, got) {
			err = fmt.Errorf("%s holds %q, want one of %q", name, got, contents)
		}
		return err
	}
}

func begins(name, content string) func(string) error {
	return func(dir string) error {
		got, err := read(filepath.Join(dir, name))
		if err == nil && (len(got) < len(content) || got[:len(content)] != content) {
			err = fmt.Errorf("%s holds %q, want it to begin with %q", name, got, content)
		}
		return err
	}
}

func isDir(name string) func(string) error {
	return func(dir string) error {
		_, err := os.ReadDir(filepath.Join(dir, name))
		return err
	}
}

func both(a, b func(string) error) func(string) error {
	return func(dir string) error { return errors.Join(a(dir), b(dir)) }
}

func either(a, b func(string) error) func(string) error {
	return func(dir string) error {
		err := a(dir)
		if err != nil {
			err = errors.Join(err, b(dir))
			if b(dir) == nil {
				return nil
			}
		}
		return err
	}
}
