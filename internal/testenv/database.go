package testenv

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
)

// shared holds the PostgreSQL servers that the tests of one binary share, by
// major version. It is the package's only variable: a test binary has no
// other place that lives exactly as long as it does. Nobody closes them; the
// guards do when the process has ended.
var shared struct {
	sync.Mutex
	postgres map[int]*PostgresServer
}

// Database gives the test an empty database of its own on a PostgreSQL server
// that the tests of this process share, and returns the server with the
// database's name. The test must not kill or configure the server. The
// database is dropped when the test ends.
func Database(t TB, major int) (*PostgresServer, string) {
	t.Helper()
	p, err := sharedPostgres(t.Context(), major)
	if err != nil {
		giveUp(t, err)
		return nil, ""
	}
	name := "test_" + strings.ToLower(rand.Text())
	if _, err := p.Query(t.Context(), "postgres", "CREATE DATABASE "+name); err != nil {
		t.Fatalf("%s: make a database: %v", p.name, err)
		return nil, ""
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("server log, shared with other tests:\n%s", p.Log())
		}
		// The test's own context has ended by now.
		ctx, cancel := context.WithTimeout(context.Background(), startLimit)
		defer cancel()
		if _, err := p.Query(ctx, "postgres", "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("%s: drop database %s: %v", p.name, name, err)
		}
	})
	return p, name
}

func sharedPostgres(ctx context.Context, major int) (*PostgresServer, error) {
	shared.Lock()
	defer shared.Unlock()
	if p := shared.postgres[major]; p != nil {
		if !isClosed(p.Gone()) {
			return p, nil
		}
		if err := p.Close(); err != nil { // a test killed it against the rule
			return nil, err
		}
		delete(shared.postgres, major)
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	p, err := startPostgres(ctx, PostgresOptions{Major: major})
	if err != nil {
		return nil, err
	}
	if shared.postgres == nil {
		shared.postgres = map[int]*PostgresServer{}
	}
	shared.postgres[major] = p
	return p, nil
}
