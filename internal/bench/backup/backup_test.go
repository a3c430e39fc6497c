package backup

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/testenv"
)

// scale is that of pgbench: 100,000 accounts each, some 15 MiB.
func scale(tb testing.TB) int {
	text := os.Getenv("BENCH_BACKUP_SCALE")
	if text == "" {
		return 20
	}
	n, err := strconv.Atoi(text)
	require.NoError(tb, err)
	return n
}

// cluster is a server with data, and the tools.
type cluster struct {
	*testenv.PostgresServer
	dir                 string // for repositories and targets
	pgops               string
	identity, recipient string
}

// newCluster starts one with page checksums, and fills it.
func newCluster(tb testing.TB, scale int) *cluster {
	tb.Helper()
	ctx := tb.Context()
	env, err := testenv.Start(ctx, testenv.Options{Postgres: []testenv.PostgresOptions{{
		Major: 15, InitArgs: []string{"--data-checksums"}, Settings: []string{"max_wal_size = 4GB", "shared_buffers = 512MB"},
	}}})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, env.Close()) })
	c := &cluster{PostgresServer: env.Postgres[0], dir: tb.TempDir()}
	c.must(tb, c.Bin("pgbench"), "-q", "-i", "-s", strconv.Itoa(scale), "-h", c.Host, "-p", strconv.Itoa(c.Port), "-U", "postgres", "postgres")
	c.must(tb, c.Bin("psql"), "-h", c.Host, "-p", strconv.Itoa(c.Port), "-U", "postgres", "-q", "-c", "VACUUM", "-c", "CHECKPOINT", "postgres")
	c.pgops = filepath.Join(c.dir, "pgops")
	c.must(tb, "go", "-C", "../../..", "build", "-o", c.pgops, "./examples/pgops") // with the root's versions
	c.identity = filepath.Join(c.dir, "identity")
	c.must(tb, "age-keygen", "-o", c.identity)
	out, err := exec.CommandContext(ctx, "age-keygen", "-y", c.identity).Output()
	require.NoError(tb, err)
	c.recipient = strings.TrimSpace(string(out))
	return c
}

func (c *cluster) must(tb testing.TB, argv ...string) {
	tb.Helper()
	out, err := exec.CommandContext(tb.Context(), argv[0], argv[1:]...).CombinedOutput()
	require.NoError(tb, err, "%v: %s", argv, out)
}

func (c *cluster) conninfo() string {
	return fmt.Sprintf("host=%s port=%d user=postgres dbname=postgres sslmode=disable", c.Host, c.Port)
}

// cost is what one run took.
type cost struct {
	wall, cpu time.Duration
	memory    int64 // peak of the contender's largest process, in bytes
}

