package testenv_test

import (
	"context"
	"fmt"
	"log"

	"github.com/masaruk/devops/internal/testenv"
)

// A program that is not a test starts what it needs and closes it.
func ExampleStart() {
	ctx := context.Background()
	env, err := testenv.Start(ctx, testenv.Options{
		Postgres: []testenv.PostgresOptions{{Major: 15}},
		S3:       []testenv.S3Options{{TLS: true}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer env.Close()
	rows, err := env.Postgres[0].Query(ctx, "postgres", "SHOW server_version")
	if err != nil {
		log.Print(err)
		return
	}
	fmt.Println(rows, env.S3[0].Endpoint)
}
