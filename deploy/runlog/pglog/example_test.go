package pglog_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/pglog"
)

// A program without a pool connects for each append.
func ExampleNew() {
	open := func(ctx context.Context, dsn string) (*deploy.Runner, error) {
		config, err := pgx.ParseConfig(dsn)
		if err != nil {
			return nil, err
		}
		db, err := pglog.NewDialer(config)
		if err != nil {
			return nil, err
		}
		if err := pglog.Migrate(ctx, db, nil); err != nil {
			return nil, err
		}
		log, err := pglog.New(db, nil)
		if err != nil {
			return nil, err
		}
		return deploy.New(log, nil)
	}
	_, err := open(context.Background(), "postgres://deployer@127.0.0.1:1/ops") // where nobody listens
	var failure *pglog.Error
	if errors.As(err, &failure) {
		fmt.Println(failure.Op)
	}
	// Output: migrate schema "devops_runlog"
}

func ExampleNewAnchor() {
	config, err := pgx.ParseConfig("host=db.example.com user=auditor dbname=audit")
	if err != nil {
		fmt.Println(err)
		return
	}
	db, err := pglog.NewDialer(config)
	if err != nil {
		fmt.Println(err)
		return
	}
	anchor, err := pglog.NewAnchor(db, &pglog.Options{Schema: "heads"})
	if err != nil {
		fmt.Println(err)
		return
	}
	options := deploy.Options{Anchor: anchor}
	fmt.Println(options.Anchor != nil)
	// Output: true
}
