package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/masaruk/devops/internal/testenv"
)

// aptEnv keeps apt and the packages' scripts from asking questions, and keeps
// configuration files as they are.
var aptEnv = []string{"DEBIAN_FRONTEND=noninteractive", "UCF_FORCE_CONFFOLD=1"}

// dpkgRepair finishes what an interrupted installation left half done.
func dpkgRepair() []string { return []string{"dpkg", "--configure", "-a", "--force-confold"} }

// aptUpdate and aptInstall are the command lines of apt.
func aptUpdate() []string {
	return []string{"apt-get", "-q", "-o", "DPkg::Lock::Timeout=600", "update"}
}

func aptInstall(packages []string) []string {
	return append([]string{
		"apt-get", "-q", "-y", "--no-install-recommends",
		"-o", "DPkg::Lock::Timeout=600", "-o", "Dpkg::Options::=--force-confold",
		"install", "--",
	}, packages...)
}

// debianStep installs the Debian packages that are missing.
func debianStep(b *bench) step {
	return step{"install Debian packages", func(ctx context.Context, log io.Writer) outcome {
		reqs, err := testenv.Requirements()
		if err != nil {
			return result(err)
		}
		needs := missingPackages(reqs, onPath)
		if len(needs.packages) == 0 {
			return remark("nothing is missing")
		}
		if err := cannotInstall(osRelease(), os.Geteuid(), onPath); err != nil {
			return b.leftOut("%v; missing: %s", err, needs)
		}
		if err := installDebian(ctx, b, log, needs.packages); err != nil {
			return fail("%v; missing: %s", err, needs)
		}
		if left := missingPackages(reqs, onPath); len(left.packages) > 0 {
			return fail("apt-get reported success and these are still missing: %s", left)
		}
		return remark("installed %s", strings.Join(needs.packages, ", "))
	}}
}

// installDebian installs packages with no service started and no database
// cluster created.
func installDebian(ctx context.Context, b *bench, log io.Writer, packages []string) (err error) {
	restore, err := guardInstall(ctx, b.system, packages)
	defer func() {
		if e := restore(); err == nil {
			err = e
		}
	}()
	if err != nil {
		return err
	}
	for _, argv := range [][]string{dpkgRepair(), aptUpdate(), aptInstall(packages)} {
		if err := b.run(ctx, log, ".", aptEnv, argv...); err != nil {
			return err
		}
	}
	return nil
}

// guardInstall keeps packages from starting services and, where PostgreSQL is
// among them, from creating a cluster. The caller calls restore in any case.
func guardInstall(ctx context.Context, system string, packages []string) (restore func() error, err error) {
	undo, err := guardServices(ctx, system)
	if err != nil {
		return undo, err
	}
	if !slices.ContainsFunc(packages, func(p string) bool { return strings.HasPrefix(p, "postgresql") }) {
		return undo, nil
	}
	undoCluster, err := guardCluster(system)
	return func() error {
		first, second := undoCluster(), undo()
		if first != nil {
			return first
		}
		return second
	}, err
}

// leftOut is the outcome of a step that cannot do its work on this machine: a
// failure where everything was required.
func (b *bench) leftOut(format string, args ...any) outcome {
	o := outcome{status: skipped, reason: oneLine(fmt.Sprintf(format, args...))}
	if b.opts.requireAll {
		o.status = failed
	}
	return o
}
