package approval_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/approval"
	"github.com/masaruk/devops/envconfig"
)

func TestARunPassesOnceEachQuorumIsReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		co := newCompany(t, newMemory(), nil)
		done := co.start(t.Context(), "r1")
		synctest.Wait()
		r := co.request("r1")
		require.Equal(t, "ada@example.com", r.Initiator)
		require.Equal(t, `"sha256:aa"`, string(r.Outputs["digest"]))
		require.Equal(t, r.PlanDigest, r.Plan.Digest())
		require.Contains(t, r.String(), "approval.Gate")

		require.NoError(t, co.vote(r, approval.Ballot{By: ben, Verdict: approval.Approve, Comment: " looks good "}))
		synctest.Wait()
		require.Empty(t, done, "one of two quorums is not enough")
		at := time.Now()
		require.NoError(t, co.vote(r, yes(cleo)))
		e := <-done
		require.NoError(t, e.err)
		require.Zero(t, time.Since(at), "a vote at the same desk wakes the gate")
		require.EqualValues(t, 1, co.released.Load())
		p := passed(t, e.rep)
		require.Equal(t, []string{"ben@example.com as ops", "cleo@example.com as qa"}, ids(p))
		require.Equal(t, "looks good", p.By[0].Comment)
		require.Equal(t, r.Digest(), p.Request)
		require.ErrorIs(t, co.vote(r, no(cleo, "too late")), approval.ErrClosed)
	})
}

func TestOnePersonFillsOneSeat(t *testing.T) {
	co := newCompany(t, newMemory(), nil)
	co.policy.Quorums = []approval.Quorum{{Role: "ops", N: 2}, {Role: "qa"}}
	r := co.leave("r1")
	require.NoError(t, co.vote(r, yes(dana)))
	for _, spelt := range []string{"dana@example.com", "DANA@Example.com", " dana@example.com ", "Dana D. <Dana@example.com>", "dana @example.com"} {
		again := dana
		again.ID = spelt
		require.ErrorIs(t, co.vote(r, yes(again)), approval.ErrVoted, spelt)
	}
	s, err := co.desk.Request(t.Context(), co.ref(), r.Digest())
	require.NoError(t, err)
	require.Equal(t, approval.Waiting, s.State, "dana has both roles and is one person")
	require.Len(t, s.Votes, 1)
	require.NoError(t, co.vote(r, yes(ben)))
	require.NoError(t, co.vote(r, yes(cleo)))
	e := co.outcome("r1")
	require.NoError(t, e.err)
	require.Equal(t, []string{"dana@example.com as ops", "ben@example.com as ops", "cleo@example.com as qa"}, ids(passed(t, e.rep)))
}

func TestWhoeverStartsARunDoesNotApproveIt(t *testing.T) {
	spellings := []string{"ada@example.com", "ADA@EXAMPLE.COM", "\tada@example.com ", "a d a@example.com", "Ada <Ada@Example.com>", "<ada@example.com>"}
	for _, initiator := range spellings {
		co := newCompany(t, newMemory(), nil)
		co.initiator = initiator
		r := co.leave("r1")
		for _, spelt := range spellings {
			who := ada
			who.ID = spelt
			require.ErrorIs(t, co.vote(r, yes(who)), approval.ErrSelf, "%q started, %q approves", initiator, spelt)
		}
		require.Empty(t, bodies(t, co.log, co.stream(), "voted"))
		require.NoError(t, co.vote(r, no(approval.Identity{ID: ada.ID}, "I called it off")), "whatever the roles")
		require.ErrorIs(t, co.outcome("r1").err, approval.ErrRefused)
	}
	co := newCompany(t, newMemory(), nil)
	co.policy.AllowSelf = true
	require.NoError(t, co.vote(co.leave("r1"), yes(ada)))
}

func TestAnInitiatorThatIdentifiesNobodyIsRefused(t *testing.T) {
	for _, initiator := range []string{"", " ", "\u0430da@example.com", "ada\u200b@example.com", "ci with [redacted]"} {
		co := newCompany(t, newMemory(), nil)
		co.initiator = initiator
		e := co.outcome("r1")
		require.ErrorContains(t, e.err, "set deploy.Options.Initiator", "%q", initiator)
		require.Zero(t, co.released.Load())
	}
}

