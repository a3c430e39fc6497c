package runlogtest

import (
	"context"

	"github.com/masaruk/devops/deploy"
)

// Checks returns the names of the checks of every log, and of a Pruner.
func Checks() (all, pruner []string) { return namesOf(checks()), namesOf(pruneChecks()) }

func namesOf(checks []check) []string {
	var names []string
	for _, c := range checks {
		names = append(names, c.name)
	}
	return names
}

// Prove runs one check and returns what it reports.
func Prove(ctx context.Context, name string, newLog func() (deploy.Log, error)) error {
	for _, c := range append(checks(), pruneChecks()...) {
		if c.name == name {
			return c.prove(ctx, newLog)
		}
	}
	panic("no check " + name)
}

// ProveProcesses runs one check of [RunProcesses] and returns what it reports.
func ProveProcesses(ctx context.Context, name string, newLog func() (deploy.Log, error), o ProcessOptions) error {
	if name == "prune" {
		return prunedProcesses(ctx, newLog, o, 1)
	}
	return processChecks()[name](ctx, newLog, o, 1)
}
