package pgbackup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// readBuffer is for the bulk of a base backup, whose messages have 32 KiB.
const readBuffer = 1 << 20

// maxMessage bounds the memory that one message may take, in bytes; the server
// sends none that is nearly as long.
const maxMessage = 16 << 20

// connectSQL opens a connection for queries.
func connectSQL(ctx context.Context, config *pgconn.Config) (*pgconn.PgConn, error) {
	conn, err := pgconn.ConnectConfig(ctx, config.Copy())
	if err != nil {
		return nil, explain(err)
	}
	return conn, nil
}

// connectReplication opens a connection for replication commands.
func connectReplication(ctx context.Context, config *pgconn.Config) (*pgconn.PgConn, error) {
	c := config.Copy()
	c.RuntimeParams["replication"] = "yes"
	c.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		f := pgproto3.NewFrontend(bufio.NewReaderSize(r, readBuffer), w)
		f.SetMaxBodyLen(maxMessage)
		return f
	}
	conn, err := pgconn.ConnectConfig(ctx, c)
	if err != nil {
		return nil, explain(err)
	}
	return conn, nil
}

// explain adds to an error of a connection what to do about it. The text of
// pgconn's error tells user, host and database, and no password.
func explain(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	switch pg.Code {
	case "28P01":
		return fmt.Errorf("%w; the password comes from Options.Password, PGPASSWORD, or the file that PGPASSFILE names, ~/.pgpass by default, which must not be readable by others", err)
	case "28000":
		return fmt.Errorf("%w; the role must exist with LOGIN, and pg_hba.conf needs a line for this user and address, for backups one with the word replication in place of the database: host replication USER ADDRESS scram-sha-256", err)
	case "42501":
		return fmt.Errorf("%w; the role needs REPLICATION: ALTER ROLE ... REPLICATION", err)
	case "53300":
		return fmt.Errorf("%w; raise max_wal_senders or max_connections, or end a connection that is not needed", err)
	case "53400":
		return fmt.Errorf("%w; raise max_replication_slots, or drop a slot that is not needed", err)
	}
	return err
}

// query returns the rows of a query as texts; NULL is "".
func query(ctx context.Context, conn *pgconn.PgConn, sql string) ([][]string, error) {
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, explain(err)
	}
	var rows [][]string
	for _, result := range results {
		for _, row := range result.Rows {
			texts := make([]string, len(row))
			for i, value := range row {
				texts[i] = string(value)
			}
			rows = append(rows, texts)
		}
	}
	return rows, nil
}

// one returns the single row of a query.
func one(ctx context.Context, conn *pgconn.PgConn, sql string) ([]string, error) {
	rows, err := query(ctx, conn, sql)
	if err == nil && len(rows) != 1 {
		err = fmt.Errorf("%s gave %d rows, want 1", sql, len(rows))
	}
	if err != nil {
		return nil, err
	}
	return rows[0], nil
}
