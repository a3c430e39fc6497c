package execlog_test

import (
	"context"
	"fmt"
	"os"

	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/deploy/runlog/execlog"
)

func ExampleNew() {
	dir, err := os.MkdirTemp("", "log")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	host, err := localexec.New(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	log, err := execlog.New(host, dir, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	if err := log.Append(ctx, "stg/api", 1, []byte(`{"step":"stage"}`)); err != nil {
		fmt.Println(err)
		return
	}
	for rec, err := range log.Read(ctx, "stg/api", 1) {
		fmt.Println(string(rec), err)
	}
	// Output: {"step":"stage"} <nil>
}
