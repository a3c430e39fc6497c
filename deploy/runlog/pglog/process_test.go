package pglog_test

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/pglog"
	"github.com/masaruk/devops/deploy/runlogtest"
)

const dsnVar = "PGLOG_TEST_DSN" // of a private server without a password

func TestMain(m *testing.M) {
	runlogtest.Child(func() (deploy.Log, error) {
		config, err := pgx.ParseConfig(os.Getenv(dsnVar))
		if err != nil {
			return nil, err
		}
		db, err := pglog.NewDialer(config)
		if err != nil {
			return nil, err
		}
		return pglog.New(db, nil)
	})
	os.Exit(m.Run())
}

func TestProcesses(t *testing.T) {
	dsn := database(t, 15)
	l := newLog(t, dialer(t, dsn))
	runlogtest.RunProcesses(t, func() (deploy.Log, error) { return l, nil }, &runlogtest.ProcessOptions{Env: []string{dsnVar + "=" + dsn}})
}
