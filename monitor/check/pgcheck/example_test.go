package pgcheck_test

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/masaruk/devops/monitor/check/pgcheck"
)

func ExampleNew() {
	config, err := pgx.ParseConfig("postgres://monitor@127.0.0.1:1/app") // where nobody listens
	if err != nil {
		fmt.Println(err)
		return
	}
	db, err := pgcheck.New(config, &pgcheck.Options{
		Standbys:    []string{"replica1"},
		Transaction: pgcheck.Limits{Warn: 60, Fail: 600},
		Deadlocks:   pgcheck.Limits{Warn: -1}, // none of this check's business
		Timeout:     2 * time.Second,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := db.Check(context.Background())
	fmt.Println(r.Status, r.Detail)
	// Output: fail no connection
}
