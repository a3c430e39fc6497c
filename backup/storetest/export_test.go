package storetest

import (
	"context"

	"github.com/masaruk/devops/backup"
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
func Prove(ctx context.Context, name string, newStore func() (backup.Store, error), opts *Options) error {
	for _, c := range checks() {
		if c.name == name {
			return c.prove(ctx, newStore, opts)
		}
	}
	panic("no check " + name)
}
