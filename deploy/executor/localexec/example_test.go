//go:build unix

package localexec_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/secrets"
)

func ExampleNew() {
	ex, err := localexec.New(&localexec.Options{Inherit: []string{"PATH"}})
	if err != nil {
		panic(err)
	}
	res, err := ex.Run(context.Background(), deploy.Command{
		Argv:    []string{"/bin/sh", "-c", `echo "$GREETING, a token of ${#TOKEN} characters"`},
		Env:     map[string]string{"GREETING": "hello"},
		Secrets: map[string]secrets.Value{"TOKEN": secrets.New("9c1f4e2ab7")},
	})
	fmt.Printf("%s%v\n", res.Stdout, err)
	// Output:
	// hello, a token of 10 characters
	// <nil>
}

func ExampleExecutor_Run() {
	ex, err := localexec.New(nil)
	if err != nil {
		panic(err)
	}
	_, err = ex.Run(context.Background(), deploy.Command{Argv: []string{"/bin/sh", "-c", "echo 'no space left' >&2; exit 2"}})
	var exit *deploy.ExitError
	if errors.As(err, &exit) {
		fmt.Println(exit.Exit)
	}
	fmt.Println(err)
	// Output:
	// 2
	// /bin/sh: exit status 2: no space left
}

// A service goes on when the program has ended; what was stored of it is
// enough to stop it later.
func ExampleExecutor_Start() {
	ex, err := localexec.New(nil)
	if err != nil {
		panic(err)
	}
	log, err := os.CreateTemp("", "service-*.log")
	if err != nil {
		panic(err)
	}
	defer os.Remove(log.Name())
	ctx := context.Background()
	service, err := ex.Start(ctx, deploy.Command{Argv: []string{"sleep", "60"}}, log.Name())
	if err != nil {
		panic(err)
	}
	fmt.Println(localexec.Alive(service))
	killed, err := localexec.Stop(ctx, service, 5*time.Second)
	fmt.Println(killed, err, localexec.Alive(service))
	// Output:
	// true
	// false <nil> false
}
