package deploy

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"
)

// Standing is what runs of a service in an environment, and who is at work on
// it.
type Standing struct {
	Service     string `json:"service"`
	Environment string `json:"environment"`
	// Live is the last run that succeeded: what it released runs. Where runs
	// name a [Change], it is the last of those. Nil where none has succeeded.
	Live *Report `json:"live,omitempty"`
	// Unfinished is the run that has not ended; nil where there is none. No
	// other can begin before it ends.
	Unfinished *Report `json:"unfinished,omitempty"`
	// Holder took it up last. The log cannot tell whether it still lives; its
	// Where and PID say where to look, and [Runner.TakeOver] takes the run
	// from it. Nil where Unfinished is.
	Holder *Controller `json:"holder,omitempty"`
	// Paused is set while somebody holds it back.
	Paused *Pause `json:"paused,omitempty"`
	// Last is the time of the last record about any run; zero where there is
	// none. A holder that has written nothing for long may be dead, or may
	// wait, as an approval does.
	Last time.Time `json:"last,omitzero"`
}

// String returns it for people, on one to three lines.
func (s *Standing) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s in %s: ", s.Service, s.Environment)
	if r := s.Live; r == nil {
		b.WriteString("nothing was released")
	} else {
		fmt.Fprintf(&b, "run %s", r.Run)
		if r.Change != nil {
			fmt.Fprintf(&b, ", commit %s, artefact %s,", orUnknown(r.Change.Commit), orUnknown(r.Change.Artefact))
		}
		fmt.Fprintf(&b, " by %s, since %s", orUnknown(r.Initiator), r.Started.Add(r.Duration).UTC().Format(time.RFC3339))
	}
	b.WriteByte('\n')
	if r := s.Unfinished; r != nil {
		fmt.Fprintf(&b, "  run %s is unfinished, held by %s, last record %s\n", r.Run, s.Holder, s.Last.UTC().Format(time.RFC3339))
	}
	if s.Paused != nil {
		fmt.Fprintf(&b, "  %s\n", s.Paused)
	}
	return b.String()
}

// Standing yields what runs of each service in its environment, in the order
// of refs, and changes nothing. The Run of a ref does not matter. A service
// whose log cannot be read or believed yields an error that names it, and the
// next one follows.
func (r *Runner) Standing(ctx context.Context, refs ...Ref) iter.Seq2[*Standing, error] {
	return func(yield func(*Standing, error) bool) {
		for _, ref := range refs {
			ref.Run = ""
			s, err := r.standingOf(ctx, ref)
			if err != nil {
				s, err = nil, fmt.Errorf("%s: %w", ref, err)
			}
			if !yield(s, err) {
				return
			}
		}
	}
}

func (r *Runner) standingOf(ctx context.Context, ref Ref) (*Standing, error) {
	j, err := openJournal(ctx, r.log, ref.stream(), newController())
	if err != nil {
		return nil, err
	}
	s := &Standing{Service: ref.Service, Environment: ref.Environment}
	if live := j.history.live(); live != nil {
		s.Live = r.standing(j, live)
	}
	if last := j.history.last; last != nil {
		s.Last = last.last
		if last.finished.IsZero() {
			holder := last.by[len(last.by)-1]
			s.Unfinished, s.Holder, s.Paused = r.standing(j, last), &holder, last.paused
		}
	}
	return s, nil
}

// live is the last run that succeeded, and of those the last one that released
// something, where any did.
func (h *history) live() *runState {
	var live *runState
	for _, s := range h.order {
		if s.outcome == Succeeded && (s.released() != nil || live == nil || live.released() == nil) {
			live = s
		}
	}
	return live
}
