package pgbackup_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/backup/producer/pgbackup"
	"github.com/masaruk/devops/backup/store/filestore"
	"github.com/masaruk/devops/internal/testenv"
	"github.com/masaruk/devops/secrets"
)

// repository makes one in a folder.
func repository(t *testing.T) (*backup.Writer, *backup.Reader) {
	t.Helper()
	store, err := filestore.New(filepath.Join(t.TempDir(), "store"))
	require.NoError(t, err)
	id, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	keys, err := backup.Init(t.Context(), store, backup.InitOptions{Operators: []string{id.Recipient().String()}})
	require.NoError(t, err)
	w, err := backup.OpenWriter(t.Context(), store, keys.Writer, nil)
	require.NoError(t, err)
	r, err := backup.OpenReader(t.Context(), store, secrets.New(id.String()), nil)
	require.NoError(t, err)
	return w, r
}

// servers starts one to back up, and one whose data are exchanged for restored
// ones.
func servers(t *testing.T, o testenv.PostgresOptions) (from, to *testenv.PostgresServer) {
	t.Helper()
	env, err := testenv.Start(t.Context(), testenv.Options{Postgres: []testenv.PostgresOptions{o, {Major: o.Major}}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, env.Close()) })
	return env.Postgres[0], env.Postgres[1]
}

// conninfo names the server as a user would.
func conninfo(p *testenv.PostgresServer) string {
	return fmt.Sprintf("host=%s port=%d user=postgres dbname=postgres sslmode=disable", p.Host, p.Port)
}

// exchange restores a backup in place of the server's data, and starts it.
func exchange(t *testing.T, r *backup.Reader, id string, p *testenv.PostgresServer, opts *pgbackup.RestoreOptions) {
	t.Helper()
	require.NoError(t, p.Kill(9))
	<-p.Gone()
	require.NoError(t, os.RemoveAll(p.DataDir()))
	_, err := pgbackup.Restore(t.Context(), r, id, p.DataDir(), opts)
	require.NoError(t, err)
	verifyFiles(t, p)
	require.NoError(t, p.Own(p.DataDir()))
	tablespaces := p.DataDir() + ".tablespaces"
	if _, err := os.Stat(tablespaces); err == nil {
		require.NoError(t, p.Own(tablespaces))
	}
	require.NoError(t, p.Start(t.Context()), "%s", p.Log())
}

// verifyFiles compares the folder with the server's own manifest by the server's
// own tool, where there is one.
func verifyFiles(t *testing.T, p *testenv.PostgresServer) {
	t.Helper()
	if p.Major != 15 {
		return
	}
	out, err := exec.CommandContext(t.Context(), p.Bin("pg_verifybackup"), p.DataDir()).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func sql(ctx context.Context, t *testing.T, p *testenv.PostgresServer, text string) [][]string {
	t.Helper()
	rows, err := p.Query(ctx, "postgres", text)
	require.NoError(t, err, "%s\n%s", text, p.Log())
	return rows
}

func TestBackup(t *testing.T) {
	for _, major := range []int{15, 16, 17, 18} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			from, to := servers(t, testenv.PostgresOptions{Major: major, InitArgs: []string{"--data-checksums"}})
			space := filepath.Join(from.Dir(), "space")
			require.NoError(t, os.Mkdir(space, 0o700))
			require.NoError(t, from.Own(space))
			sql(t.Context(), t, from, "CREATE TABLESPACE elsewhere LOCATION '"+space+"'")
			sql(t.Context(), t, from, "CREATE TABLE moved TABLESPACE elsewhere AS SELECT generate_series(1, 50000) AS n")
			sql(t.Context(), t, from, "CREATE TABLE big AS SELECT n, md5(n::text) AS text FROM generate_series(1, 200000) AS n")
			sql(t.Context(), t, from, "CREATE UNLOGGED TABLE fleeting AS SELECT 1 AS n")
			w, r := repository(t)
			var last pgbackup.Progress
			p, err := pgbackup.New(conninfo(from), &pgbackup.Options{Progress: func(p pgbackup.Progress) { last = p }})
			require.NoError(t, err)
			require.NoError(t, p.Preflight(t.Context()))
			made, err := w.Backup(t.Context(), p)
			require.NoError(t, err)
			require.Positive(t, last.Done)
			require.Positive(t, last.Estimate)
			var d pgbackup.Details
			require.NoError(t, json.Unmarshal(made.Details, &d))
			require.Equal(t, major, d.Version/10000)
			require.True(t, d.Checksums)
			require.Less(t, d.Start, d.Stop)
			require.Len(t, d.Tablespaces, 1)
			require.Equal(t, "data directory", d.Configuration)
			require.Empty(t, sql(t.Context(), t, from, "SELECT slot_name FROM pg_replication_slots"))

			_, err = r.Verify(t.Context(), made.ID, &backup.VerifyOptions{Deep: true})
			require.NoError(t, err)
			sql(t.Context(), t, from, "DROP TABLE big")
			exchange(t, r, made.ID, to, nil)
			require.Equal(t, "200000", sql(t.Context(), t, to, "SELECT count(*) FROM big WHERE text = md5(n::text)")[0][0])
			require.Equal(t, "50000", sql(t.Context(), t, to, "SELECT count(*) FROM moved")[0][0])
			require.Equal(t, "0", sql(t.Context(), t, to, "SELECT count(*) FROM fleeting")[0][0])
			require.Equal(t, "f", sql(t.Context(), t, to, "SELECT pg_is_in_recovery()")[0][0])
		})
	}
}
