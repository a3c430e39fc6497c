// Command v2 is a good release.
package main

import "github.com/masaruk/devops/examples/quickstart/service"

func main() { service.Run(service.Options{}) }
