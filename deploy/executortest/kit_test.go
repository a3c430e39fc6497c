package executortest_test

import (
	"testing"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/deploy/executortest"
)

func newLocal() (deploy.Executor, error) { return localexec.New(nil) }

func TestLocal(t *testing.T) { executortest.Run(t, newLocal) }
