package pgbackup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/masaruk/devops/secrets"
)

// readBuffer is for the bulk of a base backup, whose messages have 32 KiB.
const readBuffer = 1 << 20

// parse reads the connection string. A password in it is refused: it would be
// in the list of processes, in shell histories and in logs.
func parse(conninfo string, password secrets.Value) (*pgconn.Config, error) {
	config, err := pgconn.ParseConfig(conninfo)
	if err != nil { // the text of the error may show the string
		return nil, errors.New(`the connection string is neither of the form "host=... user=..." nor of "postgres://user@host/"`)
	}
	if holdsPassword(conninfo) {
		return nil, errors.New("the connection string holds a password, which whoever lists the processes can read: give it as Options.Password, or by PGPASSWORD, PGPASSFILE or ~/.pgpass")
	}
	if !password.IsZero() {
		config.Password = password.Reveal()
	}
	config.RuntimeParams["application_name"] = "devops backup"
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 30 * time.Second
	}
	return config, nil
}

// holdsPassword finds a password that the string itself gives, and not the
// environment: it is parsed again with another in its place.
func holdsPassword(conninfo string) bool {
	if rest, ok := strings.CutPrefix(conninfo, "postgres"); ok {
		if _, rest, ok = strings.Cut(rest, "://"); ok {
			authority, query, _ := strings.Cut(rest, "?")
			user, _, found := strings.Cut(authority, "@")
			return found && strings.Contains(user, ":") || strings.Contains("&"+query, "&password=")
		}
	}
	key := conninfo
	for {
		i := strings.Index(key, "password")
		if i < 0 {
			return false
		}
		before, after := key[:i], strings.TrimLeft(key[i+len("password"):], " \t\n")
		if strings.HasPrefix(after, "=") && (before == "" || strings.ContainsAny(before[len(before)-1:], " \t\n'")) {
			return true
		}
		key = key[i+len("password"):]
	}
}

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
		return pgproto3.NewFrontend(bufio.NewReaderSize(r, readBuffer), w)
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
	case "28000":
		return fmt.Errorf("%w; pg_hba.conf needs a line for this user and address, for backups one with the word replication in place of the database: host replication USER ADDRESS scram-sha-256", err)
	case "42501":
		return fmt.Errorf("%w; the role needs REPLICATION: ALTER ROLE ... REPLICATION", err)
	case "53300":
		return fmt.Errorf("%w; raise max_wal_senders, or end a connection that is not needed", err)
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
