//go:build unix

package pgbackup_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/backup/producer/pgbackup"
	"github.com/masaruk/devops/internal/testenv"
)

func TestServers(t *testing.T) {
	majors := []int{15, 16, 17, 18}
	if !exhaustive() { // 15, of which there are all tools, and another one
		majors = []int{15, 16 + rand.IntN(3)}
	}
	t.Logf("versions %v", majors)
	for _, major := range majors {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			args := []string{"--data-checksums"}
			if major%2 == 0 { // the names of segments depend on it
				args = append(args, "--wal-segsize=1")
			}
			p := server(t, major, args)
			prepare(t, p)
			t.Run("load", func(t *testing.T) { underLoad(t, p) })
			if exhaustive() || major != 15 {
				t.Run("tablespace", func(t *testing.T) { tablespaceMade(t, p) })
			}
			t.Run("corrupt", func(t *testing.T) { corruptPage(t, p) })
		})
	}
}

// underLoad backs up a server that is at work, and looks at what is restored
// with the tools of others.
func underLoad(t *testing.T, p *testenv.PostgresServer) {
	r, l := newRepo(t), begin(t, p)
	require.Eventually(t, func() bool { return len(l.counted()) == 7 }, time.Minute, 10*time.Millisecond)
	var last pgbackup.Progress
	rate := int64(16 << 20)
	if exhaustive() {
		rate = 64 << 20
	}
	from := producer(t, conninfo(p), &pgbackup.Options{RateLimit: rate, Progress: func(p pgbackup.Progress) { last = p }})
	require.NoError(t, from.Preflight(t.Context()))
	before, counted := l.acknowledged(), l.counted()
	made, err := r.Backup(t.Context(), from)
	require.NoError(t, err)
	l.since(t, counted)
	after := l.acknowledged()
	l.end(t)
	require.Positive(t, last.Done)
	require.Positive(t, last.Estimate)
	var d pgbackup.Details
	require.NoError(t, json.Unmarshal(made.Details, &d))
	require.Equal(t, p.Major, d.Version/10000)
	require.True(t, d.Checksums)
	require.Equal(t, "postgres", d.Owner)
	require.Less(t, d.Start, d.Stop)
	require.Len(t, d.Tablespaces, 1)
	require.Equal(t, "data directory", d.Configuration)
	for _, warning := range d.Warnings {
		require.NotContains(t, warning, "not known", "the log was searched to its end")
	}
	require.Eventually(t, func() bool { return len(sql(t, p, "SELECT slot_name FROM pg_replication_slots")) == 0 }, time.Minute, 10*time.Millisecond)
	_, err = r.reader.Verify(t.Context(), made.ID, &backup.VerifyOptions{Deep: true})
	require.NoError(t, err)

	rep, dir := restored(t, r, "", p)
	require.Equal(t, made.ID, rep.Backup.ID)
	tool(t, p, "pg_verifybackup", dir)
	second, err := filepath.Glob(filepath.Join(dir, "base", "*", "*.1"))
	require.NoError(t, err)
	require.Equal(t, exhaustive(), len(second) > 0, "the second file of a table")
	proof := prove(t, rep, p, func(ctx context.Context, conninfo string) { judge(ctx, t, conninfo, before, after) })
	require.Equal(t, d.Version, proof.Version)
	require.GreaterOrEqual(t, proof.End, d.Stop)
	require.True(t, proof.Checksums)
	require.Subset(t, proof.Databases, []string{"postgres", "template1"})
	require.Empty(t, proof.Collations)
	require.Empty(t, proof.Extensions)
	tool(t, p, "pg_checksums", "--check", "-D", dir)
}

