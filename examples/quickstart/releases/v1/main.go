// Command v1 is the first release.
package main

import "github.com/masaruk/devops/examples/quickstart/service"

func main() { service.Run(service.Options{}) }
