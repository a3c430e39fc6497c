//go:build unix

package pgbackup_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/backup/producer/pgbackup"
)

// The connection ends, or says nothing any more, before each kind of message
// that the server sends. There is an error, and no backup.
func TestConnectionFails(t *testing.T) {
	t.Parallel()
	p := server(t, 15, nil)
	x := newProxy(t, p)
	r := newRepo(t)
	from := producer(t, x.conninfo(), nil)
	_, err := r.Backup(t.Context(), from)
	require.NoError(t, err)
	x.mu.Lock()
	kinds := slices.Clone(x.kinds)
	x.mu.Unlock()
	t.Logf("%d kinds of message: %s", len(kinds), strings.Join(kinds, ", "))
	require.GreaterOrEqual(t, len(kinds), 24)
	require.Subset(t, kinds, []string{"sql D", "replication T", "replication H", "copy d n", "copy d d", "copy d p", "copy d m", "copy c", "end T", "end D", "end C", "end Z"})
	for _, kind := range kinds {
		t.Run("cut "+kind, func(t *testing.T) {
			x.arm(kind, true)
			made, err := r.Backup(t.Context(), from)
			require.Error(t, err)
			require.Nil(t, made)
			requireFired(t, x)
		})
	}
	for _, kind := range kinds {
		if !exhaustive() && !slices.Contains([]string{"sql D", "replication D", "copy d d"}, kind) {
			continue
		}
		t.Run("hang "+kind, func(t *testing.T) {
			x.arm(kind, false)
			ctx, cancel := context.WithCancelCause(t.Context())
			enough := errors.New("enough")
			fired := x.fired
			go func() {
				<-fired
				cancel(enough)
			}()
			_, err := r.Backup(ctx, from)
			require.ErrorIs(t, err, enough)
			requireFired(t, x)
		})
	}
	require.Len(t, r.listed(t), 1)
}

func requireFired(t *testing.T, x *proxy) {
	t.Helper()
	select {
	case <-x.fired:
	default:
		require.Fail(t, "the fault never came")
	}
}

// The server's side ends in the middle.
func TestServerGoes(t *testing.T) {
	t.Parallel()
	p := server(t, 15, nil)
	r := newRepo(t)
	backupWhile := func(do func()) error {
		fired := false
		made, err := r.Backup(t.Context(), producer(t, conninfo(p), &pgbackup.Options{RateLimit: 8 << 20, Progress: once(func() { fired = true; do() })}))
		require.True(t, fired)
		require.Nil(t, made)
		return err
	}
	err := backupWhile(func() { sql(t, p, "SELECT pg_terminate_backend(pid) FROM pg_stat_replication") })
	require.ErrorContains(t, err, "57P01")
	require.Eventually(t, func() bool { return len(sql(t, p, "SELECT FROM pg_replication_slots")) == 0 }, waiting, tick)

	require.Error(t, backupWhile(func() {
		require.NoError(t, p.Kill(syscall.SIGKILL))
		<-p.Gone()
	}))
	_, err = r.Backup(t.Context(), producer(t, conninfo(p), nil))
	require.ErrorContains(t, err, "refused")
	require.NoError(t, p.Start(t.Context()))
	require.Empty(t, r.listed(t))
	_, err = r.Backup(t.Context(), producer(t, conninfo(p), nil))
	require.NoError(t, err)
}

