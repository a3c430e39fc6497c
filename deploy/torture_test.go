package deploy_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/approval"
	"github.com/masaruk/devops/internal/hashlog"
)

// The torture plan has a branch for every way to go on after a crash, an
// approval that is waited for beside them, a step that is skipped, and a step
// that joins them all and must not run twice:
//
//	prepare ─┬─ build-a   (repeat, its first attempt fails) ─┐
//	         ├─ pay-b     (ask) ─────────────────────────────┤
//	         ├─ link-c    (verify, binds an output) ─────────┼─ switch (ask) ─ watch ─ prove
//	         ├─ canary-d  (skipped) ─ docs-e ────────────────┤
//	         └─ approve   (two of ops) ──────────────────────┘
//
// A bad one fails in watch, and its way back fails once in un-build-a.

// maker makes the action that has the effect of that name: a step's, or with
// "un-" before it its undo. "is link-c" looks for the effect of link-c.
type maker func(name string) deploy.Action

func torturePlan(do maker, approve deploy.Step) deploy.Plan {
	step := func(name string, f deploy.InFlight, needs ...string) deploy.Step {
		return deploy.Step{
			Name: name, InFlight: f, Needs: append([]string{}, needs...), Do: do(name), Undo: do("un-" + name),
		}
	}
	prepare := step("prepare", deploy.Repeat)
	prepare.Provides = []string{tortureOutput.Decl(), "canary"}
	build := step("build-a", deploy.Repeat, "prepare")
	build.Retry = deploy.Retry{Max: 9, Wait: time.Millisecond}
	link := step("link-c", deploy.Verify, "prepare")
	link.Verify, link.Binds = do("is link-c"), []string{tortureOutput.Decl()}
	canary := step("canary-d", deploy.Repeat, "prepare")
	canary.Binds, canary.When = []string{"canary"}, &deploy.When{Output: "canary", Is: "yes"}
	approve.Needs = []string{"prepare"}
	prove := step("prove", deploy.Repeat, "watch")
	prove.Undo = nil
	return plan(
		prepare, build, step("pay-b", deploy.Ask, "prepare"), link, canary, step("docs-e", deploy.Repeat, "canary-d"), approve,
		step("switch", deploy.Ask, "build-a", "pay-b", "link-c", "docs-e", "approve"),
		step("watch", deploy.Repeat, "switch"), prove,
	)
}

// tortureRelease is the typed output of prepare. Each attempt provides another
// one, so that it matters which of them the log holds.
type tortureRelease struct {
	N    int       `json:"n"`
	Tags []string  `json:"tags"`
	Made time.Time `json:"made"`
}

var tortureOutput = deploy.Output[tortureRelease]{Name: "release", Version: 3}

func provideRelease(c *deploy.Call, n int) error {
	return errors.Join(
		tortureOutput.Provide(c, tortureRelease{n, []string{"a", "b"}, time.Unix(int64(n), 0).UTC()}),
		c.Provide("canary", "no"),
	)
}

const tortureRun = deploy.RunID("r1")

// starter is who starts the runs, and so may not approve them.
const starter = "ada@example.com"

func newDesk(t *testing.T, log deploy.Log, poll time.Duration) *approval.Desk {
	t.Helper()
	seed := sha256.Sum256([]byte("desk"))
	desk, err := approval.New(log, deploy.SigningKey{Name: "desk", Key: ed25519.NewKeyFromSeed(seed[:])}, &approval.Options{Poll: poll})
	require.NoError(t, err)
	return desk
}

// approveStep is the gate of the plan: two of the role ops, who approve the
// output as it was journalled.
func approveStep(t *testing.T, desk *approval.Desk) deploy.Step {
	t.Helper()
	gate, err := desk.Gate(approval.Policy{Quorums: []approval.Quorum{{N: 2, Role: "ops"}}, Outputs: []string{"release"}})
	require.NoError(t, err)
	return gate.Step("approve")
}

// voteOn casts every vote that could go wrong on what is open: one by a guest,
// one by who started the run, and the two that count, each of them twice. It
// returns what is wrong.
func voteOn(ctx context.Context, desk *approval.Desk) error {
	for s, err := range desk.Requests(ctx, plan().Ref(tortureRun)) {
		if err != nil {
			return err
		}
		if !s.Open {
			continue
		}
		vote := func(id, role string) error {
			who := approval.Identity{ID: id, Roles: []string{role}}
			_, err := desk.Vote(ctx, s.Request, approval.Ballot{By: who, Verdict: approval.Approve})
			return err
		}
		for id, role := range map[string]string{"guest@example.com": "guest", starter: "ops"} {
			if err := vote(id, role); err == nil {
				return errors.New("the vote of " + id + " was taken")
			} else if !isOneOf(err, approval.ErrRole, approval.ErrSelf, approval.ErrClosed) {
				return err
			}
		}
		for i, id := range []string{"ben@example.com", "ben@example.com", "dana@example.com", "dana@example.com"} {
			switch err := vote(id, "ops"); {
			case err == nil && i%2 == 1:
				return errors.New("the second vote of " + id + " was taken")
			case err != nil && !isOneOf(err, approval.ErrVoted, approval.ErrClosed):
				return err
			}
		}
	}
	return nil
}

