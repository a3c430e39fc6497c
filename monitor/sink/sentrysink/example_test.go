package sentrysink_test

import (
	"context"
	"fmt"
	"time"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/monitor/sink/sentrysink"
	"github.com/masaruk/devops/secrets"
)

// Without a DSN the sink is disabled, and everything runs all the same.
func ExampleNew() {
	ctx := context.Background()
	sink, err := sentrysink.New(envconfig.Development(), secrets.New(""), nil)
	if err != nil {
		panic(err)
	}
	defer sink.Close(ctx)
	drill, err := sink.Job("restore-drill", &sentrysink.JobOptions{Every: 7 * 24 * time.Hour, MaxRuntime: time.Hour})
	if err != nil {
		panic(err)
	}
	err = drill.Run(ctx, func(context.Context) error {
		fmt.Println("restored")
		return nil
	})
	fmt.Println(err, sink.Enabled())
	// Output:
	// restored
	// <nil> false
}