// measure runs a command and takes its wall time, the machine's processor time
// and the peak of memory.
func measure(tb testing.TB, argv ...string) cost {
	tb.Helper()
	var out bytes.Buffer
	cmd := exec.CommandContext(context.WithoutCancel(tb.Context()), argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = &out, &out
	before, began := machine(tb), time.Now()
	err := cmd.Run()
	c := cost{wall: time.Since(began), cpu: machine(tb) - before}
	require.NoError(tb, err, "%v: %s", argv, out.String())
	c.memory = cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
	return c
}

// machine is the processor time that was used since the boot, by all.
func machine(tb testing.TB) time.Duration {
	tb.Helper()
	raw, err := os.ReadFile("/proc/stat")
	require.NoError(tb, err)
	fields := strings.Fields(strings.SplitN(string(raw), "\n", 2)[0])
	var ticks int64
	for _, i := range []int{1, 2, 3, 6, 7} { // user, nice, system, irq, softirq
		n, err := strconv.ParseInt(fields[i], 10, 64)
		require.NoError(tb, err)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// contender makes a backup in a new folder, and restores it into another.
type contender struct {
	name    string
	needs   string // a program
	backup  func(c *cluster, dir string) []string
	restore func(c *cluster, dir, target string) []string // nil is not measured
}

func shell(script string) []string { return []string{"bash", "-euo", "pipefail", "-c", script} }

func contenders() []contender {
	base := func(c *cluster) string {
		return fmt.Sprintf("%s -h %s -p %d -U postgres -c fast -X none --no-manifest", c.Bin("pg_basebackup"), c.Host, c.Port)
	}
	return []contender{
		{
			name: "pgops",
			backup: func(c *cluster, dir string) []string {
				return shell(fmt.Sprintf("%[1]s init -repo %[2]s/repo -keys %[2]s/keys -recipient %[3]s >&2 && exec %[1]s backup -repo %[2]s/repo -keys %[2]s/keys -conninfo '%[4]s'",
					c.pgops, dir, c.recipient, c.conninfo()))
			},
			restore: func(c *cluster, dir, target string) []string {
				return []string{c.pgops, "restore", "-repo", dir + "/repo", "-identity", c.identity, "-target-dir", target}
			},
		},
		{
			name: "pg_basebackup|zstd|age", needs: "age",
			backup: func(c *cluster, dir string) []string {
				return shell(fmt.Sprintf("%s -Ft -D - | zstd -q -3 -T2 | age -r %s > %s/base && sync %s/base", base(c), c.recipient, dir, dir))
			},
			restore: func(c *cluster, dir, target string) []string {
				return shell(fmt.Sprintf("mkdir %s && age -d -i %s %s/base | zstd -qd | tar -xC %s && sync", target, c.identity, dir, target))
			},
		},
		{
			name: "pg_basebackup server-zstd",
			backup: func(c *cluster, dir string) []string {
				return shell(fmt.Sprintf("%s -Ft --compress server-zstd:level=1,workers=2 -D %s/base", base(c), dir))
			},
		},
	}
}

// BenchmarkFull runs all in turn, as often as -benchtime says, and reports the
// medians, and their ratios to ours.
func BenchmarkFull(b *testing.B) {
	c := newCluster(b, scale(b))
	backups, restores := map[string][]cost{}, map[string][]cost{}
	round := 0
	for b.Loop() {
		round++
		for _, who := range contenders() {
			if who.needs != "" {
				if _, err := exec.LookPath(who.needs); err != nil {
					continue
				}
			}
			dir := filepath.Join(c.dir, fmt.Sprint("round", round))
			require.NoError(b, os.Mkdir(dir, 0o700))
			backups[who.name] = append(backups[who.name], measure(b, who.backup(c, dir)...))
			if who.restore != nil {
				restores[who.name] = append(restores[who.name], measure(b, who.restore(c, dir, filepath.Join(dir, "target"))...))
			}
			require.NoError(b, os.RemoveAll(dir))
		}
	}
	b.ReportMetric(0, "ns/op")
	for what, all := range map[string]map[string][]cost{"backup": backups, "restore": restores} {
		ours := median(all["pgops"])
		for _, who := range contenders() {
			if m := median(all[who.name]); m.wall > 0 {
				b.Logf("%-8s %-26s %6.2f s, %6.2f s of processors, %4d MiB, %.2f times ours", what, who.name, m.wall.Seconds(), m.cpu.Seconds(), m.memory>>20, m.wall.Seconds()/ours.wall.Seconds())
			}
		}
	}
}

func median(all []cost) cost {
	if len(all) == 0 {
		return cost{}
	}
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b cost) int { return int(a.wall - b.wall) })
	return all[len(all)/2]
}

// All contenders restore the same relations.
func TestTheContendersDoTheSameWork(t *testing.T) {
	c := newCluster(t, 1)
	want := ""
	for _, who := range contenders() {
		if who.restore == nil {
			continue
		}
		dir := filepath.Join(c.dir, "of-"+strings.ReplaceAll(who.name, "|", "-"))
		require.NoError(t, os.Mkdir(dir, 0o700))
		measure(t, who.backup(c, dir)...)
		target := filepath.Join(dir, "target")
		measure(t, who.restore(c, dir, target)...)
		out, err := exec.CommandContext(t.Context(), "bash", "-c", "cd "+target+"/base && find . -type f -size +100k | sort | xargs sha256sum | sha256sum").Output()
		require.NoError(t, err)
		if want == "" {
			want = string(out)
		}
		require.Equal(t, want, string(out), who.name)
	}
}
