// Command guard runs one server of package testenv and removes every trace of
// it when its standard input ends. Package internal/guard describes how.
package main

import (
	"fmt"
	"os"

	"github.com/masaruk/devops/internal/testenv/internal/guard"
)

func main() {
	if err := guard.Serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "guard:", err)
		os.Exit(1)
	}
}
