//go:build unix

package pgbackup_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/testenv"
)

// load is what other clients do to a server meanwhile. Each kind of it is
// counted, and the transfers that were acknowledged are kept in a ledger of our
// own.
type load struct {
	p      *testenv.PostgresServer
	stop   context.CancelFunc
	group  sync.WaitGroup
	mu     sync.Mutex
	count  map[string]int
	ledger []int
	errs   []error
}

const accounts, tellers, branches = 2000, 20, 2

// prepare makes the tables of TPC-B, and what else the load touches.
func prepare(t *testing.T, p *testenv.PostgresServer) {
	t.Helper()
	space := filepath.Join(p.Dir(), "space")
	require.NoError(t, os.Mkdir(space, 0o700))
	require.NoError(t, p.Own(space))
	sql(t, p,
		fmt.Sprintf("CREATE TABLE branches AS SELECT n AS id, 0 AS balance FROM generate_series(1, %d) AS n", branches),
		fmt.Sprintf("CREATE TABLE tellers AS SELECT n AS id, 0 AS balance FROM generate_series(1, %d) AS n", tellers),
		fmt.Sprintf("CREATE TABLE accounts AS SELECT n AS id, 0 AS balance, repeat('x', 80) AS filler FROM generate_series(1, %d) AS n", accounts),
		"ALTER TABLE accounts ADD PRIMARY KEY (id)",
		"CREATE TABLE history (id int PRIMARY KEY, account int, delta int)",
		"CREATE TABLE big AS SELECT n, md5(n::text) AS text FROM generate_series(1, 150000) AS n",
		"CREATE INDEX ON big (text)",
		"CREATE UNLOGGED TABLE fleeting AS SELECT 1 AS n",
		"CREATE TABLE truncated AS SELECT generate_series(1, 1000) AS n",
		"CREATE TABLE rewritten AS SELECT generate_series(1, 1000) AS n",
		"CREATE TABLESPACE elsewhere LOCATION '"+space+"'",
		"CREATE TABLE moved TABLESPACE elsewhere AS SELECT generate_series(1, 50000) AS n",
	)
	if exhaustive() { // of more than one file of 1 GiB
		sql(t, p, "CREATE TABLE huge (n int, text text)", "ALTER TABLE huge ALTER text SET STORAGE plain",
			"INSERT INTO huge SELECT n, repeat('x', 7900) FROM generate_series(1, 140000) AS n")
	}
}

// begin starts the load.
func begin(t *testing.T, p *testenv.PostgresServer) *load {
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	l := &load{p: p, stop: stop, count: map[string]int{}}
	t.Cleanup(func() { l.end(t) })
	for kind, step := range map[string]func(context.Context, int) error{
		"transfer": l.transfer,
		"database": func(ctx context.Context, n int) error {
			return l.run(ctx, fmt.Sprintf("CREATE DATABASE passing%d", n), fmt.Sprintf("DROP DATABASE passing%d", n))
		},
		"truncate": func(ctx context.Context, n int) error {
			return l.run(ctx, "TRUNCATE truncated", fmt.Sprintf("INSERT INTO truncated SELECT generate_series(1, %d)", 500+n%500))
		},
		"vacuum": func(ctx context.Context, _ int) error {
			return l.run(ctx, "UPDATE rewritten SET n = n + 1", "VACUUM FULL rewritten")
		},
		"objects": func(ctx context.Context, n int) error {
			return l.run(ctx, fmt.Sprintf("SELECT lo_from_bytea(0, decode(md5('%d'), 'hex'))", n))
		},
		"unlogged": func(ctx context.Context, n int) error {
			return l.run(ctx, "INSERT INTO fleeting VALUES (1)", fmt.Sprintf("CREATE UNLOGGED TABLE passing%d AS SELECT 1 AS n", n), fmt.Sprintf("DROP TABLE passing%d", n))
		},
		"switch": func(ctx context.Context, _ int) error { return l.run(ctx, "SELECT pg_switch_wal()") },
	} {
		l.group.Go(func() { l.loop(ctx, kind, step) })
	}
	return l
}

func (l *load) loop(ctx context.Context, kind string, step func(context.Context, int) error) {
	pause := map[string]time.Duration{"switch": 2 * time.Second, "database": time.Second, "transfer": time.Millisecond}[kind]
	for n := 0; ctx.Err() == nil; n++ {
		err := step(context.WithoutCancel(ctx), n)
		l.mu.Lock()
		l.count[kind]++
		if err != nil {
			l.errs = append(l.errs, fmt.Errorf("%s: %w", kind, err))
		}
		l.mu.Unlock()
		if err != nil {
			return
		}
		select { // or there would be little but the heavy ones
		case <-ctx.Done():
		case <-time.After(cmp.Or(pause, 200*time.Millisecond)):
		}
	}
}

func (l *load) run(ctx context.Context, statements ...string) error {
	for _, text := range statements {
		if _, err := l.p.Query(ctx, "postgres", text); err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
	}
	return nil
}

// transfer is that of TPC-B. The ledger has it once it is acknowledged.
func (l *load) transfer(ctx context.Context, n int) error {
	account, delta := 1+rand.IntN(accounts), rand.IntN(2001)-1000
	err := l.run(ctx, fmt.Sprintf(`UPDATE accounts SET balance = balance + %[1]d WHERE id = %[2]d;
		UPDATE tellers SET balance = balance + %[1]d WHERE id = %[3]d; UPDATE branches SET balance = balance + %[1]d WHERE id = %[4]d;
		INSERT INTO history VALUES (%[5]d, %[2]d, %[1]d)`, delta, account, 1+rand.IntN(tellers), 1+rand.IntN(branches), n))
	if err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.ledger = append(l.ledger, n)
	}
	return err
}

// acknowledged returns how many transfers are, and so all below that number.
func (l *load) acknowledged() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.ledger)
}

func (l *load) counted() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.count)
}

// since fails unless each kind of load has happened since then.
func (l *load) since(t *testing.T, then map[string]int) {
	t.Helper()
	now := l.counted()
	kinds := slices.Sorted(maps.Keys(now))
	require.Len(t, kinds, 7)
	for _, kind := range kinds {
		require.Greater(t, now[kind], then[kind], "%s never happened meanwhile", kind)
	}
	t.Logf("meanwhile: %v before, %v after", then, now)
}

// end stops the load.
func (l *load) end(t *testing.T) {
	t.Helper()
	l.stop()
	l.group.Wait()
	require.Empty(t, l.errs)
}
