package approval_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/approval"
	"github.com/masaruk/devops/envconfig"
)

// Two gates that are waited for at the same time, with a step beside them, and a
// step behind them that must not run twice. The program dies before or behind
// each append to the log of the run or of the approvals, and a vote can come at
// any time: as soon as it is asked for, while nobody runs, when the run has been
// continued, or more than once. Also people vote who may not, and the run is
// perhaps continued by somebody who has approved it.

// mortal is a log whose program dies at an append.
type mortal struct {
	*memory
	left   *atomic.Int64 // appends until then; never where it is not positive
	behind bool          // the record is there all the same
	cancel context.CancelFunc
	dead   *atomic.Bool
}

var errDied = errors.New("the program has died")

func (l *mortal) Append(ctx context.Context, stream string, seq uint64, rec []byte) error {
	switch n := l.left.Add(-1); {
	case l.dead.Load():
		return errDied
	case n != 0:
		return l.memory.Append(ctx, stream, seq, rec)
	case l.behind:
		_ = l.memory.Append(ctx, stream, seq, rec) // nobody learns of it
	}
	l.die()
	return errDied
}

func (l *mortal) die() {
	l.dead.Store(true)
	l.cancel()
}

// when a vote comes.
type when int

const (
	whenAsked  when = iota // as soon as a gate waits
	inBetween              // while nobody runs
	afterwards             // when the run has been continued
	whens
)

// election is one run and those who vote on it.
type election struct {
	t         *testing.T
	log       *memory
	times     map[string]when // by person
	continues string          // who continues the run
	where     string
	shipped   atomic.Int32
	besides   atomic.Int32

	mu      sync.Mutex
	trouble []error
	counted map[string]int  // votes taken, by gate and person
	settled map[string]bool // gates that had been passed when the run was continued
}

// electorate are all who try to vote, in their order.
func electorate() []approval.Identity {
	eve := approval.Identity{ID: "eve@example.com", Roles: []string{"ops"}}
	return []approval.Identity{guest, ada, ben, dana, eve}
}

// entitled may vote, unless they continue the run: two of the three are needed.
func (e *election) entitled(id string) bool {
	return id != guest.ID && id != ada.ID
}

// castAll casts the votes that come at one of the times, each of them twice.
func (e *election) castAll(desk *approval.Desk, now ...when) {
	e.mu.Lock()
	defer e.mu.Unlock()
	ctx := context.WithoutCancel(e.t.Context())
	for s, err := range desk.Requests(ctx, deploy.Ref{Service: "api", Environment: "stg"}) {
		if err != nil {
			e.trouble = append(e.trouble, err)
			return
		}
		for _, who := range electorate() {
			if !s.Open || !slices.Contains(now, e.times[who.ID]) {
				continue
			}
			for range 2 {
				_, err := desk.Vote(ctx, s.Request, yes(who))
				e.took(s.Request.Step, who, err)
			}
		}
	}
}

// took judges what the desk said to a vote. Whoever continues the run may have
// voted before, when nobody knew.
func (e *election) took(gate string, who approval.Identity, err error) {
	key := gate + " " + who.ID
	switch {
	case errors.Is(err, errDied), errors.Is(err, approval.ErrClosed):
	case err == nil && !e.entitled(who.ID):
		e.trouble = append(e.trouble, fmt.Errorf("the vote of %s was taken", who.ID))
	case err == nil:
		if e.counted[key]++; e.counted[key] > 1 {
			e.trouble = append(e.trouble, fmt.Errorf("the second vote of %s on %s was taken", who.ID, gate))
		}
	case errors.Is(err, approval.ErrRole) && who.ID == guest.ID:
	case errors.Is(err, approval.ErrSelf) && (who.ID == ada.ID || who.ID == e.continues):
	case errors.Is(err, approval.ErrVoted) && e.entitled(who.ID):
	default:
		e.trouble = append(e.trouble, fmt.Errorf("vote of %s on %s: %w", who.ID, gate, err))
	}
}

// settledAlready notes the gates whose request is closed: who continues the run
// later has not decided about himself.
func (e *election) settledAlready(desk *approval.Desk) {
	e.settled = map[string]bool{}
	for s, err := range desk.Requests(e.t.Context(), deploy.Ref{Service: "api", Environment: "stg"}) {
		require.NoError(e.t, err, e.where)
		if !s.Open {
			e.settled["by_"+s.Request.Step] = true
		}
	}
}

// counter is an effect that is counted.
type counter struct {
	Name string `json:"name"`
	n    *atomic.Int32
}

func (c *counter) Spec() any { return c }

func (c *counter) Run(context.Context, *deploy.Call) error { c.n.Add(1); return nil }

// mortal returns the log of a program that dies at an append; 0 is none.
func (e *election) mortal(at int, behind bool) (context.Context, *mortal) {
	ctx, cancel := context.WithCancel(e.t.Context())
	l := &mortal{e.log, &atomic.Int64{}, behind, cancel, &atomic.Bool{}}
	l.left.Store(int64(at))
	return ctx, l
}

