package deploy_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

// takeUp takes the run up as another controller does that dies behind the record
// that says so.
func takeUp(t *testing.T, log *memLog, p deploy.Plan) {
	t.Helper()
	died := &diesAfter{memLog: log, left: 1}
	_, err := newRunner(t, died, nil).Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, errCrash)
}

// diesAfter lets some appends through.
type diesAfter struct {
	*memLog
	left int
}

func (l *diesAfter) Append(ctx context.Context, stream string, seq uint64, rec []byte) error {
	if l.left--; l.left < 0 {
		return errCrash
	}
	return l.memLog.Append(ctx, stream, seq, rec)
}

// TestNoBranchAppendsOnceOneHasLostThePlace: the first branch that ends learns
// that another controller has the run, and so has read its record. What the
// other one had to say does not come behind that.
func TestNoBranchAppendsOnceOneHasLostThePlace(t *testing.T) {
	for name, outcome := range map[string]error{"well": nil, "badly": errCrash} {
		t.Run("the other ends "+name, func(t *testing.T) {
			var did []string
			log := newMemLog()
			var p deploy.Plan
			meetLeft, meetRight := meet()
			left := func(ctx context.Context) error {
				if err := meetLeft(ctx); err != nil {
					return err
				}
				takeUp(t, log, p)
				return nil
			}
			right := func(ctx context.Context) error {
				if err := meetRight(ctx); err != nil {
					return err
				}
				<-ctx.Done() // the left one has lost the place
				return outcome
			}
			p = branches(&did, left, right)
			p.Steps[2].Retry.Max = 1
			_, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
			require.ErrorIs(t, err, deploy.ErrConflict)
			records := log.streams["dev/api"]
			require.True(t, strings.Contains(string(records[len(records)-1]), `"kind":"continued"`), "%s", records[len(records)-1])
			require.ElementsMatch(t, []string{"first", "left", "right"}, did)
		})
	}
}

// TestAnUndoThatWasInterruptedCanBeDoneByHand, also that of a step with outputs
// which was interrupted on the way forward before.
func TestAnUndoThatWasInterruptedCanBeDoneByHand(t *testing.T) {
	var did []string
	log := newMemLog()
	p := plan(deploy.Step{
		Name: "a", Provides: []string{"o"}, Do: &effect{Name: "do a", did: &did}, Undo: &effect{Name: "undo a", did: &did},
	})
	r := newRunner(t, log, nil)
	crashAt(log, 2) // started, intent
	_, err := r.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, errCrash)
	log.before = nil
	require.NoError(t, r.Decide(t.Context(), p.Ref("r1"), "", deploy.Decision{Answer: deploy.AnswerUndo, By: "ada"}))
	crashAt(log, 2) // continued, intent of the undo
	_, err = r.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, errCrash)
	log.before = nil
	_, err = r.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, deploy.ErrHeld)
	require.NoError(t, r.Decide(t.Context(), p.Ref("r1"), "a", deploy.Decision{Answer: deploy.AnswerDone, By: "ada"}))
	rep, err := r.Run(t.Context(), "r1", p)
	require.ErrorContains(t, err, "undone by decision of ada")
	require.Equal(t, deploy.Undone, rep.Outcome)
	require.Equal(t, []string{"do a", "undo a"}, did)
}
