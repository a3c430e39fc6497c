package slogsink_test

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"github.com/masaruk/devops/monitor"
	"github.com/masaruk/devops/monitor/sink/slogsink"
)

func ExampleNew() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, nil))
	sink, err := slogsink.New(logger, nil)
	if err != nil {
		panic(err)
	}
	// A monitor does this.
	err = sink.Send(context.Background(), []monitor.Transition{{
		Seq: 3, Check: "postgres", Kind: monitor.AlertOpened, From: monitor.Fail, To: monitor.Fail,
		Result: monitor.Result{Status: monitor.Fail, Err: errors.New("connection refused")}, Owner: "shop",
	}})
	if err != nil {
		panic(err)
	}
	// Output:
	// level=ERROR msg="monitor transition" kind=alert_opened check=postgres from=fail to=fail seq=3 error="connection refused" owner=shop
}
