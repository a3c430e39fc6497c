package pgbackup

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// ask fills the proof, and fails where the server is not the one of the backup,
// or has not reached its end.
func (p *proving) ask(ctx context.Context, conn *pgconn.PgConn, proof *Proof) error {
	row, err := one(ctx, conn, `SELECT current_setting('server_version_num'), pg_is_in_recovery(),
		(SELECT system_identifier FROM pg_control_system()), current_setting('data_checksums')`)
	if err != nil {
		return err
	}
	if proof.Version, err = strconv.Atoi(row[0]); err != nil {
		return err
	}
	if row[1] == "t" {
		return errors.New("the server is in recovery: a standby.signal or recovery.signal is in the folder")
	}
	if row[2] != p.details.System {
		return fmt.Errorf("the data are of the cluster %s, and the backup is of %s", row[2], p.details.System)
	}
	proof.Checksums = row[3] == "on"
	end, err := one(ctx, conn, "SELECT pg_current_wal_lsn()")
	if err != nil {
		return err
	}
	if proof.End, err = ParseLSN(end[0]); err != nil {
		return err
	}
	if proof.End < p.details.Stop {
		return fmt.Errorf("the server's write-ahead log ends at %s, before the end of the backup at %s", proof.End, p.details.Stop)
	}
	return p.databases(ctx, conn, proof)
}

func (p *proving) databases(ctx context.Context, conn *pgconn.PgConn, proof *Proof) error {
	rows, err := query(ctx, conn, `SELECT datname, datcollversion, pg_database_collation_actual_version(oid)
		FROM pg_database WHERE datallowconn AND datconnlimit <> -2 ORDER BY datname`) // -2 was being dropped
	if err != nil {
		return err
	}
	for _, row := range rows {
		name := row[0]
		proof.Databases = append(proof.Databases, name)
		if row[1] != "" && row[1] != row[2] {
			proof.Collations = append(proof.Collations, fmt.Sprintf("%s: the default, %s, here %s", name, row[1], row[2]))
		}
		if err := p.database(ctx, name, proof); err != nil {
			return fmt.Errorf("database %s: %w", name, err)
		}
	}
	return nil
}

func (p *proving) database(ctx context.Context, name string, proof *Proof) error {
	conn, err := pgconn.Connect(ctx, p.conninfo(name))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := query(ctx, conn, `SELECT collname, collversion, pg_collation_actual_version(oid) FROM pg_collation
		WHERE collversion IS NOT NULL AND collversion <> coalesce(pg_collation_actual_version(oid), '') ORDER BY collname`)
	if err != nil {
		return err
	}
	for _, row := range rows {
		proof.Collations = append(proof.Collations, fmt.Sprintf("%s: %s, %s, here %s", name, row[0], row[1], row[2]))
	}
	rows, err = query(ctx, conn, `SELECT extname, extversion FROM pg_extension
		WHERE extname NOT IN (SELECT name FROM pg_available_extensions) ORDER BY extname`)
	for _, row := range rows {
		proof.Extensions = append(proof.Extensions, fmt.Sprintf("%s: %s %s", name, row[0], row[1]))
	}
	return err
}
