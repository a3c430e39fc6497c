package runlogtest

import (
	"context"

	"github.com/masaruk/devops/deploy"
)

// Checks returns the names of the checks.
func Checks() []string {
	var names []string
	for _, c := range checks() {
		names = append(names, c.name)
	}
	return names
}

// Prove runs one check and returns what it reports.
func Prove(ctx context.Context, name string, newLog func() (deploy.Log, error)) error {
	for _, c := range checks() {
		if c.name == name {
			return c.prove(ctx, newLog)
		}
	}
	panic("no check " + name)
}

// ProveProcesses runs one check of [RunProcesses] and returns what it reports.
func ProveProcesses(ctx context.Context, name string, newLog func() (deploy.Log, error), o ProcessOptions) error {
	return processChecks()[name](ctx, newLog, o, 1)
}
