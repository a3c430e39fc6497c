package deploy_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/approval"
	"github.com/masaruk/devops/deploy/runlog/filelog"
)

// The kill matrix of the torture plan. Before and after each append, and
// before, in the middle of and after each command, a controller process is
// killed with SIGKILL while the other branches go on. Another one takes the run
// up, is perhaps killed too, and the run is judged when it has come to its end.

// voter lets the people vote while a controller waits for them, or later.
type voter struct {
	t    *testing.T
	desk *approval.Desk
}

func newVoter(t *testing.T, dir string) *voter {
	t.Helper()
	log, err := filelog.New(filepath.Join(dir, "log"), nil)
	require.NoError(t, err)
	return &voter{t, newDesk(t, log, time.Second)}
}

func (v *voter) vote() {
	v.t.Helper()
	require.NoError(v.t, voteOn(v.t.Context(), v.desk))
}

// asked votes as soon as a controller asks.
func (v *voter) asked(key, _ string) (enough bool) {
	if key == "waits" {
		v.vote()
	}
	return false
}

// restful tells when everything has been done that needs no approval; it
// counts the points that were reached.
func restful(reached *int64) func(key, value string) bool {
	missing := map[string]bool{"prepare": true, "build-a": true, "pay-b": true, "link-c": true, "docs-e": true, "gate": true}
	return func(key, value string) bool {
		if key == "finished" || key == "waits" {
			what, n, _ := strings.Cut(value, " ")
			delete(missing, what)
			at, _ := strconv.ParseInt(n, 10, 64)
			*reached = max(*reached, at)
		}
		return len(missing) == 0
	}
}

func TestTortureKillMatrix(t *testing.T) {
	for name, c := range map[string]struct {
		bad  bool
		all  int // points of an unkilled run; they must not become fewer
		rest int // those before the approval
	}{
		"good": {false, 79, 52},
		"bad":  {true, 134, 52},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all, rest := unkilled(t, c.bad), unapproved(t, c.bad)
			t.Logf("%d kill points, %d of them before the approval", all, rest)
			require.GreaterOrEqual(t, all, c.all)
			require.GreaterOrEqual(t, rest, c.rest)
			for _, at := range sample(t, all, 6) {
				killOnce(t, orders{At: int64(at), Bad: c.bad}, true)
			}
			for _, at := range append(sample(t, rest, 2), 0) {
				killOnce(t, orders{At: int64(at), Bad: c.bad}, false)
			}
			killTwice(t, all, c.bad)
		})
	}
}

// unkilled runs to the end and returns the number of points. Three commands run
// at the same time.
func unkilled(t *testing.T, bad bool) int {
	t.Helper()
	dir := tortureHost(t)
	said, killed := control(t, orders{Dir: dir, Name: "only", Bad: bad, Meet: true}, newVoter(t, dir).asked)
	require.False(t, killed)
	judgeRun(t, dir, bad, "unkilled")
	require.True(t, together(toldOf(dir), "build-a", "pay-b", "link-c"), "three commands run at the same time")
	n, err := strconv.Atoi(said["points"])
	require.NoError(t, err)
	return n
}

// together tells whether the effects were at some time all begun and not done.
func together(lines []told, effects ...string) bool {
	now := map[string]bool{}
	for _, l := range lines {
		now[l.effect] = l.verb == "begins"
		if !slices.ContainsFunc(effects, func(e string) bool { return !now[e] }) {
			return true
		}
	}
	return false
}

// unapproved runs until only the approval is missing, and returns the number of
// points up to there.
func unapproved(t *testing.T, bad bool) int {
	t.Helper()
	var n int64
	_, killed := control(t, orders{Dir: tortureHost(t), Name: "only", Bad: bad}, restful(&n))
	require.True(t, killed)
	return int(n)
}

// killOnce kills a controller at a point, or at rest where that is 0. The
// approval comes before the kill, as soon as it is asked for, or after it.
func killOnce(t *testing.T, o orders, before bool) {
	t.Helper()
	o.Dir, o.Name, o.How = tortureHost(t), "first", "KILL"
	v := newVoter(t, o.Dir)
	var n int64
	until := restful(&n)
	if before {
		until = v.asked
	}
	said, killed := control(t, o, until)
	where := fmt.Sprintf("bad %t, approved before %t, killed at point %d, %s", o.Bad, before, o.At, said["stopped"])
	require.True(t, killed, "%s: the kill never fired: %v", where, said)
	v.vote() // nobody runs now
	said, _ = control(t, orders{Dir: o.Dir, Name: "second", Bad: o.Bad}, v.asked)
	require.NotEmpty(t, said["outcome"], "%s: %v", where, said)
	judgeRun(t, o.Dir, o.Bad, where)
}

// killTwice kills at two random points, the second one while the run is being
// continued, as often as it takes for both to be reached.
func killTwice(t *testing.T, all int, bad bool) {
	t.Helper()
	seed := tortureSeed(t)
	rnd := rand.New(rand.NewPCG(seed, 2))
	tries, twice := 0, 0
	for ; twice < tortureTries(40, 2); tries++ {
		require.Less(t, tries, 400, "the second kill never fires")
		dir := tortureHost(t)
		v := newVoter(t, dir)
		at := []int64{1 + rnd.Int64N(int64(all)/2), 1 + rnd.Int64N(int64(all)/2)}
		var where strings.Builder
		fmt.Fprintf(&where, "bad %t, DEVOPS_TEST_SEED=%d, killed at points %v", bad, seed, at)
		for i, name := range []string{"first", "second"} {
			said, killed := control(t, orders{Dir: dir, Name: name, At: at[i], How: "KILL", Bad: bad}, v.asked)
			if killed && i == 1 {
				twice++
			}
			where.WriteString(", " + said["stopped"])
		}
		said, _ := control(t, orders{Dir: dir, Name: "third", Bad: bad}, v.asked)
		require.NotEmpty(t, said["outcome"], "%s: %v", where.String(), said)
		judgeRun(t, dir, bad, where.String())
	}
	t.Logf("%d runs killed twice", twice)
}

// TestTortureJudgeBites: a judge that finds nothing proves nothing.
func TestTortureJudgeBites(t *testing.T) {
	lines := []told{{"a", "begins", "x", ""}, {"b", "begins", "y", ""}, {"b", "did", "x", ""}, {"b", "begins", "z", ""}}
	require.True(t, together(lines, "x", "y"))
	require.False(t, together(lines, "x", "z"))
	recs := []tortureRecord{
		{Kind: "intent", Step: "x", Phase: deploy.PhaseForward},
		{Kind: "intent", Step: "y", Phase: deploy.PhaseForward},
		{Kind: "intent", Step: "z", Phase: deploy.PhaseForward},
		{Kind: "outcome", Step: "y", Phase: deploy.PhaseForward, Outcome: deploy.Succeeded},
		{Kind: "outcome", Step: "x", Phase: deploy.PhaseForward, Outcome: deploy.Succeeded},
	}
	require.Equal(t, []string{"z", "x", "y"}, backOrder(recs))
	require.True(t, slices.Equal(backOrder(recs[:3]), []string{"z", "y", "x"}))
}
