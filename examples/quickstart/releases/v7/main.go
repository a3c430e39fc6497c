// Command v7 is a good release after the bad ones.
package main

import "github.com/masaruk/devops/examples/quickstart/service"

func main() { service.Run(service.Options{}) }
