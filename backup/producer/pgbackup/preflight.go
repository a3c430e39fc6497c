package pgbackup

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// MinVersion is the oldest server that is supported: the answers of older ones
// have another form.
const MinVersion = 150000

// facts are what is known of a server before its backup.
type facts struct {
	version     int
	system      string
	segment     int64
	checksums   bool
	standby     bool
	replication bool // the role may
	settings    map[string]string
	managed     string // the service's name; empty is none
	collations  map[string]string
	// files are the configuration files that are not in the data directory, by
	// name: nil where the role may not read them.
	files map[string]string
	// synthesised is a postgresql.conf made of the settings in force.
	synthesised string
	outside     bool // configuration is outside of the data directory
}

// Preflight tells whether the server can be backed up, with every reason why
// not in one error. It changes nothing.
func (p *Producer) Preflight(ctx context.Context) error {
	f, err := p.preflight(ctx)
	if err == nil {
		err = f.refuse()
	}
	if err == nil { // pg_hba.conf has lines of its own for it
		var conn *pgconn.PgConn
		if conn, err = connectReplication(ctx, p.config); err == nil {
			err = conn.Close(ctx)
		}
	}
	if err != nil {
		return fmt.Errorf("preflight of %s: %w", p.server(), err)
	}
	return nil
}