// live starts or continues the run by somebody and lets it live until it ends or
// dies, also at rest: where both gates wait and not enough votes come now.
func (e *election) live(ctx context.Context, log *mortal, by string, now ...when) (rep *deploy.Report, err error) {
	defer log.cancel()
	enough := 0
	for id, at := range e.times {
		if e.entitled(id) && slices.Contains(now, at) {
			enough++
		}
	}
	desk, err := approval.New(log, deploy.SigningKey{Name: "desk", Key: key("desk")}, &approval.Options{Poll: time.Millisecond})
	require.NoError(e.t, err)
	asked := map[string]bool{}
	r, err := deploy.New(log, &deploy.Options{Initiator: by, Executable: "sha256:test", Handle: func(ev deploy.Event) {
		if o, ok := ev.(deploy.StepOutput); ok && strings.Contains(o.Line, "waits until") {
			e.castAll(desk, now...)
			if asked[o.Step] = true; len(asked) == 2 && enough < 2 {
				log.die()
			}
		}
	}})
	require.NoError(e.t, err)
	p := e.plan(desk)
	for range 3 {
		rep, err = r.Run(ctx, "r1", p)
		var held *deploy.HeldError
		if !errors.As(err, &held) {
			break
		}
		d := deploy.Decision{Answer: deploy.AnswerRepeat, By: "person"}
		if e.shipped.Load() > 0 {
			d.Answer = deploy.AnswerDone
		}
		if err = r.Decide(ctx, p.Ref("r1"), held.Step, d); err != nil {
			break
		}
	}
	return rep, err
}

func (e *election) plan(desk *approval.Desk) deploy.Plan {
	gate := func(name string) deploy.Step {
		g, err := desk.Gate(approval.Policy{Quorums: []approval.Quorum{{N: 2, Role: "ops"}}, Outputs: []string{"digest"}, Provides: "by_" + name})
		require.NoError(e.t, err)
		s := g.Step(name)
		s.Needs = []string{"build"}
		return s
	}
	return deploy.Plan{Service: "api", Env: envconfig.Staging(), Steps: []deploy.Step{
		{Name: "build", Provides: []string{"digest"}, InFlight: deploy.Repeat, Do: &build{"", "sha256:aa"}},
		gate("approve"), gate("sign"),
		{Name: "beside", Needs: []string{"build"}, InFlight: deploy.Repeat, Do: &counter{"beside", &e.besides}},
		{Name: "ship", Needs: []string{"approve", "sign", "beside"}, Kind: deploy.KindSwitch, Do: &counter{"ship", &e.shipped}},
	}}
}

// judge checks what came of it in the end.
func (e *election) judge(rep *deploy.Report, err error) {
	e.t.Helper()
	require.NoError(e.t, err, e.where)
	require.Empty(e.t, e.trouble, e.where)
	require.Equal(e.t, deploy.Succeeded, rep.Outcome, e.where)
	require.Equal(e.t, int32(1), e.shipped.Load(), e.where)
	require.Positive(e.t, e.besides.Load(), e.where)
	require.Len(e.t, rep.Approvals, 4, e.where)
	for _, name := range []string{"by_approve", "by_sign"} {
		by, err := deploy.Output[deploy.Approved]{Name: name, Version: 1}.Of(rep)
		require.NoError(e.t, err, e.where)
		require.Len(e.t, by.By, 2, "%s: %s", e.where, name)
		require.NotEqual(e.t, by.By[0].ID, by.By[1].ID, "%s: %s", e.where, name)
		for _, a := range by.By {
			require.NotContains(e.t, []string{ada.ID, guest.ID}, a.ID, e.where)
			joined := slices.ContainsFunc(rep.Controllers, func(c deploy.Controller) bool { return c.Initiator == a.ID })
			require.False(e.t, joined && !e.settled[name], "%s: %s ran it and approved it", e.where, a.ID)
		}
	}
	for kind, n := range map[string]int{"opened": 2, "closed": 2} {
		require.Len(e.t, bodies(e.t, e.log, "approvals/stg/api", kind), n, "%s: %s", e.where, kind)
	}
}

func newElection(t *testing.T) *election {
	return &election{t: t, log: newMemory(), times: map[string]when{}, counted: map[string]int{}}
}

func TestTortureGates(t *testing.T) {
	whole := newElection(t)
	ctx, log := whole.mortal(0, false)
	for _, who := range electorate() {
		whole.times[who.ID] = whenAsked
	}
	rep, err := whole.live(ctx, log, ada.ID, whenAsked)
	whole.judge(rep, err)
	appends := -log.left.Load()
	t.Logf("%d appends", appends)
	require.GreaterOrEqual(t, appends, int64(20), "they must not become fewer")

	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("DEVOPS_TEST_SEED"); s != "" {
		seed, err = strconv.ParseUint(s, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("DEVOPS_TEST_SEED=%d", seed)
	rnd := rand.New(rand.NewPCG(seed, 6))
	runs, died := 40, 0
	if os.Getenv("DEVOPS_EXHAUSTIVE") != "" {
		runs = 4000
	}
	for n := range runs {
		e := newElection(t)
		for _, who := range electorate() {
			e.times[who.ID] = when(rnd.IntN(int(whens)))
		}
		e.continues = []string{ada.ID, ben.ID, "robot@example.com"}[rnd.IntN(3)]
		at, behind := 2+rnd.IntN(int(appends)-1), rnd.IntN(2) == 0 // the first record says who started the run
		e.where = fmt.Sprintf("DEVOPS_TEST_SEED=%d, run %d: append %d, behind it %t, continued by %s, %v", seed, n, at, behind, e.continues, e.times)
		ctx, log := e.mortal(at, behind)
		_, _ = e.live(ctx, log, ada.ID, whenAsked)
		if log.dead.Load() {
			died++
		}
		require.Empty(t, e.trouble, e.where)
		desk, err := approval.New(e.log, deploy.SigningKey{Name: "desk", Key: key("desk")}, nil)
		require.NoError(t, err)
		e.castAll(desk, inBetween)
		e.settledAlready(desk)
		ctx, log = e.mortal(0, false)
		rep, err := e.live(ctx, log, e.continues, whenAsked, inBetween, afterwards)
		e.judge(rep, err)
	}
	t.Logf("%d of %d died", died, runs)
	require.Greater(t, died, runs/2)
}
