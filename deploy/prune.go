package deploy

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Retention says which ended runs [Runner.Prune] leaves in the log. A run goes
// only if neither field keeps it, and every run before it goes too. The last
// run never goes, nor do the last two that succeeded: what serves now, and
// what a rollback goes back to.
type Retention struct {
	// Keep is how long a run is kept after its end; zero is 365 days, negative
	// is no time at all.
	Keep time.Duration
	// Runs is how many of the newest runs are kept however old they are; zero
	// is 50, negative is none.
	Runs int
}

const (
	defaultKeep = 365 * 24 * time.Hour
	defaultRuns = 50
	// provenKept is how many runs that succeeded always stay.
	provenKept = 2
)

// Pruned tells of the runs of a service in an environment that were removed
// from the log.
type Pruned struct {
	// Runs is how many.
	Runs int `json:"runs"`
	// Until is when the last of them ended.
	Until time.Time `json:"until"`
}

// Prune removes the oldest runs of a service in an environment from the log,
// which must be a [Pruner], and returns how many. The Run of ref does not
// matter. It is refused with an [*UnfinishedError] while a run is unfinished.
//
// Prune first appends a record which names the digest of the last record that
// goes, has the Anchor keep the head that the log has then, and only then
// removes: what is left can be verified as before, against every head that was
// kept since, and a crash leaves nothing for people to do. The next Prune
// completes what was not. A head that is older than what was removed verifies
// nothing any more. The id of a run that was pruned cannot be used again, and
// all that [Runner.Report] says of it is [ErrPruned].
func (r *Runner) Prune(ctx context.Context, ref Ref, keep Retention) (int, error) {
	log, ok := r.log.(Pruner)
	if !ok {
		return 0, fmt.Errorf("prune the log of %s: %T cannot: %w", ref.stream(), r.log, errors.ErrUnsupported)
	}
	for tries := 0; ; tries++ {
		n, err := r.prune(ctx, log, ref, keep)
		if !errors.Is(err, ErrConflict) && !errors.Is(err, errOver) || tries >= maxConflicts {
			return n, err
		} // else a run began, or somebody else prunes
	}
}

func (r *Runner) prune(ctx context.Context, log Pruner, ref Ref, keep Retention) (int, error) {
	stream := ref.stream()
	j, err := r.openAnchored(ctx, stream)
	if err != nil {
		return 0, fmt.Errorf("prune: %w", err)
	}
	if last := j.history.last; last != nil && last.finished.IsZero() {
		return 0, &UnfinishedError{Plan: ref.Service + "@" + ref.Environment, Run: last.id}
	}
	going := j.history.order[:j.history.expired(keep, time.Now())]
	if len(going) > 0 {
		rec := &record{Kind: recPruned, Pruned: j.pruning(going)}
		if err := j.append(ctx, rec); err != nil {
			return 0, fmt.Errorf("prune: %w", err)
		}
	}
	head := j.history.pruned.Head
	if head.Seq == 0 {
		return 0, nil
	}
	// Before anything goes, so that no head that was kept is of a record that
	// is gone; also where an earlier Prune came no further.
	if err := r.keep(ctx, j, r.head(j)); err != nil {
		return 0, fmt.Errorf("prune: nothing was removed: %w", err)
	}
	if err := log.Prune(ctx, stream, head.Seq+1); err != nil {
		return 0, &LogError{stream, head.Seq, "remove the records up to", fmt.Errorf("%w; Prune again, which completes it", err)}
	}
	return len(going), nil
}

// pruning is what the log will say of runs that go.
func (j *journal) pruning(going []*runState) *pruned {
	p := j.history.pruned
	p.IDs = append([]RunID(nil), p.IDs...)
	for _, s := range going {
		p.add(s)
	}
	p.Stream, p.Head = j.stream, j.chain.At(going[len(going)-1].lastSeq)
	return &p
}

// expired is how many of the oldest runs may go. All have ended.
func (h *history) expired(keep Retention, now time.Time) int {
	if keep.Keep == 0 {
		keep.Keep = defaultKeep
	}
	if keep.Runs == 0 {
		keep.Runs = defaultRuns
	}
	most := len(h.order) - max(1, keep.Runs)
	proven := 0
	for i := len(h.order) - 1; i >= 0 && proven < provenKept; i-- {
		if h.order[i].outcome == Succeeded {
			proven++
			most = min(most, i)
		}
	}
	n := 0
	for n < most && (keep.Keep < 0 || h.order[n].finished.Before(now.Add(-keep.Keep))) {
		n++
	}
	return n
}
