//go:build unix

package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// system is a small file system root with the two files that are guarded; an
// empty text leaves a file out.
func system(t *testing.T, policy, cluster string) (root, policyPath, clusterPath string) {
	t.Helper()
	root = t.TempDir()
	policyPath = filepath.Join(root, "usr/sbin/policy-rc.d")
	clusterPath = filepath.Join(root, "etc/postgresql-common/createcluster.conf")
	require.NoError(t, os.MkdirAll(filepath.Dir(policyPath), 0o755))
	require.NoError(t, os.MkdirAll(filepath.Dir(clusterPath), 0o755))
	if policy != "" {
		require.NoError(t, os.WriteFile(policyPath, []byte(policy), 0o755))
	}
	if cluster != "" {
		require.NoError(t, os.WriteFile(clusterPath, []byte(cluster), 0o644))
	}
	return root, policyPath, clusterPath
}

const (
	refuses = "#!/bin/sh\n# of this machine\nexit 101\n"
	allows  = "#!/bin/sh\nexit 0\n"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return ""
	}
	require.NoError(t, err)
	return string(text)
}

func TestServicesAreRefusedAndThePolicyIsPutBack(t *testing.T) {
	for name, before := range map[string]string{"none": "", "one that allows": allows, "one that refuses": refuses} {
		t.Run(name, func(t *testing.T) {
			root, policy, _ := system(t, before, "")
			restore, err := guardServices(t.Context(), root)
			require.NoError(t, err)
			require.True(t, refusesServices(t.Context(), policy))
			if before == refuses {
				require.Equal(t, refuses, read(t, policy), "it is left alone")
			}
			require.NoError(t, restore())
			require.Equal(t, before, read(t, policy))
			require.NoFileExists(t, policy+savedSuffix)
			require.NoError(t, restore(), "restoring again changes nothing")
		})
	}
}

func TestAPolicyLeftByAKilledRunIsTakenAway(t *testing.T) {
	for name, before := range map[string]string{"none": "", "one that allows": allows} {
		t.Run(name, func(t *testing.T) {
			root, policy, _ := system(t, before, "")
			_, err := guardServices(t.Context(), root) // and then it was killed
			require.NoError(t, err)
			restore, err := guardServices(t.Context(), root)
			require.NoError(t, err)
			require.True(t, refusesServices(t.Context(), policy))
			require.NoError(t, restore())
			require.Equal(t, before, read(t, policy))
		})
	}
}

func TestNoClusterIsCreated(t *testing.T) {
	for name, c := range map[string]struct{ before, after string }{
		"no configuration":      {"", "create_main_cluster = false\n"},
		"the packaged one":      {"#create_main_cluster = true\nssl = on\n", "#create_main_cluster = true\nssl = on\n"},
		"one that says false":   {"create_main_cluster = false\n", "create_main_cluster = false\n"},
		"one that says both":    {"create_main_cluster = false\ncreate_main_cluster = true\n", "create_main_cluster = false\ncreate_main_cluster = true\n"},
		"a commented out false": {"# create_main_cluster = false\n", "# create_main_cluster = false\n"},
	} {
		t.Run(name, func(t *testing.T) {
			root, _, cluster := system(t, refuses, c.before)
			for range 2 { // the second time after a run that was killed
				_, err := guardCluster(root)
				require.NoError(t, err)
			}
			restore, err := guardCluster(root)
			require.NoError(t, err)
			require.True(t, createsNoCluster(read(t, cluster)))
			require.True(t, strings.HasPrefix(read(t, cluster), c.before))
			require.NoError(t, restore())
			require.Equal(t, c.after, read(t, cluster))
		})
	}
}

func TestDebianPackagesAreInstalledUnderTheGuard(t *testing.T) {
	root, policy, cluster := system(t, allows, "ssl = on\n")
	b := testBench(t)
	b.system = root
	broken := errors.New("apt-get: exit status 100")
	for name, failure := range map[string]error{"success": nil, "failure": broken} {
		t.Run(name, func(t *testing.T) {
			var ran [][]string
			b.exec = func(_ context.Context, c command, _ io.Writer) error {
				ran = append(ran, c.argv)
				require.True(t, refusesServices(t.Context(), policy))
				require.True(t, createsNoCluster(read(t, cluster)))
				require.Contains(t, c.env, "DEBIAN_FRONTEND=noninteractive")
				return failure
			}
			require.ErrorIs(t, installDebian(t.Context(), b, io.Discard, []string{"postgresql-15"}), failure)
			require.Equal(t, allows, read(t, policy))
			require.Equal(t, "ssl = on\n", read(t, cluster))
			if failure == nil {
				require.Equal(t, [][]string{dpkgRepair(), aptUpdate(), aptInstall([]string{"postgresql-15"})}, ran)
			}
		})
	}
}

func TestWithoutPostgreSQLItsConfigurationIsLeftAlone(t *testing.T) {
	root, _, cluster := system(t, refuses, "ssl = on\n")
	restore, err := guardInstall(t.Context(), root, []string{"openssh-server"})
	require.NoError(t, err)
	require.Equal(t, "ssl = on\n", read(t, cluster))
	require.NoError(t, restore())
}

func TestAptInstallAsksNothing(t *testing.T) {
	argv := aptInstall([]string{"a", "b"})
	require.Equal(t, "apt-get", argv[0])
	require.Contains(t, argv, "-y")
	require.Contains(t, argv, "--no-install-recommends")
	require.Equal(t, []string{"install", "--", "a", "b"}, argv[len(argv)-4:])
}
