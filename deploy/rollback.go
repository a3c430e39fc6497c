package deploy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// ErrMigrated reports a way back that crosses a migration which the earlier
// release may not be able to live with.
var ErrMigrated = errors.New("a migration in between is not ExpandOnly")

// LastProven returns the run to go back to: the last one before what is live
// now, or before ref.Run where that is set, that succeeded and released another
// [Change]. A run succeeds when all its steps have, its watch among them; that
// is what proven means.
//
// A rollback is a plan like any other, made for the Change of that report, and
// so has its approval, health and watch, and a way back of its own. It begins
// when no run is unfinished; one that is takes back what it did by
// [AnswerUndo].
//
// The error wraps [fs.ErrNotExist] where there is no such run, and
// [ErrMigrated], beside the report, where a run since then has begun a step of
// [KindMigrate] that is not ExpandOnly and was not undone: the earlier release
// was never proven against that schema. The ways on are then a release that
// mends what is wrong, or a restore.
func (r *Runner) LastProven(ctx context.Context, ref Ref) (*Report, error) {
	j, err := openJournal(ctx, r.log, ref.stream(), newController())
	if err != nil {
		return nil, fmt.Errorf("rollback of %s: %w", ref, err)
	}
	before := j.history.live()
	if ref.Run != "" {
		if before, err = j.find(ref); err != nil {
			return nil, fmt.Errorf("rollback of %w", err)
		}
	}
	if before == nil {
		return nil, fmt.Errorf("rollback of %s: no run has succeeded: %w", ref, fs.ErrNotExist)
	}
	order := j.history.order
	at := slices.Index(order, before)
	back := -1
	for i := at - 1; i >= 0 && back < 0; i-- {
		if order[i].outcome == Succeeded && order[i].released() != nil && !sameChange(order[i], before) {
			back = i
		}
	}
	if back < 0 {
		return nil, fmt.Errorf("rollback of %s: no run before %s has released another change: %w", ref, before.id, fs.ErrNotExist)
	}
	var errs []error
	for _, s := range order[back+1:] {
		for _, step := range s.migrated() {
			errs = append(errs, fmt.Errorf("rollback of %s to the change of run %s: run %s, step %q: %w; release what mends it, or restore",
				ref, order[back].id, s.id, step, ErrMigrated))
		}
	}
	return r.standing(j, order[back]), joined(errs...)
}

// released is the change that the run was for; nil where it was for none.
func (s *runState) released() *Change { return s.plan.Change }

func sameChange(a, b *runState) bool {
	x, y := a.released(), b.released()
	return x != nil && y != nil && x.Artefact == y.Artefact && x.Commit == y.Commit
}

// migrated are the migrations that the earlier release was not made to live
// with, and that may have had their effect.
func (s *runState) migrated() []string {
	var names []string
	described := s.described()
	for _, name := range s.begun {
		migrates := func(d StepDescription) bool { return d.Kind == KindMigrate && !d.ExpandOnly }
		if known := described[name]; !s.steps[name].undo.done && (len(known) == 0 || slices.ContainsFunc(known, migrates)) {
			names = append(names, name)
		}
	}
	return names
}