func isOneOf(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
}

// tortureRecord is what the judges read of a record.
type tortureRecord struct {
	Kind     string
	Step     string
	Phase    deploy.Phase
	Outcome  deploy.Outcome
	Decision *deploy.Decision
}

// recordsOf reads and verifies a stream. A torn record ends it.
func recordsOf(ctx context.Context, log deploy.Log, stream string) (all []tortureRecord, err error) {
	chain := hashlog.NewChain(stream)
	for line, err := range log.Read(ctx, stream, 1) {
		if errors.Is(err, deploy.ErrTorn) {
			break
		}
		var r tortureRecord
		var body json.RawMessage
		if err == nil {
			body, err = chain.Open(line)
		}
		if err == nil {
			err = json.Unmarshal(body, &r)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// having counts the records of a kind about a phase of a step.
func having(all []tortureRecord, kind, step string, phase deploy.Phase) (n int) {
	for _, r := range all {
		if r.Kind == kind && r.Step == step && r.Phase == phase {
			n++
		}
	}
	return n
}

// repeats counts how often somebody allowed an effect to be had again.
func repeats(all []tortureRecord, step string, phase deploy.Phase) (n int) {
	for _, r := range all {
		if r.Kind == "decided" && r.Step == step && r.Decision.Answer == deploy.AnswerRepeat && r.Decision.Comment == string(phase) {
			n++
		}
	}
	return n
}

// backOrder is the order in which what the log tells of has to be undone.
func backOrder(all []tortureRecord) (order []string) {
	var begun, done []string
	for _, r := range all {
		switch {
		case r.Phase != deploy.PhaseForward:
		case r.Kind == "intent" && !slices.Contains(begun, r.Step):
			begun = append(begun, r.Step)
		case r.Kind == "outcome" && r.Outcome == deploy.Succeeded:
			done = append(done, r.Step)
		}
	}
	for _, name := range slices.Backward(begun) {
		if !slices.Contains(done, name) {
			order = append(order, name)
		}
	}
	for _, name := range slices.Backward(done) {
		order = append(order, name)
	}
	return order
}

// person answers for somebody who has looked at the host, as often as it
// takes, and tries an undo again that failed.
func person(ctx context.Context, r *deploy.Runner, p deploy.Plan, isThere func(step string) bool) (rep *deploy.Report, err error) {
	for range 20 {
		rep, err = r.Run(ctx, tortureRun, p)
		var held *deploy.HeldError
		switch {
		case rep != nil && rep.Outcome == deploy.UndoFailed:
		case rep != nil && rep.Outcome == deploy.Held && errors.As(err, &held):
			d := deploy.Decision{Answer: deploy.AnswerRepeat, By: "person", Comment: string(held.Phase)}
			if isThere(held.Step) == (held.Phase == deploy.PhaseForward) {
				d.Answer = deploy.AnswerDone
			}
			if err := r.Decide(ctx, p.Ref(tortureRun), held.Step, d); err != nil {
				return rep, err
			}
		default:
			return rep, err
		}
	}
	return rep, errors.Join(errors.New("the run comes to no end"), err)
}

// tortureTries picks how many of something a test tries.
func tortureTries(all, some int) int {
	if os.Getenv("DEVOPS_EXHAUSTIVE") != "" {
		return all
	}
	return some
}

// effectOf is the name of the effect of a phase of a step.
func effectOf(step string, phase deploy.Phase) string {
	if phase == deploy.PhaseUndo {
		return "un-" + step
	}
	return step
}

// stepOf is the step that an effect is of, and its phase.
func stepOf(effect string) (step string, phase deploy.Phase) {
	if step, ok := strings.CutPrefix(effect, "un-"); ok {
		return step, deploy.PhaseUndo
	}
	return effect, deploy.PhaseForward
}

// tortureSeed is the seed of what is left to chance. It is printed.
func tortureSeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("DEVOPS_TEST_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("DEVOPS_TEST_SEED=%d", seed)
	return seed
}