func TestWhoHasNoSeatDoesNotVote(t *testing.T) {
	co := newCompany(t, newMemory(), nil)
	co.policy.Quorums = []approval.Quorum{{Role: "ops", From: []string{"Ben@example.com", "dana@example.com"}}}
	r := co.leave("r1")
	noRole := approval.Identity{ID: ben.ID}
	for _, who := range []approval.Identity{guest, cleo, noRole, {ID: "eve@example.com", Roles: []string{"ops"}}} {
		require.ErrorIs(t, co.vote(r, yes(who)), approval.ErrRole, who)
		require.ErrorIs(t, co.vote(r, no(who, "")), approval.ErrRole, who)
	}
	for _, id := range []string{"", "b\u0435n@example.com", strings.Repeat("b", 300)} {
		require.ErrorIs(t, co.vote(r, yes(approval.Identity{ID: id, Roles: []string{"ops"}})), approval.ErrIdentity)
	}
	require.NoError(t, co.vote(r, yes(ben)))
	require.NoError(t, co.outcome("r1").err)
}

// A second desk shares the log and does not wake the gate, so both votes are
// there when it looks.
func TestARefusalWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		co := newCompany(t, newMemory(), &approval.Options{Poll: time.Minute})
		other := newCompany(t, co.log, nil)
		done := co.start(t.Context(), "r1")
		synctest.Wait()
		r := other.request("r1")
		require.NoError(t, other.vote(r, yes(ben)))
		require.NoError(t, other.vote(r, yes(cleo)))
		require.NoError(t, other.vote(r, no(ben, "I saw something")), "also of somebody who approved")
		require.ErrorIs(t, other.vote(r, yes(dana)), approval.ErrClosed)
		e := <-done
		require.ErrorIs(t, e.err, approval.ErrRefused)
		require.ErrorContains(t, e.err, "Ben (ben@example.com): I saw something")
		require.Equal(t, deploy.Undone, e.rep.Outcome)
		require.Zero(t, co.released.Load())
	})
}

func TestAtTheInstantOfTheDeadlineNothingPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		co := newCompany(t, newMemory(), &approval.Options{Poll: time.Hour})
		co.policy.Within = 10 * time.Minute
		other := newCompany(t, co.log, nil)
		done := co.start(t.Context(), "r1")
		synctest.Wait()
		r := other.request("r1")
		require.Equal(t, 10*time.Minute, r.Deadline.Sub(r.Opened))
		time.Sleep(time.Until(r.Deadline) - 1)
		require.NoError(t, other.vote(r, yes(ben)))
		require.NoError(t, other.vote(r, yes(cleo)))
		time.Sleep(time.Nanosecond)
		require.Zero(t, time.Until(r.Deadline))
		require.ErrorIs(t, other.vote(r, yes(dana)), approval.ErrExpired)
		e := <-done
		require.ErrorIs(t, e.err, approval.ErrExpired, "the gate looks at the deadline, when it is too late")
		require.Zero(t, time.Until(r.Deadline), "it does not wait longer")
		require.Zero(t, co.released.Load())
	})
}

func TestWhatWasApprovedBeforeTheDeadlineDoesNotPassAfterIt(t *testing.T) {
	for _, late := range []time.Duration{-1, 0, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			co := newCompany(t, newMemory(), nil)
			r := co.leave("r1")
			require.NoError(t, co.vote(r, yes(ben)))
			require.NoError(t, co.vote(r, yes(cleo)))
			time.Sleep(time.Until(r.Deadline) + late)
			e := co.outcome("r1")
			if late < 0 {
				require.NoError(t, e.err)
				return
			}
			require.ErrorIs(t, e.err, approval.ErrExpired)
			require.Zero(t, co.released.Load())
		})
	}
}

func TestWaitingSurvivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		co := newCompany(t, newMemory(), nil)
		r := co.leave("r1")
		time.Sleep(time.Hour)
		require.Equal(t, r.Digest(), co.leave("r1").Digest(), "the deadline does not move")
		require.NoError(t, co.vote(r, yes(ben)))
		require.ErrorIs(t, co.vote(r, yes(ben)), approval.ErrVoted)

		again := newCompany(t, co.log, nil) // another process
		done := again.start(t.Context(), "r1")
		synctest.Wait()
		require.NoError(t, co.vote(r, yes(cleo)))
		e := <-done
		require.NoError(t, e.err)
		require.Len(t, passed(t, e.rep).By, 2)
		require.Len(t, bodies(t, co.log, co.stream(), "opened"), 1)
		require.Len(t, bodies(t, co.log, co.stream(), "voted"), 2)
		require.Len(t, bodies(t, co.log, co.stream(), "closed"), 1)
	})
}

