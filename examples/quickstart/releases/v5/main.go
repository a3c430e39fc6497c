// Command v5 is a bad release: it listens and fails its health check.
package main

import (
	"errors"

	"github.com/masaruk/devops/examples/quickstart/service"
)

func main() {
	service.Run(service.Options{Healthy: func() error { return errors.New("the queue cannot be reached") }})
}
