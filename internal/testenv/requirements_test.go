package testenv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRootPassesNestedModulesBy(t *testing.T) {
	here, err := Root()
	require.NoError(t, err)
	t.Chdir("servers")
	root, err := Root()
	require.NoError(t, err)
	require.Equal(t, here, root)
	tools, err := ToolsDir()
	require.NoError(t, err)
	require.Equal(t, filepath.Join(root, ".tools"), tools)
	t.Chdir(t.TempDir())
	_, err = Root()
	require.ErrorContains(t, err, "no go.mod of "+modulePath)
}

// What Requirements names is what the committed files install.
func TestRequirementsMatchWhatIsInstalledFrom(t *testing.T) {
	var npm struct{ Dependencies map[string]string }
	text, err := os.ReadFile(filepath.Join("npm", "package.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &npm))
	tools, err := os.ReadFile(filepath.Join("servers", "go.mod"))
	require.NoError(t, err)

	rs, err := Requirements()
	require.NoError(t, err)
	packages := 0
	for _, r := range rs {
		require.NotEmpty(t, r.Parts)
		for _, p := range r.Parts {
			switch p.Source {
			case NPM:
				packages++
				require.Contains(t, npm.Dependencies, p.Name)
			case Go:
				require.Contains(t, string(tools), "\ntool "+p.Name+"\n")
			}
		}
	}
	require.Len(t, npm.Dependencies, packages)
}

func TestNPMLockRecordsNoAddresses(t *testing.T) {
	lock, err := os.ReadFile(filepath.Join("npm", "package-lock.json"))
	require.NoError(t, err)
	require.NotContains(t, string(lock), `"resolved"`)
	require.Contains(t, string(lock), `"integrity"`)
}

func TestMissingPartsAreNamed(t *testing.T) {
	there, gone := filepath.Join(t.TempDir(), "there"), filepath.Join(t.TempDir(), "gone")
	require.NoError(t, os.WriteFile(there, nil, 0o600))
	r := Requirement{Name: "x", Parts: []Part{
		debianPart("has", there), debianPart("lacks", gone), systemPart("wings", func() bool { return false }),
	}}
	missing := r.Missing()
	require.Len(t, missing, 2)
	require.Len(t, r.Parts, 3)
	require.EqualError(t, &MissingError{Server: "x", Parts: missing},
		"x cannot start, missing: Debian package lacks ("+gone+"), system wings; "+
			"`go run ./internal/cmd/check` at the root of the checkout installs what can be installed")
	require.EqualError(t, requirePresent("x"), `no server is named "x"`)
}

func TestNPMPackageIsMissingUntilItIsHydrated(t *testing.T) {
	dir := t.TempDir()
	pkg := npmPackage(dir, 16)
	require.NoError(t, os.MkdirAll(filepath.Join(pkg, "native", "bin"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(pkg, "native", "bin", "postgres"), nil, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(pkg, "native", "pg-symlinks.json"),
		[]byte(`[{"source":"native/bin/postgres","target":"native/link"}]`), 0o644))
	part := npmPostgres(dir, 16)
	require.False(t, part.Present())
	require.NoError(t, os.Symlink("bin/postgres", filepath.Join(pkg, "native", "link")))
	require.True(t, part.Present())
}

// fakeTB records what a wrapper does to a test.
type fakeTB struct {
	ctx      context.Context
	said     []string
	failed   bool
	cleanups []func()
}

func (f *fakeTB) say(kind, format string, args ...any) {
	f.said = append(f.said, kind+": "+fmt.Sprintf(format, args...))
}
func (f *fakeTB) Helper()                        {}
func (f *fakeTB) Cleanup(c func())               { f.cleanups = append(f.cleanups, c) }
func (f *fakeTB) Context() context.Context       { return f.ctx }
func (f *fakeTB) Errorf(format string, a ...any) { f.say("error", format, a...) }
func (f *fakeTB) Fatalf(format string, a ...any) { f.say("fatal", format, a...) }
func (f *fakeTB) Skipf(format string, a ...any)  { f.say("skip", format, a...) }
func (f *fakeTB) Logf(format string, a ...any)   { f.say("log", format, a...) }
func (f *fakeTB) Failed() bool                   { return f.failed }

func (f *fakeTB) end() {
	for _, c := range slices.Backward(f.cleanups) {
		c()
	}
}

func TestMissingServerIsASkipUnlessPromised(t *testing.T) {
	missing := fmt.Errorf("start: %w", &MissingError{Server: "x", Parts: []Part{debianPart("lacks", "/gone")}})
	for _, tc := range []struct {
		env  string
		err  error
		want string
	}{
		{"", missing, "skip: start: x cannot start, missing: Debian package lacks"},
		{"0", missing, "skip: "},
		{"1", missing, "fatal: start: x cannot start, missing: Debian package lacks"},
		{"", errors.New("broken"), "fatal: broken"},
	} {
		t.Setenv(RequireAll, tc.env)
		f := &fakeTB{ctx: t.Context()}
		start(f, func(context.Context) (*PostgresServer, error) { return nil, tc.err })
		require.Len(t, f.said, 1)
		require.True(t, strings.HasPrefix(f.said[0], tc.want), f.said[0])
		require.Empty(t, f.cleanups)
	}
}

func TestLogIsAttachedToAFailedTestOnly(t *testing.T) {
	if err := requirePresent(nameS3); err != nil {
		giveUp(t, err)
	}
	for _, failed := range []bool{false, true} {
		f := &fakeTB{ctx: t.Context(), failed: failed}
		s := S3(f, false)
		_, err := s.Do(t.Context(), "PUT", "/bucket", nil)
		require.NoError(t, err)
		f.end()
		require.NoDirExists(t, s.Dir())
		if failed {
			require.Len(t, f.said, 1)
			require.Contains(t, f.said[0], "log: server log:\n")
			require.Contains(t, f.said[0], s.Endpoint[len("http://"):])
			require.Contains(t, f.said[0], "PUT")
		} else {
			require.Empty(t, f.said)
		}
	}
}
