package pgbackup

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// configuration is what is known of a server's configuration before its backup.
type configuration struct {
	// outside is set where its main file is not in the data directory, from which
	// the server sends everything.
	outside bool
	// files are those that lie outside, by the name that they have in a backup;
	// those that the role may not read are missing.
	files map[string]string
	// synthesised is a postgresql.conf made of the settings in force.
	synthesised string
}

// leftOut are the settings that name files or servers, or that would let a copy
// of the server act in place of the original.
const leftOut = `'config_file', 'hba_file', 'ident_file', 'data_directory', 'external_pid_file', 'unix_socket_directories',
	'unix_socket_group', 'stats_temp_directory', 'log_directory', 'ssl', 'ssl_cert_file', 'ssl_key_file', 'ssl_ca_file',
	'ssl_crl_file', 'ssl_crl_dir', 'ssl_dh_params_file', 'krb_server_keyfile', 'ssl_passphrase_command', 'primary_conninfo',
	'primary_slot_name', 'restore_command', 'archive_mode', 'archive_command', 'archive_library', 'archive_cleanup_command',
	'recovery_end_command', 'synchronous_standby_names', 'promote_trigger_file', 'summarize_wal'`

// loadConfiguration reads the configuration where it is outside of the data
// directory, as far as the role may.
func (f *facts) loadConfiguration(ctx context.Context, conn *pgconn.PgConn) error {
	if err := f.synthesise(ctx, conn); err != nil {
		return err
	}
	row, err := one(ctx, conn, "SELECT pg_has_role(current_user, 'pg_read_all_settings', 'usage')")
	if err != nil || row[0] != "t" { // where the files are is hidden
		return err
	}
	f.files = map[string]string{}
	row, err = one(ctx, conn, `SELECT current_setting('data_directory'), current_setting('config_file'),
		current_setting('hba_file'), current_setting('ident_file')`)
	if err != nil {
		return err
	}
	inside := row[0] + "/"
	f.outside = row[1] != inside+"postgresql.conf"
	for i, name := range []string{"postgresql.conf", "pg_hba.conf", "pg_ident.conf"} {
		if row[i+1] == inside+name {
			continue
		}
		if i > 0 && !f.outside {
			f.warnings = append(f.warnings, fmt.Sprintf("postgresql.conf names %s, outside of the data directory: a server on the restored folder needs that file, or to be started with another one", row[i+1]))
		}
		text, err := one(ctx, conn, "SELECT pg_read_file('"+strings.ReplaceAll(row[i+1], "'", "''")+"')")
		var denied *pgconn.PgError
		switch {
		case err == nil:
			f.files[name] = text[0]
		case !errors.As(err, &denied): // the connection is gone
			return err
		}
	}
	return f.includes(ctx, conn, inside)
}

// includes warns of files that the configuration in the data directory includes
// from elsewhere.
func (f *facts) includes(ctx context.Context, conn *pgconn.PgConn, inside string) error {
	rows, err := query(ctx, conn, "SELECT DISTINCT sourcefile FROM pg_settings WHERE sourcefile IS NOT NULL ORDER BY 1")
	for _, row := range rows {
		if !f.outside && !strings.HasPrefix(row[0], inside) {
			f.warnings = append(f.warnings, fmt.Sprintf("postgresql.conf includes %s, outside of the data directory, which is not in the backup", row[0]))
		}
	}
	return err
}

// synthesise writes the settings in force that do not come with the data
// directory.
func (f *facts) synthesise(ctx context.Context, conn *pgconn.PgConn) error {
	rows, err := query(ctx, conn, `SELECT name, current_setting(name) FROM pg_settings
		WHERE source IN ('configuration file', 'command line') AND coalesce(sourcefile, '') NOT LIKE '%/postgresql.auto.conf'
		AND name NOT IN (`+leftOut+`) ORDER BY name`)
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("# Made by a backup of the settings that were in force. Left out is what names\n" +
		"# files or servers of the place where it was made, such as certificates, sockets,\n" +
		"# standbys and the archive command.\n")
	for _, row := range rows {
		fmt.Fprintf(&b, "%s = '%s'\n", row[0], strings.NewReplacer(`'`, `''`, `\`, `\\`, "\n", `\n`).Replace(row[1]))
	}
	f.synthesised = b.String()
	return nil
}

// originals is the folder of a backup that holds the configuration as it was,
// where that was not in the data directory.
const originals = "devops-server-configuration"

// hba lets the operating system's owner in, and nobody else: who restores
// decides.
const hba = "# Made by a backup: the server's own was outside of its data directory.\nlocal all all peer\n"

// elsewhere finds what names further files, which are not in the backup: an
// include, or a list of users or databases.
var elsewhere = regexp.MustCompile(`(?m)^[ \t]*include|^[^#\n]*@`)

// configure adds the configuration where the server did not send it, so that
// the restored folder starts by itself.
func (t *transfer) configure() error {
	f := t.facts.configuration
	usable := func(name, text string) string {
		if own, ok := f.files[name]; ok && !elsewhere.MatchString(own) {
			return own
		}
		return text
	}
	texts := map[string]string{
		"postgresql.conf": f.synthesised,
		"pg_hba.conf":     usable("pg_hba.conf", hba),
		"pg_ident.conf":   usable("pg_ident.conf", ""),
	}
	_, sent := t.got["postgresql.conf"]
	switch _, read := f.files["postgresql.conf"]; {
	case sent && !f.outside:
		t.config = "data directory"
	case read:
		t.config = "server"
	default:
		t.config = "settings"
	}
	for _, name := range []string{"postgresql.conf", "pg_hba.conf", "pg_ident.conf"} {
		if _, there := t.got[name]; !there {
			if err := t.addText(name, []byte(texts[name])); err != nil {
				return err
			}
		}
		if own, ok := f.files[name]; ok {
			if err := t.addText(originals+"/"+name, []byte(own)); err != nil {
				return err
			}
		}
	}
	return nil
}