// Both votes on a request of the first run are put where the second looks, by
// somebody who can write the log.
func TestVotesCannotBeReplayed(t *testing.T) {
	for name, change := range map[string]func(*company){
		"run":         func(*company) {},
		"plan":        func(co *company) { co.note = "something else" },
		"output":      func(co *company) { co.artefact = "sha256:bb" },
		"policy":      func(co *company) { co.policy.Within = time.Hour },
		"initiator":   func(co *company) { co.initiator = "eve@example.com" },
		"environment": func(co *company) { co.env = envconfig.Development() },
		"service":     func(co *company) { co.service = "web" },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := newMemory()
				first := newCompany(t, log, nil)
				r := first.leave("r1")
				require.NoError(t, first.vote(r, yes(ben)))
				require.NoError(t, first.vote(r, yes(cleo)))
				require.NoError(t, first.outcome("r1").err)
				old := bodies(t, log, first.stream(), "voted")
				require.Len(t, old, 2)
				if name != "run" {
					log = newMemory() // so that the run can have the same id
				}

				second := newCompany(t, log, &approval.Options{Poll: time.Hour})
				change(second)
				id := map[bool]deploy.RunID{true: "r2", false: "r1"}[name == "run"]
				s := second.leave(id)
				require.NotEqual(t, r.Digest(), s.Digest())
				for _, body := range old {
					forge(t, log, second.stream(), body)
				}
				e := second.outcome(id)
				require.ErrorIs(t, e.err, approval.ErrExpired)
				require.Zero(t, second.released.Load())
				require.ErrorIs(t, second.vote(r, yes(ben)), map[bool]error{true: approval.ErrExpired, false: errNotExist}[name == "run"])
			})
		})
	}
}

func TestWhatNobodySignedDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		co := newCompany(t, log, nil)
		r := co.leave("r1")
		require.NoError(t, co.vote(r, yes(ben)))
		vote := bodies(t, log, co.stream(), "voted")[0]
		opened := bodies(t, log, co.stream(), "opened")[0]
		forgeries := []string{
			strings.ReplaceAll(string(vote), "ben@", "cleo@"),
			strings.ReplaceAll(strings.ReplaceAll(string(vote), "ben@", "cleo@"), `"key":"desk"`, `"key":"other"`),
			strings.ReplaceAll(strings.ReplaceAll(string(vote), "ben@", "cleo@"), `"key":"desk",`, ``),
			strings.ReplaceAll(string(vote), `["ops"]`, `["qa"]`),
			strings.Replace(string(vote), `"kind":"voted"`, `"kind":"closed"`, 1),
			strings.Replace(string(opened), `"kind":"opened"`, `"kind":"voted"`, 1),
			strings.ReplaceAll(string(opened), `"initiator":"ada@`, `"initiator":"eve@`),
			fmt.Sprintf(`{"kind":"closed","statement":{"v":1,"request":%q,"state":"approved"},"key":"desk","sig":"AAAA"}`, r.Digest()),
			`{"kind":"of tomorrow","statement":{},"sig":""}`,
		}
		for _, f := range forgeries {
			require.True(t, json.Valid([]byte(f)), f)
			require.NotContains(t, []string{string(vote), string(opened)}, f, "nothing was changed")
			forge(t, log, co.stream(), json.RawMessage(f))
		}
		forge(t, log, co.stream(), vote) // again
		s, err := co.desk.Request(t.Context(), co.ref(), r.Digest())
		require.NoError(t, err)
		require.Len(t, s.Votes, 1)
		require.True(t, s.Open)
		for other, err := range co.desk.Requests(t.Context(), co.ref()) {
			require.NoError(t, err)
			require.Equal(t, r.Digest(), other.Digest, "nobody has opened another")
		}
		require.NoError(t, co.vote(r, yes(cleo)))
		require.NoError(t, co.outcome("r1").err)
	})
}