func (p *Producer) preflight(ctx context.Context) (*facts, error) {
	conn, err := connectSQL(ctx, p.config)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	f := &facts{settings: map[string]string{}, collations: map[string]string{}}
	row, err := one(ctx, conn, `SELECT current_setting('server_version_num'), pg_is_in_recovery(),
		(SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user)`)
	if err != nil {
		return nil, err
	}
	if f.version, err = strconv.Atoi(row[0]); err != nil {
		return nil, err
	}
	f.standby, f.replication = row[1] == "t", row[2] == "t"
	if f.version < MinVersion {
		return f, nil // what follows may not be there
	}
	for _, load := range []func(context.Context, *pgconn.PgConn) error{f.loadSettings, f.loadCluster, f.loadCollations, f.loadConfiguration} {
		if err := load(ctx, conn); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *facts) loadSettings(ctx context.Context, conn *pgconn.PgConn) error {
	rows, err := query(ctx, conn, `SELECT name, setting FROM pg_settings WHERE name IN ('wal_level', 'max_wal_senders',
		'max_replication_slots', 'wal_segment_size', 'data_checksums', 'full_page_writes', 'fsync')
		UNION ALL SELECT 'managed', rolname FROM pg_roles WHERE rolname IN ('rds_superuser', 'cloudsqlsuperuser', 'azure_pg_admin')`)
	if err != nil {
		return err
	}
	for _, row := range rows {
		f.settings[row[0]] = row[1]
	}
	f.checksums = f.settings["data_checksums"] == "on"
	f.managed = map[string]string{"rds_superuser": "Amazon RDS", "cloudsqlsuperuser": "Google Cloud SQL", "azure_pg_admin": "Azure Database"}[f.settings["managed"]]
	f.segment, err = strconv.ParseInt(f.settings["wal_segment_size"], 10, 64)
	if err == nil && (f.segment < 1<<20 || f.segment > 1<<30) {
		err = fmt.Errorf("wal_segment_size is %d", f.segment)
	}
	return err
}

func (f *facts) loadCluster(ctx context.Context, conn *pgconn.PgConn) error {
	row, err := one(ctx, conn, "SELECT system_identifier FROM pg_control_system()")
	if err == nil {
		f.system = row[0]
	}
	return err
}

func (f *facts) loadCollations(ctx context.Context, conn *pgconn.PgConn) error {
	rows, err := query(ctx, conn, "SELECT datname, datcollversion FROM pg_database WHERE datcollversion IS NOT NULL")
	for _, row := range rows {
		f.collations[row[0]] = row[1]
	}
	return err
}

// refuse lists every reason why there can be no backup.
func (f *facts) refuse() error {
	if f.version < MinVersion {
		return fmt.Errorf("the server has version %d; %d and newer are supported", f.version/10000, MinVersion/10000)
	}
	var errs []error
	add := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	add(f.managed != "", "it is a managed service (%s), which lets nobody copy its files; use its own snapshots, and a logical dump beside them", f.managed)
	add(f.standby, "it is a standby; backups of standbys are not supported yet: give the connection of the primary")
	add(!f.replication, "the role lacks REPLICATION: ALTER ROLE ... REPLICATION")
	level := f.settings["wal_level"]
	add(level != "replica" && level != "logical", "wal_level is %q; set it to replica and restart the server", level)
	senders, _ := strconv.Atoi(f.settings["max_wal_senders"])
	add(senders < 1, "max_wal_senders is %d; set it to 2 or more and restart the server", senders)
	slots, _ := strconv.Atoi(f.settings["max_replication_slots"])
	add(slots < 1, "max_replication_slots is %d; set it to 1 or more and restart the server", slots)
	return errors.Join(errs...)
}

// configurationSettings are the settings that name files, or hold only where the
// server was.
const leftOut = `'config_file', 'hba_file', 'ident_file', 'data_directory', 'external_pid_file', 'unix_socket_directories',
	'stats_temp_directory', 'log_directory', 'ssl', 'ssl_cert_file', 'ssl_key_file', 'ssl_ca_file', 'ssl_crl_file', 'ssl_crl_dir',
	'ssl_dh_params_file', 'krb_server_keyfile', 'ssl_passphrase_command', 'primary_conninfo', 'primary_slot_name', 'restore_command',
	'archive_command', 'archive_cleanup_command', 'recovery_end_command'`

// loadConfiguration reads the configuration where it is outside of the data
// directory, from which the server sends it along.
func (f *facts) loadConfiguration(ctx context.Context, conn *pgconn.PgConn) error {
	row, err := one(ctx, conn, `SELECT has_function_privilege('pg_read_file(text)', 'execute'),
		pg_has_role(current_user, 'pg_read_all_settings', 'usage')`)
	if err != nil {
		return err
	}
	mayRead, maySee := row[0] == "t", row[1] == "t"
	if !maySee { // the names of the files are hidden
		f.outside = true // perhaps; what the server sends wins
		return f.synthesise(ctx, conn)
	}
	row, err = one(ctx, conn, `SELECT starts_with(current_setting('config_file'), current_setting('data_directory') || '/')`)
	if err != nil || row[0] == "t" {
		return err
	}
	f.outside = true
	if err := f.synthesise(ctx, conn); err != nil || !mayRead {
		return err
	}
	row, err = one(ctx, conn, `SELECT pg_read_file(current_setting('config_file')), pg_read_file(current_setting('hba_file')),
		pg_read_file(current_setting('ident_file'), 0, 10000000, true)`)
	if err == nil {
		f.files = map[string]string{"postgresql.conf": row[0], "pg_hba.conf": row[1], "pg_ident.conf": row[2]}
	}
	return err
}

// synthesise writes the settings in force that do not come with the data
// directory.
func (f *facts) synthesise(ctx context.Context, conn *pgconn.PgConn) error {
	rows, err := query(ctx, conn, `SELECT name, current_setting(name) FROM pg_settings
		WHERE source = 'configuration file' AND coalesce(sourcefile, '') NOT LIKE '%/postgresql.auto.conf'
		AND name NOT IN (`+leftOut+`) ORDER BY name`)
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("# Made by a backup of the settings that were in force. Left out is what names\n" +
		"# files or servers of the place where it was made, such as certificates, sockets\n# and the archive command.\n")
	for _, row := range rows {
		fmt.Fprintf(&b, "%s = '%s'\n", row[0], strings.NewReplacer(`'`, `''`, `\`, `\\`).Replace(row[1]))
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

// configure adds the configuration where the server did not send it, so that
// the restored folder starts by itself.
func (t *transfer) configure() error {
	if _, sent := t.got["postgresql.conf"]; sent {
		t.config = "data directory"
		return nil
	}
	t.config = "settings"
	texts := map[string]string{"postgresql.conf": t.facts.synthesised, "pg_hba.conf": hba, "pg_ident.conf": ""}
	if t.facts.files != nil {
		t.config = "server"
		texts["pg_hba.conf"], texts["pg_ident.conf"] = t.facts.files["pg_hba.conf"], t.facts.files["pg_ident.conf"]
	}
	for _, name := range []string{"postgresql.conf", "pg_hba.conf", "pg_ident.conf"} {
		if err := t.addText(name, []byte(texts[name])); err != nil {
			return err
		}
		if t.facts.files == nil {
			continue
		}
		if err := t.addText(originals+"/"+name, []byte(t.facts.files[name])); err != nil {
			return err
		}
	}
	return nil
}