// tool runs a program that only Debian's version has, as the server's user.
func tool(t *testing.T, p *testenv.PostgresServer, name string, args ...string) {
	t.Helper()
	if p.Major != 15 {
		return
	}
	for dir := range strings.SplitSeq(args[len(args)-1]+" "+args[len(args)-1]+".tablespaces", " ") {
		if _, err := os.Stat(dir); err == nil {
			require.NoError(t, p.Own(dir))
		}
	}
	out, err := as(t, p, exec.CommandContext(t.Context(), p.Bin(name), args...)).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// judge asks a restored server: whether what belongs together is there, whether
// all is there that was acknowledged before the backup, and whether indexes and
// tables agree.
func judge(ctx context.Context, t *testing.T, conninfo string, before, after int) {
	require.Equal(t, "t", ask(ctx, t, conninfo, `SELECT (SELECT sum(balance) FROM accounts) = (SELECT sum(balance) FROM branches)
		AND (SELECT sum(balance) FROM tellers) = (SELECT sum(balance) FROM branches)
		AND (SELECT coalesce(sum(delta), 0) FROM history) = (SELECT sum(balance) FROM branches)`))
	require.Equal(t, fmt.Sprint(before), ask(ctx, t, conninfo, fmt.Sprintf("SELECT count(*) FROM history WHERE id < %d", before)), "of what was acknowledged before")
	require.Equal(t, "t", ask(ctx, t, conninfo, fmt.Sprintf("SELECT count(*) BETWEEN %d AND %d FROM history", before, after)))
	require.Equal(t, "150000", ask(ctx, t, conninfo, "SELECT count(*) FROM big WHERE text = md5(n::text)"))
	require.Equal(t, "50000", ask(ctx, t, conninfo, "SELECT count(*) FROM moved"))
	if exhaustive() {
		require.Equal(t, "140000", ask(ctx, t, conninfo, "SELECT count(*) FROM huge WHERE length(text) = 7900"))
	}
	require.Equal(t, "0", ask(ctx, t, conninfo, "SELECT count(*) FROM fleeting"))
	require.Equal(t, "t", ask(ctx, t, conninfo, "SELECT bool_and(length(lo_get(oid)) = 16) FROM pg_largeobject_metadata"))
	require.Equal(t, "t", ask(ctx, t, conninfo, `CREATE EXTENSION amcheck;
		SELECT count(bt_index_check(i.indexrelid, true)) > 100 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
		WHERE c.relam = 403 AND c.relpersistence = 'p' AND i.indisvalid`))
	require.Equal(t, "", ask(ctx, t, conninfo, `SELECT c.relname || v.msg FROM pg_class c, verify_heapam(c.oid) v
		WHERE c.relkind IN ('r', 't', 'm') AND c.relpersistence = 'p'`))
}

// once does something at the first progress that is told.
func once(do func()) func(pgbackup.Progress) {
	var first sync.Once
	return func(p pgbackup.Progress) {
		if p.Done > 0 {
			first.Do(do)
		}
	}
}

// tablespaceMade makes tablespaces during a backup, which a restored server
// would make again in the places of the originals.
func tablespaceMade(t *testing.T, p *testenv.PostgresServer) {
	r := newRepo(t)
	space := filepath.Join(p.Dir(), "late")
	require.NoError(t, os.Mkdir(space, 0o700))
	require.NoError(t, p.Own(space))
	_, err := r.Backup(t.Context(), producer(t, conninfo(p), &pgbackup.Options{Progress: once(func() {
		sql(t, p, "CREATE TABLESPACE late LOCATION '"+space+"'")
	})}))
	require.ErrorContains(t, err, "tablespaces were made during the backup")
	require.ErrorContains(t, err, space)
	require.Empty(t, r.listed(t))

	// One that goes meanwhile harms nobody. The server waits for the transfer
	// before it lets it go.
	sql(t, p, "CREATE TABLE late TABLESPACE late AS SELECT 1 AS n")
	var group sync.WaitGroup
	var dropped atomic.Bool
	made, err := r.Backup(t.Context(), producer(t, conninfo(p), &pgbackup.Options{RateLimit: 8 << 20, Progress: once(func() {
		group.Go(func() {
			for _, text := range []string{"DROP TABLE late", "DROP TABLESPACE late"} {
				if _, err := p.Query(t.Context(), "postgres", text); err != nil {
					t.Errorf("%s: %v", text, err)
				}
			}
			dropped.Store(true)
		})
	})}))
	require.True(t, dropped.Load())
	group.Wait()
	require.NoError(t, err)
	rep, _ := restored(t, r, made.ID, p)
	prove(t, rep, p, func(ctx context.Context, conninfo string) {
		require.Equal(t, "0", ask(ctx, t, conninfo, "SELECT count(*) FROM pg_tablespace WHERE spcname = 'late'"))
		require.Equal(t, "50000", ask(ctx, t, conninfo, "SELECT count(*) FROM moved"))
	})
	require.NoDirExists(t, filepath.Join(space, "PG_"+fmt.Sprint(p.Major)))
}

// corruptPage changes a byte of a table on disk: the backup is kept, and is none
// that anybody restores.
func corruptPage(t *testing.T, p *testenv.PostgresServer) {
	r := newRepo(t)
	name := filepath.Join(p.DataDir(), sql(t, p, "CHECKPOINT", "SELECT pg_relation_filepath('big')")[0][0])
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte{0xde, 0xad}, 5*8192+4000)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	_, err = r.Backup(t.Context(), producer(t, conninfo(p), nil))
	var corrupt *backup.CorruptError
	require.ErrorAs(t, err, &corrupt)
	require.ErrorContains(t, err, "checksum")
	all := r.listed(t)
	require.Len(t, all, 1, "it is kept")
	require.NotEmpty(t, all[0].Objects)
	require.Contains(t, all[0].Void, filepath.Base(name), "it is said where")
	require.False(t, all[0].Restorable())
	_, err = r.reader.Verify(t.Context(), all[0].ID, nil)
	require.ErrorContains(t, err, "worthless")
	for _, id := range []string{"", all[0].ID} {
		dir := filepath.Join(t.TempDir(), "data")
		_, err = pgbackup.Restore(t.Context(), r.reader, id, dir, nil)
		require.Error(t, err)
		require.NoDirExists(t, dir)
	}
	require.NotEmpty(t, strings.TrimSpace(all[0].Void))
}