func TestAVoteThatIsAddedAfterTheGateHasPassedDoesNotCount(t *testing.T) {
	log := newMemory()
	co := newCompany(t, log, approvers())
	r := co.leave("r1")
	require.NoError(t, co.vote(r, yes(ben)))
	require.NoError(t, co.vote(r, yes(cleo)))
	copied := &memory{streams: map[string][][]byte{co.stream(): log.streams[co.stream()]}}
	require.NoError(t, newCompany(t, copied, approvers()).vote(r, no(dana, "")))
	refusal := bodies(t, copied, co.stream(), "voted")[2]
	require.NoError(t, co.outcome("r1").err)
	forge(t, log, co.stream(), refusal)
	s, err := co.desk.Request(t.Context(), co.ref(), r.Digest())
	require.NoError(t, err)
	require.Equal(t, approval.Approved, s.State)
	require.Len(t, s.Votes, 2)
}

func TestAnAppendThatWasLostAndWasNot(t *testing.T) {
	log := newMemory()
	co := newCompany(t, log, nil)
	r := co.leave("r1")
	log.lose = errors.New("connection reset")
	require.NoError(t, co.vote(r, yes(ben)), "it is there")
	log.lose = nil
	tries := 0
	log.fail = func(op, _ string) error {
		if op == "append" {
			tries++
			return errors.New("disk full")
		}
		return nil
	}
	require.ErrorContains(t, co.vote(r, yes(cleo)), "disk full")
	require.Equal(t, 1, tries)
	log.fail = nil
	require.NoError(t, co.vote(r, yes(cleo)))
	require.Len(t, bodies(t, log, co.stream(), "voted"), 2)
}

func TestAPlanThatIsTooLongForARecordIsNotKept(t *testing.T) {
	co := newCompany(t, newMemory(), nil)
	for _, name := range []string{"more", "even-more"} {
		co.more = append(co.more, deploy.Step{Name: name, InFlight: deploy.Repeat, Do: &says{strings.Repeat(name, 600<<10/len(name))}})
	}
	r := co.leave("r1")
	require.Nil(t, r.Plan)
	require.Contains(t, r.String(), "not kept here")
	require.NoError(t, co.vote(r, yes(ben)))
}

// says does nothing.
type says struct{ Text string }

func (s *says) Spec() any { return s }

func (*says) Run(context.Context, *deploy.Call) error { return nil }

func TestALogThatWasEditedStopsTheRun(t *testing.T) {
	log := newMemory()
	co := newCompany(t, log, nil)
	r := co.leave("r1")
	require.NoError(t, co.vote(r, no(ben, "")))
	log.streams[co.stream()] = append(log.streams[co.stream()][:1:1], []byte(strings.Replace(string(log.streams[co.stream()][1]), "refuse", "approve", 1)))
	fresh := newCompany(t, log, nil)
	require.ErrorContains(t, fresh.outcome("r1").err, "edited")
}

func TestAnotherRunSupersedesTheRequest(t *testing.T) {
	co := newCompany(t, newMemory(), nil)
	r := co.leave("r1")
	require.NoError(t, co.vote(r, yes(ben)))
	require.NoError(t, co.runner.Decide(t.Context(), deploy.Ref{Service: "api", Environment: co.env.Name, Run: "r1"}, "",
		deploy.Decision{Answer: deploy.AnswerUndo, By: "ada"}))
	require.Error(t, co.outcome("r1").err)
	next := co.leave("r2")
	require.ErrorIs(t, co.vote(r, yes(cleo)), approval.ErrClosed)
	require.NoError(t, co.vote(next, yes(cleo)))
	s, err := co.desk.Request(t.Context(), co.ref(), r.Digest())
	require.NoError(t, err)
	require.Equal(t, approval.Superseded, s.State)
}

