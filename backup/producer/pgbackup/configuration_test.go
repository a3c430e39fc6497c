//go:build unix

package pgbackup_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup/producer/pgbackup"
	"github.com/masaruk/devops/internal/testenv"
)

// debian starts the server again with its configuration outside of its data
// directory, as Debian has it.
func debian(t *testing.T, p *testenv.PostgresServer, more string) (etc string) {
	t.Helper()
	require.NoError(t, p.Kill(syscall.SIGINT))
	<-p.Gone()
	etc = filepath.Join(p.Dir(), "etc")
	require.NoError(t, os.MkdirAll(filepath.Join(etc, "conf.d"), 0o755))
	for _, name := range []string{"postgresql.conf", "pg_hba.conf", "pg_ident.conf"} {
		require.NoError(t, os.Rename(filepath.Join(p.DataDir(), name), filepath.Join(etc, name)))
	}
	f, err := os.OpenFile(filepath.Join(etc, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = fmt.Fprintf(f, "\ndata_directory = '%s'\nhba_file = '%s/pg_hba.conf'\nident_file = '%s/pg_ident.conf'\ninclude_dir = 'conf.d'\n%s\n", p.DataDir(), etc, etc, more)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, os.WriteFile(filepath.Join(etc, "conf.d", "own.conf"), []byte("work_mem = 7MB\nlog_line_prefix = 'it''s \\\\ %m'\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(etc, "pg_hba.conf"), []byte("local all all trust\nhost all all all trust\nhost replication all all trust\n"), 0o644))
	require.NoError(t, p.Own(etc))
	launch(t, p, open(t, p), "-p", fmt.Sprint(p.Port), "-c", "config_file="+etc+"/postgresql.conf")
	return etc
}

// Where the configuration is not in the data directory, the restored folder
// starts by itself all the same, whatever the role may see.
func TestConfigurationOutside(t *testing.T) {
	t.Parallel()
	p := server(t, 15, nil)
	sql(t, p, "CREATE ROLE sees LOGIN REPLICATION IN ROLE pg_read_all_settings", "CREATE ROLE blind LOGIN REPLICATION",
		"CREATE ROLE reads LOGIN REPLICATION IN ROLE pg_read_all_settings, pg_read_server_files", "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO reads")
	debian(t, p, "archive_mode = on\narchive_command = 'false'\nsynchronous_standby_names = ''\nssl = off")
	for role, want := range map[string]string{"postgres": "server", "reads": "server", "sees": "settings", "blind": "settings"} {
		if !exhaustive() && role != "reads" && role != "blind" {
			continue
		}
		t.Run(role, func(t *testing.T) {
			r := newRepo(t)
			made, err := r.Backup(t.Context(), producer(t, conninfoAs(p, role), nil))
			require.NoError(t, err)
			var d pgbackup.Details
			require.NoError(t, json.Unmarshal(made.Details, &d))
			require.Equal(t, want, d.Configuration)
			_, dir := restored(t, r, "", p)
			_, err = os.Stat(filepath.Join(dir, "devops-server-configuration", "pg_hba.conf"))
			require.Equal(t, want == "server", err == nil)
			tool(t, p, "pg_verifybackup", "--ignore=postgresql.conf", "--ignore=pg_hba.conf", "--ignore=pg_ident.conf", "--ignore=devops-server-configuration", dir)
			if want == "settings" && p.User() != "postgres" {
				return // whom alone pg_hba.conf lets in
			}
			sockets := open(t, p)
			launch(t, p, sockets, "-D", dir, "-p", fmt.Sprint(p.Port), "-c", "listen_addresses=")
			require.Equal(t, "7MB", psql(t, p, sockets, "SHOW work_mem"))
			require.Equal(t, `it's \ %m`, psql(t, p, sockets, "SHOW log_line_prefix"))
			require.Equal(t, "off", psql(t, p, sockets, "SHOW archive_mode"), "a copy does not archive")
		})
	}
}

// The folder becomes a cluster of Debian's by the commands that the manual
// gives.
func TestDebianCluster(t *testing.T) {
	t.Parallel()
	p := server(t, 15, nil)
	debian(t, p, "")
	r := newRepo(t)
	_, err := r.Backup(t.Context(), producer(t, conninfo(p), nil))
	require.NoError(t, err)
	_, dir := restored(t, r, "", p)
	root := open(t, p)
	log := filepath.Join(root, "log")
	manual, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	_, commands, ok := strings.Cut(string(manual), "//\tchown")
	require.True(t, ok)
	commands, _, _ = strings.Cut("chown"+commands, "//\n")
	commands = strings.NewReplacer("//\t", "", "/var/lib/postgresql/15/restored", dir, "pg_createcluster ", "pg_createcluster --socketdir="+root+" -l "+log+" -p "+fmt.Sprint(p.Port)+" ").Replace(commands)
	commands = strings.ReplaceAll(commands, "pg_ctlcluster 15 restored start", "")
	require.Contains(t, commands, "pg_createcluster")
	if os.Geteuid() != 0 {
		t.Log("without root, the folder is its owner's already")
		commands = strings.ReplaceAll(commands, "chown", ": chown")
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-euc", commands)
	cmd.Env = append(os.Environ(), "PG_CLUSTER_CONF_ROOT="+filepath.Join(root, "etc"), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	etc := filepath.Join(root, "etc", "15", "restored")
	require.FileExists(t, filepath.Join(etc, "postgresql.conf"))
	require.NoFileExists(t, filepath.Join(dir, "postgresql.conf"))
	launch(t, p, root, "-c", "config_file="+etc+"/postgresql.conf", "-c", "listen_addresses=")
	require.Equal(t, "7MB", psql(t, p, root, "SHOW work_mem"))
}

// What a restored folder would miss is said in the backup.
func TestConfigurationElsewhere(t *testing.T) {
	t.Parallel()
	p := server(t, 15, nil)
	away := open(t, p)
	require.NoError(t, os.WriteFile(filepath.Join(away, "hba"), []byte("host all all all trust\nhost replication all all trust\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(away, "more.conf"), []byte("work_mem = 7MB\n"), 0o644))
	f, err := os.OpenFile(filepath.Join(p.DataDir(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = fmt.Fprintf(f, "hba_file = '%s/hba'\ninclude '%s/more.conf'\n", away, away)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, p.Kill(syscall.SIGINT))
	<-p.Gone()
	require.NoError(t, p.Start(t.Context()))
	made, err := newRepo(t).Backup(t.Context(), producer(t, conninfo(p), nil))
	require.NoError(t, err)
	var d pgbackup.Details
	require.NoError(t, json.Unmarshal(made.Details, &d))
	require.Equal(t, "data directory", d.Configuration)
	require.Contains(t, strings.Join(d.Warnings, "\n"), away+"/hba, outside of the data directory")
	require.Contains(t, strings.Join(d.Warnings, "\n"), "includes "+away+"/more.conf")
}
