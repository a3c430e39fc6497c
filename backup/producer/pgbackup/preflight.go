package pgbackup

import (
	"context"
	"errors"
	"fmt"
	"strconv"

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
	owner       string // the first superuser
	warnings    []string
	configuration
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
	row, err := one(ctx, conn, `SELECT current_setting('server_version_num'), pg_is_in_recovery(), rolreplication OR rolsuper, rolsuper,
		(SELECT rolname FROM pg_roles WHERE oid = 10) FROM pg_roles WHERE rolname = current_user`)
	if err != nil {
		return nil, err
	}
	if f.version, err = strconv.Atoi(row[0]); err != nil {
		return nil, err
	}
	f.standby, f.replication, f.owner = row[1] == "t", row[2] == "t", row[4]
	super := row[3] == "t"
	if f.version < MinVersion {
		return f, nil // what follows may not be there
	}
	for _, load := range []func(context.Context, *pgconn.PgConn) error{f.loadSettings, f.loadCluster, f.loadCollations, f.loadConfiguration} {
		if err := load(ctx, conn); err != nil {
			return nil, err
		}
	}
	if super { // which no such service gives to anybody
		f.managed = ""
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

// same makes sure that the connection for replication leads to the same server,
// where the connection string names several or a balancer stands between.
func (f *facts) same(ctx context.Context, conn *pgconn.PgConn) error {
	row, err := one(ctx, conn, "IDENTIFY_SYSTEM")
	if err == nil && row[0] != f.system {
		err = fmt.Errorf("the connection for replication leads to the cluster %s, the other one to %s: give the connection of one server", row[0], f.system)
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