func TestAPlanThatIsOverriddenIsApprovedAnew(t *testing.T) {
	co := newCompany(t, newMemory(), nil)
	r := co.leave("r1")
	require.NoError(t, co.vote(r, yes(ben)))
	require.NoError(t, co.vote(r, yes(cleo)))
	override := func(note string) {
		co.note = note
		digest, err := co.plan().Digest()
		require.NoError(t, err)
		ref := co.ref()
		ref.Run = "r1"
		require.NoError(t, co.runner.Decide(t.Context(), ref, "", deploy.Decision{Answer: deploy.AnswerOverride, Digest: digest, By: "ada"}))
	}
	override("another build")
	anew := co.leave("r1")
	require.NotEqual(t, r.Digest(), anew.Digest())
	require.ErrorIs(t, co.vote(r, no(dana, "")), approval.ErrClosed)
	override("")
	back := co.leave("r1")
	require.NotEqual(t, r.Digest(), back.Digest(), "what was approved before does not come back")
	override("another build")
	anew = co.leave("r1")
	require.NoError(t, co.vote(anew, yes(ben)))
	require.NoError(t, co.vote(anew, yes(cleo)))
	require.NoError(t, co.outcome("r1").err)
}

func TestAGateUndoesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // where it would wait, a day is over at once
		log := newMemory()
		desk := newCompany(t, log, nil).desk
		runner, err := deploy.New(log, &deploy.Options{Initiator: ada.ID, Executable: "sha256:test"})
		require.NoError(t, err)
		gate, err := desk.Gate(approval.Policy{Quorums: []approval.Quorum{{}}})
		require.NoError(t, err)
		_, err = runner.Run(t.Context(), "r1", deploy.Plan{Service: "api", Env: envconfig.Staging(), Steps: []deploy.Step{
			{Name: "do", InFlight: deploy.Repeat, Do: &says{}, Undo: gate},
			{Name: "fail", InFlight: deploy.Repeat, Do: deploy.Func("fail", "1", func(context.Context, *deploy.Call) error { return errKilled })},
		}})
		require.ErrorContains(t, err, "an approval is the Do of a step, not its Undo")
		require.Empty(t, log.streams["approvals/stg/api"])
	})
}

func TestTheGateOutlastsALogThatFailsForAWhile(t *testing.T) {
	const flaps = 100 // four failures, a success, and so on
	for _, failures := range []int{4, 5, flaps} {
		synctest.Test(t, func(t *testing.T) {
			log := newMemory()
			co := newCompany(t, log, nil)
			done := co.start(t.Context(), "r1")
			synctest.Wait()
			r := co.request("r1")
			left := failures
			log.mu.Lock()
			log.fail = func(op, stream string) error {
				if left == 0 || stream != co.stream() {
					return nil
				}
				left--
				if failures == flaps && left%5 == 0 {
					return nil
				}
				return errors.New("disk on fire")
			}
			log.mu.Unlock()
			time.Sleep(time.Hour)
			synctest.Wait()
			if failures == 5 {
				require.ErrorContains(t, (<-done).err, "disk on fire")
				return
			}
			require.NoError(t, co.vote(r, yes(ben)))
			require.NoError(t, co.vote(r, yes(cleo)))
			require.NoError(t, (<-done).err)
		})
	}
}

