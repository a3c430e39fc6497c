package executortest

import (
	"context"
	"fmt"
	"time"

	"github.com/masaruk/devops/deploy"
)

// Names lists the checks of the kit.
func Names() []string {
	var names []string
	for _, c := range checks() {
		names = append(names, c.name)
	}
	return names
}

// Prove runs one check and returns what it reports.
func Prove(ctx context.Context, name string, newExecutor func() (deploy.Executor, error), limit time.Duration) error {
	for _, c := range checks() {
		if c.name == name {
			return c.prove(ctx, newExecutor, limit)
		}
	}
	return fmt.Errorf("the kit has no check named %q", name)
}

// FenceNames lists the checks of a fence.
func FenceNames() []string {
	var names []string
	for _, c := range fenceChecks() {
		names = append(names, c.name)
	}
	return names
}

// ProveFencer runs one check of a fence and returns what it reports.
func ProveFencer(ctx context.Context, name string, newFencer func() (deploy.Fencer, error), limit time.Duration) error {
	for _, c := range fenceChecks() {
		if c.name == name {
			return c.prove(ctx, newFencer, limit)
		}
	}
	return fmt.Errorf("the kit has no check named %q", name)
}