// A restore that was cut off after its files, before the links, is not one that
// a server could be started on.
func TestLinksComeBeforeTheEnd(t *testing.T) {
	t.Parallel()
	p := server(t, 15, nil)
	prepare(t, p)
	r := newRepo(t)
	made, err := r.Backup(t.Context(), producer(t, conninfo(p), nil))
	require.NoError(t, err)
	dir := filepath.Join(open(t, p), "data")
	oid := sql(t, p, "SELECT oid FROM pg_tablespace WHERE spcname = 'elsewhere'")[0][0]
	for name, folder := range map[string]string{
		"is not absolute": "relative", "lie in each other": filepath.Join(dir, "below"), "the same": dir,
		"and that of the data directory": filepath.Dir(dir),
	} {
		_, err = pgbackup.Restore(t.Context(), r.reader, made.ID, dir, &pgbackup.RestoreOptions{Tablespaces: map[string]string{oid: folder}})
		require.ErrorContains(t, err, name)
		require.NoDirExists(t, dir)
	}
	_, err = pgbackup.Restore(t.Context(), r.reader, made.ID, dir, &pgbackup.RestoreOptions{Tablespaces: map[string]string{"1": "/x"}})
	require.ErrorContains(t, err, `no tablespace "1"`)

	ctx, cancel := context.WithCancel(t.Context())
	_, err = pgbackup.Restore(ctx, r.reader, made.ID, dir, &pgbackup.RestoreOptions{Progress: func(int64) { cancel() }})
	require.ErrorIs(t, err, context.Canceled)
	rep := &backup.RestoreReport{Backup: r.listed(t)[0], Target: dir}
	_, err = pgbackup.Prove(t.Context(), rep.Backup, dir, proveOptions(p))
	require.ErrorContains(t, err, "not complete")
	rep, err = pgbackup.Restore(t.Context(), r.reader, made.ID, dir, nil)
	require.NoError(t, err)
	require.True(t, rep.Resumed)
	prove(t, rep, p, func(ctx context.Context, conninfo string) {
		require.Equal(t, "50000", ask(ctx, t, conninfo, "SELECT count(*) FROM moved"))
	})
}

// What is wrong with a restored folder is said, and no server is left.
func TestProveFails(t *testing.T) {
	p := server(t, 15, nil)
	r := newRepo(t)
	_, err := r.Backup(t.Context(), producer(t, conninfo(p), nil))
	require.NoError(t, err)
	rep, dir := restored(t, r, "", p)
	private := open(t, p)
	t.Setenv("TMPDIR", private)
	for name, spoil := range map[string]func(*backup.Listing, *pgbackup.ProveOptions){
		"needs version 16": func(b *backup.Listing, _ *pgbackup.ProveOptions) {
			b.Details = edited(b, `"version":15`, `"version":16`)
		},
		"are of the cluster":  func(b *backup.Listing, _ *pgbackup.ProveOptions) { b.Details = edited(b, `"system":"`, `"system":"1`) },
		"before the end":      func(b *backup.Listing, _ *pgbackup.ProveOptions) { b.Details = edited(b, `"stop":"0/`, `"stop":"FFF/`) },
		"no such file":        func(_ *backup.Listing, o *pgbackup.ProveOptions) { o.Programs = t.TempDir() },
		"unknown user nobody": func(_ *backup.Listing, o *pgbackup.ProveOptions) { o.User = "nobody-of-that-name" },
		"no_such_setting": func(_ *backup.Listing, o *pgbackup.ProveOptions) {
			o.Settings = map[string]string{"no_such_setting": "1"}
		},
		"what use says": func(_ *backup.Listing, o *pgbackup.ProveOptions) {
			o.Use = func(context.Context, string) error { return errors.New("what use says") }
		},
	} {
		b, o := *rep.Backup, proveOptions(p)
		spoil(&b, o)
		_, err := pgbackup.Prove(t.Context(), &b, dir, o)
		require.ErrorContains(t, err, name)
		require.NoFileExists(t, filepath.Join(dir, "postmaster.pid"), name)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	enough, o := errors.New("enough"), proveOptions(p)
	o.Use = func(ctx context.Context, _ string) error { cancel(enough); <-ctx.Done(); return nil }
	_, err = pgbackup.Prove(ctx, rep.Backup, dir, o)
	require.ErrorIs(t, err, enough)
	require.NoFileExists(t, filepath.Join(dir, "postmaster.pid"))
	prove(t, rep, p, nil)
	left, err := filepath.Glob(filepath.Join(private, "pgprove*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// edited changes the details of a backup.
func edited(b *backup.Listing, from, to string) []byte {
	return []byte(strings.Replace(string(b.Details), from, to, 1))
}