func TestManyVoteAtTheSameTime(t *testing.T) {
	co := newCompany(t, newMemory(), &approval.Options{Poll: 10 * time.Millisecond})
	co.policy.Quorums = []approval.Quorum{{Role: "ops", N: 10}}
	done := co.start(t.Context(), "r1")
	<-co.opened
	r := co.request("r1")
	var all sync.WaitGroup
	var mu sync.Mutex
	counted := map[string]int{}
	for range 3 { // desks
		desk := newCompany(t, co.log, nil)
		for n := range 10 {
			all.Go(func() {
				who := approval.Identity{ID: fmt.Sprintf("p%d@example.com", n), Roles: []string{"ops"}}
				err := desk.vote(r, yes(who))
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					counted[who.ID]++
				} else if !errors.Is(err, approval.ErrVoted) && !errors.Is(err, approval.ErrClosed) {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	e := <-done
	require.NoError(t, e.err)
	require.Len(t, passed(t, e.rep).By, 10)
	require.Len(t, counted, 10)
	for who, n := range counted {
		require.Equal(t, 1, n, who)
	}
	require.Len(t, bodies(t, co.log, co.stream(), "voted"), 10)
}

// A vote that was taken before the gate passed was counted by it: either the
// run failed, or the refusal was told that it came too late.
func TestARefusalThatIsTakenIsHeard(t *testing.T) {
	for range 20 {
		co := newCompany(t, newMemory(), &approval.Options{Poll: time.Millisecond})
		co.policy.Quorums = []approval.Quorum{{Role: "ops"}}
		done := co.start(t.Context(), "r1")
		<-co.opened
		r := co.request("r1")
		other := newCompany(t, co.log, nil)
		refused := make(chan error, 1)
		go func() { refused <- other.vote(r, no(dana, "")) }()
		approved := co.vote(r, yes(ben))
		e, err := <-done, <-refused
		if err == nil {
			require.ErrorIs(t, e.err, approval.ErrRefused)
		} else {
			require.ErrorIs(t, err, approval.ErrClosed)
			require.NoError(t, approved)
			require.NoError(t, e.err)
		}
	}
}

func TestTheSpecHoldsWhatDecidesAndThePreviewAsksNobody(t *testing.T) {
	co := newCompany(t, newMemory(), &approval.Options{Approvers: []approval.Approver{{Identity: ben, Key: public("ben")}}})
	digest := func(change func(*company)) string {
		c := newCompany(t, newMemory(), nil)
		c.desk, c.policy = co.desk, co.policy
		change(c)
		d, err := c.plan().Digest()
		require.NoError(t, err)
		return d
	}
	same := digest(func(*company) {})
	require.Equal(t, same, digest(func(c *company) { c.policy.Within = 24 * time.Hour }), "the default, spelt out")
	for _, change := range []func(*company){
		func(c *company) { c.policy.Within = time.Hour },
		func(c *company) { c.policy.AllowSelf = true },
		func(c *company) { c.policy.Quorums = c.policy.Quorums[:1] },
		func(c *company) { c.desk = newCompany(t, newMemory(), nil).desk },
	} {
		require.NotEqual(t, same, digest(change))
	}
	lines, err := co.plan().Preview()
	require.NoError(t, err)
	require.Contains(t, fmt.Sprint(lines), "wait at most 24h0m0s for the approval of 1 of role ops and 1 of role qa")
	require.Empty(t, bodies(t, co.log, co.stream(), "opened"))
}

// ben continues the run that ada started: he cannot approve it either, and what
// he approved before counts no more. The votes of others outlive him.
func TestWhoeverContinuesARunDoesNotApproveIt(t *testing.T) {
	log := newMemory()
	co := newCompany(t, log, nil)
	co.policy.Quorums = []approval.Quorum{{Role: "ops", N: 2}}
	r := co.leave("r1")
	require.NoError(t, co.vote(r, yes(ben)))
	require.NoError(t, co.vote(r, yes(dana)))
	co.initiator = "Ben <BEN@example.com>"
	require.Equal(t, r.Digest(), co.leave("r1").Digest(), "nobody is asked anew")
	s, err := co.desk.Request(t.Context(), co.ref(), r.Digest())
	require.NoError(t, err)
	require.Equal(t, []string{"ada@example.com", "Ben <BEN@example.com>"}, s.Initiators)
	require.Equal(t, approval.Waiting, s.State)
	require.Len(t, s.Votes, 1)
	require.Equal(t, dana.ID, s.Votes[0].By.ID)
	require.ErrorIs(t, co.vote(r, yes(ben)), approval.ErrSelf)
	require.ErrorIs(t, newCompany(t, log, nil).vote(r, yes(ben)), approval.ErrSelf, "at another desk")
	co.initiator = ada.ID
	co.leave("r1")
	require.Len(t, bodies(t, log, co.stream(), "joined"), 1, "once is enough")
	require.NoError(t, co.vote(r, yes(approval.Identity{ID: "eve@example.com", Roles: []string{"ops"}})))
	e := co.outcome("r1")
	require.NoError(t, e.err)
	require.Equal(t, []string{"dana@example.com as ops", "eve@example.com as ops"}, ids(passed(t, e.rep)))
	require.Equal(t, passed(t, e.rep).By, e.rep.Approvals)
	require.Equal(t, []string{"ada@example.com", "Ben <BEN@example.com>"}, e.rep.Initiators())
	require.Contains(t, e.rep.String(), "approved by dana@example.com as ops")
}

func TestWhoeverContinuesARunMayCallItOff(t *testing.T) {
	co := newCompany(t, newMemory(), nil)
	r := co.leave("r1")
	co.initiator = ben.ID
	co.leave("r1")
	require.NoError(t, co.vote(r, no(approval.Identity{ID: ben.ID}, "")), "whatever the roles")
	require.ErrorIs(t, co.outcome("r1").err, approval.ErrRefused)

	co = newCompany(t, newMemory(), nil)
	co.policy.AllowSelf = true
	r = co.leave("r1")
	require.NoError(t, co.vote(r, yes(ben)))
	co.initiator = ben.ID
	co.leave("r1")
	require.NoError(t, co.vote(r, yes(cleo)))
	require.NoError(t, co.outcome("r1").err)
}

// Whoever can write the log could take approvals away by saying that those who
// gave them continued the run.
func TestWhoContinuedIsBelievedOfADeskOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // where it would wait, a day is over at once
		log := newMemory()
		co := newCompany(t, log, nil)
		r := co.leave("r1")
		require.NoError(t, co.vote(r, yes(ben)))
		statement := fmt.Sprintf(`{"v":1,"request":%q,"by":[%q]}`, r.Digest(), ben.ID)
		forge(t, log, co.stream(), map[string]any{
			"kind": "joined", "statement": json.RawMessage(statement), "key": "desk",
			"sig": ed25519.Sign(key("stranger"), []byte("devops approval v1 joined\n"+statement)),
		})
		require.NoError(t, co.vote(r, yes(cleo)))
		e := co.outcome("r1")
		require.NoError(t, e.err)
		require.Equal(t, []string{"ben@example.com as ops", "cleo@example.com as qa"}, ids(passed(t, e.rep)))
	})
}

func TestWhoeverContinuesARunIsIdentified(t *testing.T) {
	co := newCompany(t, newMemory(), nil)
	r := co.leave("r1")
	require.NoError(t, co.vote(r, yes(ben)))
	require.NoError(t, co.vote(r, yes(cleo)))
	co.initiator = ""
	require.ErrorContains(t, co.outcome("r1").err, "set deploy.Options.Initiator")
	require.Zero(t, co.released.Load())
}

// Another build of the program may run the same plan only by a decision, and
// then it is asked for anew: before the gate has let the run pass, and after.
func TestAnApprovalIsForOneBuildOfTheProgram(t *testing.T) {
	for _, after := range []bool{false, true} {
		co := newCompany(t, newMemory(), nil)
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		second := &stops{}
		co.more = []deploy.Step{{Name: "second", InFlight: deploy.Repeat, Do: second}}
		if after {
			second.stop = func() { cancel(errKilled) }
		}
		r := co.leave("r1")
		require.Equal(t, "sha256:test", r.Executable)
		require.NoError(t, co.vote(r, yes(ben)))
		require.NoError(t, co.vote(r, yes(cleo)))
		if after {
			require.ErrorIs(t, (<-co.start(ctx, "r1")).err, errKilled)
			require.EqualValues(t, 1, co.released.Load())
			second.stop = nil
		}
		digest, err := co.plan().Digest()
		require.NoError(t, err)
		ref := co.ref()
		ref.Run = "r1"
		require.NoError(t, co.runner.Decide(t.Context(), ref, "", deploy.Decision{Answer: deploy.AnswerOverride, Digest: digest, By: "ada"}))
		co.executable = "sha256:other"
		anew := co.leave("r1")
		require.NotEqual(t, r.Digest(), anew.Digest())
		require.Equal(t, "sha256:other", anew.Executable)
		require.Contains(t, anew.String(), "program sha256:other")
		require.EqualValues(t, map[bool]int32{true: 1}[after], co.released.Load())
		require.EqualValues(t, map[bool]int32{true: 1}[after], second.n.Load(), "nothing goes on meanwhile")
		require.ErrorIs(t, co.vote(r, no(dana, "")), approval.ErrClosed)
		require.NoError(t, co.vote(anew, yes(dana)))
		require.NoError(t, co.vote(anew, yes(cleo)))
		e := co.outcome("r1")
		require.NoError(t, e.err)
		require.Equal(t, anew.Digest(), passed(t, e.rep).Request)
		require.EqualValues(t, 1, co.released.Load(), "what is done is not done again")
	}
}

// stops counts, and stops the program where it is told to.
type stops struct {
	n    atomic.Int32
	stop func()
}

func (*stops) Spec() any { return "stops" }

func (s *stops) Run(ctx context.Context, _ *deploy.Call) error {
	if s.n.Add(1); s.stop != nil {
		s.stop()
		return context.Cause(ctx)
	}
	return nil
}
