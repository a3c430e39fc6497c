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
