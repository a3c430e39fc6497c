package pglog

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// migrations are the steps to the schema of today, in order. One that was
// released is never changed: later ones follow it.
func migrations() []string {
	return []string{
		`CREATE TABLE %s.record (
			stream text COLLATE "C" NOT NULL,
			seq bigint NOT NULL CHECK (seq > 0),
			rec bytea NOT NULL,
			PRIMARY KEY (stream, seq)
		);
		CREATE TABLE %s.head (
			stream text COLLATE "C" PRIMARY KEY,
			head text NOT NULL,
			kept_at timestamptz NOT NULL DEFAULT now()
		)`,
	}
}

// Migrate makes the tables of a [Log] and an [Anchor], or brings them up to
// date, in one transaction. Of several that call it at the same time one does
// it and the others wait. A schema that a newer version of this package made
// is an error and stays as it is. What it has to do needs the rights to create
// schemas in the database and tables in the schema; a schema that exists
// already, made by somebody with the rights, is used.
func Migrate(ctx context.Context, db DB, opts *Options) error {
	d, err := open(db, opts)
	if err != nil {
		return err
	}
	if err := d.transact(ctx, writing, d.migrate); err != nil {
		return &Error{Op: "migrate schema " + d.schema, Err: err}
	}
	return nil
}

func (d database) migrate(ctx context.Context, tx pgx.Tx) error {
	// Ends with the transaction.
	const lock = `SELECT pg_advisory_xact_lock(hashtextextended('devops run log ' || $1::text, 0))`
	if _, err := tx.Exec(ctx, lock, unnamed, d.schema); err != nil {
		return err
	}
	// Without this question a role could not migrate nothing.
	const there = `SELECT to_regnamespace($1::text) IS NOT NULL, to_regclass($1::text || '.migration') IS NOT NULL`
	var schema, table bool
	if err := tx.QueryRow(ctx, there, unnamed, d.schema).Scan(&schema, &table); err != nil {
		return err
	}
	if !schema {
		if _, err := tx.Exec(ctx, d.sql(`CREATE SCHEMA %s`)); err != nil {
			return err
		}
	}
	if !table {
		const create = `CREATE TABLE %s.migration (version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`
		if _, err := tx.Exec(ctx, d.sql(create)); err != nil {
			return err
		}
	}
	return d.upgrade(ctx, tx)
}

// upgrade applies what was not applied yet.
func (d database) upgrade(ctx context.Context, tx pgx.Tx) error {
	var version int
	if err := tx.QueryRow(ctx, d.sql(`SELECT coalesce(max(version), 0) FROM %s.migration`), unnamed).Scan(&version); err != nil {
		return err
	}
	steps := migrations()
	if version > len(steps) {
		return fmt.Errorf("the schema has version %d, this program knows %d; update the program", version, len(steps))
	}
	for ; version < len(steps); version++ {
		if _, err := tx.Exec(ctx, d.sql(steps[version])); err != nil {
			return fmt.Errorf("to version %d: %w", version+1, err)
		}
		if _, err := tx.Exec(ctx, d.sql(`INSERT INTO %s.migration (version) VALUES ($1::integer)`), unnamed, int32(version+1)); err != nil {
			return err
		}
	}
	return nil
}
