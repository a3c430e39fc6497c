package s3log_test

import (
	"net/http"
	"os"
	"testing"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/s3log"
	"github.com/masaruk/devops/deploy/runlogtest"
	"github.com/masaruk/devops/internal/testenv"
)

func TestMain(m *testing.M) {
	runlogtest.Child(func() (deploy.Log, error) {
		c := client(&testenv.S3Server{
			Endpoint: os.Getenv("S3LOG_TEST_ENDPOINT"), Region: os.Getenv("S3LOG_TEST_REGION"),
			AccessKey: os.Getenv("S3LOG_TEST_KEY"), SecretKey: os.Getenv("S3LOG_TEST_SECRET"),
		}, over(http.DefaultTransport))
		return s3log.New(c, "ops", &s3log.Options{Prefix: "runlog/"})
	})
	os.Exit(m.Run())
}

func TestProcesses(t *testing.T) {
	s := server(t, false)
	l := newLog(t, client(s))
	runlogtest.RunProcesses(t, func() (deploy.Log, error) { return l, nil }, &runlogtest.ProcessOptions{Env: []string{
		"S3LOG_TEST_ENDPOINT=" + s.Endpoint, "S3LOG_TEST_REGION=" + s.Region, "S3LOG_TEST_KEY=" + s.AccessKey, "S3LOG_TEST_SECRET=" + s.SecretKey,
	}})
}
