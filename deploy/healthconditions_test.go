package deploy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/envconfig"
)

// series is a condition that passes, fails, is inconclusive or cannot be
// measured as its letters say, one a look, and goes on as the last one says.
func series(letters string, looked *int) deploy.Action {
	return deploy.Check("series", letters, func(context.Context) error {
		letter := letters[min(*looked, len(letters)-1)]
		*looked++
		switch letter {
		case 'f':
			return errors.New("it is unwell")
		case 'i':
			return fmt.Errorf("who knows: %w", deploy.ErrInconclusive)
		case 'e':
			return fmt.Errorf("no figures: %w", deploy.ErrUnmeasured)
		}
		return nil
	})
}

// judged runs an action as the only step of a plan in a bubble of virtual time.
// The outcome is succeeded, undone (it failed) or held.
func judged(t *testing.T, a deploy.Action) (outcome deploy.Outcome, took time.Duration, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var rep *deploy.Report
		rep, err = newRunner(t, newMemLog(), nil).Run(t.Context(), "r1", plan(deploy.Step{Name: "gate", InFlight: deploy.Repeat, Do: a}))
		outcome, took = rep.Outcome, time.Since(start)
	})
	return outcome, took, err
}

// TestLimitsMeanTheSameInHealthAndWatch that take the same five looks.
func TestLimitsMeanTheSameInHealthAndWatch(t *testing.T) {
	const passed, failed, held = deploy.Succeeded, deploy.Undone, deploy.Held
	for _, c := range []struct {
		letters string
		limits  deploy.Limits
		want    deploy.Outcome
		looks   int
		reason  string
	}{
		{"ppppp", deploy.Limits{}, passed, 5, ""},
		{"ppfpp", deploy.Limits{}, failed, 3, "1 failed, at most 0 tolerated; last: series: it is unwell"},
		{"pfpfp", deploy.Limits{MaxFailed: 2}, passed, 5, ""},
		{"pfpff", deploy.Limits{MaxFailed: 2}, failed, 5, "3 failed, at most 2 tolerated"},
		{"fffff", deploy.Limits{MaxFailed: -1}, failed, 5, "no result was good"},
		{"ppipp", deploy.Limits{}, held, 3, "1 inconclusive, at most 0 tolerated; last: series: who knows"},
		{"pipip", deploy.Limits{MaxInconclusive: 2}, passed, 5, ""},
		{"iiipp", deploy.Limits{MaxInconclusive: 2}, held, 3, "3 inconclusive, at most 2 tolerated"},
		{"iiiii", deploy.Limits{MaxInconclusive: -1}, held, 5, "no evidence is no pass, and 5 were inconclusive"},
		{"iifii", deploy.Limits{MaxInconclusive: -1}, failed, 3, "1 failed, at most 0 tolerated"},
		{"eeeep", deploy.Limits{}, passed, 5, ""},
		{"eeeee", deploy.Limits{}, failed, 5, "5 measurements in a row could not be made, at most 4 are tolerated; last: series: no figures"},
		{"eepep", deploy.Limits{MaxErrors: 1}, failed, 2, "2 measurements in a row could not be made"},
		{"pipip", deploy.Limits{MaxInconclusive: -1, MinResults: 4}, held, 5, "3 results, at least 4 wanted"},
		{"pppip", deploy.Limits{MaxInconclusive: -1, MinResults: 4}, passed, 5, ""},
	} {
		t.Run(c.letters+fmt.Sprint(c.limits), func(t *testing.T) {
			for name, action := range map[string]func(deploy.Action) deploy.Action{
				"health": func(a deploy.Action) deploy.Action {
					return &deploy.Health{Conditions: []deploy.Action{a}, Limits: &c.limits, Interval: time.Second, Count: 5}
				},
				"health until its patience is over": func(a deploy.Action) deploy.Action {
					return &deploy.Health{Conditions: []deploy.Action{a}, Limits: &c.limits, Interval: time.Second, Patience: 4500 * time.Millisecond}
				},
				"watch": func(a deploy.Action) deploy.Action {
					return &deploy.Watch{Conditions: []deploy.Action{a}, Limits: &c.limits, Interval: time.Second, For: 4 * time.Second}
				},
			} {
				if name == "watch" && c.looks == 5 && c.want != passed {
					continue // it waits as long again where evidence is missing
				}
				looked := 0
				outcome, _, err := judged(t, action(series(c.letters, &looked)))
				require.Equal(t, c.want, outcome, "%s: %v", name, err)
				require.Equal(t, c.looks, looked, name)
				require.Equal(t, c.want == held, errors.Is(err, deploy.ErrInconclusive), name)
				if c.reason != "" {
					require.ErrorContains(t, err, c.reason, name)
				}
			}
		})
	}
}

func TestHealthTimes(t *testing.T) {
	for _, c := range []struct {
		name    string
		health  deploy.Health
		letters string
		want    deploy.Outcome
		looks   int
		took    time.Duration
		reason  string
	}{
		{"default", deploy.Health{}, "p", deploy.Succeeded, 3, 400 * time.Millisecond, ""},
		{"failures are waited out", deploy.Health{}, "fffffppfppp", deploy.Succeeded, 11, 2 * time.Second, ""},
		{"inconclusive is not", deploy.Health{}, "ffi", deploy.Held, 3, 400 * time.Millisecond, "1 inconclusive, at most 0"},
		{"patience", deploy.Health{Interval: 7 * time.Second}, "f", deploy.Undone, 5, 30 * time.Second, "not good within its patience (30s): no result was good; last: series: it is unwell"},
		{"initial delay", deploy.Health{InitialDelay: time.Minute, Patience: time.Second}, "p", deploy.Succeeded, 3, time.Minute + 400*time.Millisecond, ""},
		{"interval", deploy.Health{Interval: 5 * time.Second}, "p", deploy.Succeeded, 3, 10 * time.Second, ""},
		{"count", deploy.Health{Count: 4}, "fpfppp", deploy.Undone, 4, 600 * time.Millisecond, "1 good in a row, 3 wanted"},
		{"a row decides at once", deploy.Health{Limits: &deploy.Limits{Successes: 2, MinResults: 4, MaxFailed: 1}}, "pppfpp", deploy.Succeeded, 6, time.Second, ""},
		{"without a row the patience is used up", deploy.Health{Limits: &deploy.Limits{}, Interval: time.Second, Patience: 9500 * time.Millisecond}, "p", deploy.Succeeded, 10, 9500 * time.Millisecond, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			looked := 0
			h := c.health
			h.Conditions = []deploy.Action{series(c.letters, &looked)}
			outcome, took, err := judged(t, &h)
			require.Equal(t, c.want, outcome, "%v", err)
			require.Equal(t, c.looks, looked)
			require.Equal(t, c.took, took)
			if c.reason != "" {
				require.ErrorContains(t, err, c.reason)
			}
		})
	}
}

// TestAConditionThatHangsIsCutOff by the patience, and says nothing then.
func TestAConditionThatHangsIsCutOff(t *testing.T) {
	hangs := func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }
	outcome, took, err := judged(t, &deploy.Health{Conditions: []deploy.Action{deploy.Check("hung", "1", hangs)}, Patience: 10 * time.Second})
	require.Equal(t, deploy.Undone, outcome)
	require.Equal(t, 10*time.Second, took)
	require.ErrorContains(t, err, "not good within its patience (10s): 0 results, at least 1 wanted")

	outcome, took, err = judged(t, &deploy.Health{Conditions: []deploy.Action{deploy.Check("hung", "1", hangs)}, Patience: time.Hour, Limits: &deploy.Limits{}})
	require.Equal(t, deploy.Undone, outcome)
	require.Equal(t, 30*time.Second, took)
	require.ErrorContains(t, err, "hung: it told nothing within 30s")

	outcome, took, err = judged(t, &deploy.Watch{Conditions: []deploy.Action{deploy.Func("hung", "1", func(ctx context.Context, _ *deploy.Call) error { return hangs(ctx) })}, For: 10 * time.Second})
	require.Equal(t, deploy.Undone, outcome)
	require.Equal(t, 21*time.Second, took)
	require.ErrorContains(t, err, "the conditions took longer than the watch of 10s")

	problem := errors.New("its own")
	_, _, err = judged(t, deploy.Check("own", "1", func(context.Context) error { return problem }))
	require.ErrorIs(t, err, problem)
	_, _, err = judged(t, &deploy.Health{Conditions: []deploy.Action{deploy.Check("panics", "1", func(context.Context) error { panic("at the disco") })}})
	require.ErrorContains(t, err, "at the disco")
}

// TestConditionsAreWorstFirst, and none is asked behind one that does not hold.
func TestConditionsAreWorstFirst(t *testing.T) {
	one := func(letter string, asked *int) deploy.Action { return series(letter, asked) }
	for _, c := range []struct {
		letters string
		want    deploy.Outcome
		asked   []int
		reason  string
	}{
		{"ppp", deploy.Succeeded, []int{1, 1, 1}, ""},
		{"ief", deploy.Undone, []int{1, 1, 1}, "it is unwell"},
		{"fie", deploy.Undone, []int{1, 0, 0}, "it is unwell"},
		{"pie", deploy.Undone, []int{2, 2, 2}, "2 measurements in a row could not be made, at most 1 are tolerated; last: series: no figures"},
		{"eip", deploy.Undone, []int{2, 2, 2}, "no figures"},
		{"pip", deploy.Held, []int{1, 1, 1}, "who knows"},
	} {
		asked := make([]int, 3)
		var all deploy.Conditions
		for i := range asked {
			all = append(all, one(c.letters[i:i+1], &asked[i]))
		}
		outcome, _, err := judged(t, &deploy.Health{Conditions: all, Limits: &deploy.Limits{Successes: 1, MaxErrors: 1}})
		require.Equal(t, c.want, outcome, c.letters)
		require.Equal(t, c.asked, asked, c.letters)
		if c.reason != "" {
			require.ErrorContains(t, err, c.reason, c.letters)
		}
	}
}

// TestATypedErrorOfAConditionIsKept, except where it would hold a run that the
// limits have failed.
func TestATypedErrorOfAConditionIsKept(t *testing.T) {
	full := errors.New("queue is full")
	_, _, err := judged(t, &deploy.Health{Conditions: []deploy.Action{deploy.Check("queue", "1", func(context.Context) error { return full })}, Limits: &deploy.Limits{}})
	require.ErrorIs(t, err, full)
	require.ErrorContains(t, err, "queue: queue is full")
	looked := 0
	outcome, _, err := judged(t, &deploy.Health{Conditions: []deploy.Action{series("fi", &looked)}, Limits: &deploy.Limits{MaxFailed: -1, MaxInconclusive: 5, Successes: 2}, Count: 2})
	require.Equal(t, deploy.Undone, outcome, "%v", err)
	require.NotErrorIs(t, err, deploy.ErrInconclusive)
}

func TestAConditionOfAFencedHostIsNoResult(t *testing.T) {
	var asked atomic.Int64
	exec := deploy.ExecutorFunc(func(_ context.Context, cmd deploy.Command) (deploy.Result, error) {
		asked.Add(1)
		return deploy.Result{}, fmt.Errorf("epoch 3: %w", deploy.ErrFenced)
	})
	check := &deploy.CommandCheck{Command: deploy.Command{Argv: []string{"true"}}}
	for name, a := range map[string]deploy.Action{
		"check":  check,
		"health": &deploy.Health{Conditions: []deploy.Action{check}},
		"watch":  &deploy.Watch{Conditions: []deploy.Action{check}, For: time.Minute},
	} {
		asked.Store(0)
		r := newRunner(t, newMemLog(), &deploy.Options{Executor: exec})
		rep, err := r.Run(t.Context(), "r1", plan(deploy.Step{Name: "gate", InFlight: deploy.Repeat, Do: a}))
		require.ErrorIs(t, err, deploy.ErrFenced, name)
		require.Equal(t, deploy.Interrupted, rep.Outcome, name)
		require.EqualValues(t, 1, asked.Load(), name)
	}
}

func TestConditionsAreInThePlan(t *testing.T) {
	ok := func(context.Context) error { return nil }
	with := func(conditions ...deploy.Action) deploy.Plan {
		return plan(deploy.Step{Name: "gate", Kind: deploy.KindHealth, Do: &deploy.Health{Conditions: conditions}},
			deploy.Step{Name: "watch", Kind: deploy.KindWatch, Do: &deploy.Watch{For: time.Minute, Conditions: conditions, Limits: &deploy.Limits{MaxInconclusive: 3}}})
	}
	digest := func(p deploy.Plan) string {
		d, err := p.Digest()
		require.NoError(t, err)
		return d
	}
	p := with(deploy.Check("queue", "1", ok), &deploy.TCPCheck{Addr: "db:5432"})
	require.Equal(t, digest(p), digest(with(deploy.Check("queue", "1", ok), &deploy.TCPCheck{Addr: "db:5432"})))
	require.NotEqual(t, digest(p), digest(with(deploy.Check("queue", "2", ok), &deploy.TCPCheck{Addr: "db:5432"})))
	require.NotEqual(t, digest(p), digest(with(deploy.Check("queue", "1", ok), &deploy.TCPCheck{Addr: "db:5433"})))

	d, err := p.Describe()
	require.NoError(t, err)
	require.JSONEq(t, `{"url":"","conditions":[
		{"type":"deploy.Func","opaque":"queue","spec":{"opaque":{"name":"queue","version":"1"}}},
		{"type":"deploy.TCPCheck","spec":{"addr":"db:5432"}}]}`, string(d.Steps[0].Do.Spec))

	// The rules on what cannot be read hold inside a Health, a Watch and what
	// embeds one.
	p.Env = envconfig.Production()
	require.ErrorContains(t, p.Validate(), `field Steps[0] "gate": deploy.Func "queue" is opaque`)
	require.ErrorContains(t, p.Validate(), `field Steps[1] "watch": deploy.Func "queue" is opaque`)
	type gate struct{ deploy.Health }
	p.Steps[0].Do = &gate{deploy.Health{Conditions: deploy.Conditions{deploy.Check("inner", "1", ok)}}}
	require.ErrorContains(t, p.Validate(), `deploy.Func "inner" is opaque`)

	raw, err := json.Marshal((&deploy.Health{URL: "http://127.0.0.1/", Patience: time.Second}).Spec())
	require.NoError(t, err)
	require.Equal(t, `{"url":"http://127.0.0.1/","patience":1000000000}`, string(raw), "an old plan keeps its digest")
}

func TestConditionsThatCannotWork(t *testing.T) {
	for want, a := range map[string]deploy.Action{
		"field URL is empty, and so is Conditions":           &deploy.Health{},
		"field Status, Header or Want is set and URL is":     &deploy.Health{Want: "v3", Conditions: []deploy.Action{&deploy.TCPCheck{Addr: "a:1"}}},
		"field Conditions[1]: deploy.TCPCheck: field Addr":   &deploy.Health{Conditions: []deploy.Action{&deploy.TCPCheck{Addr: "a:1"}, &deploy.TCPCheck{}}},
		"field Conditions[0]: is nil":                        &deploy.Watch{For: 1, Conditions: []deploy.Action{nil}},
		"field Conditions[0]: *deploy.TCPCheck is a nil":     &deploy.Watch{For: 1, Conditions: []deploy.Action{(*deploy.TCPCheck)(nil)}},
		"*deploy.Health is a nil pointer":                    (*deploy.Health)(nil),
		"field Limits.Successes or Limits.MinResults is":     &deploy.Watch{For: 1, Limits: &deploy.Limits{MinResults: -1}},
		"field Count: 2 measurements cannot give the 3":      &deploy.Health{URL: "http://a/", Count: 2},
		"field Count, InitialDelay, Interval or Patience":    &deploy.Health{URL: "http://a/", InitialDelay: -1},
		"field MaxFailed, MinRequests, InitialDelay or":      &deploy.Watch{For: 1, InitialDelay: -1},
		"deploy.Func needs a name and a version":             deploy.Check("", "1", nil),
		"field URL has a password":                           &deploy.HTTPCheck{URL: "http://me:canary-canary@${addr}/"},
		"deploy.Health: field URL has a password":            &deploy.Health{URL: "http://me:canary-" + "canary@127.0.0.1/"},
		"deploy.HTTPCheck: field URL is empty":               &deploy.HTTPCheck{},
		"field Want is set and Header is empty":              &deploy.HTTPCheck{URL: "http://a/", Want: "v3"},
		`field Pointer: the JSON pointer "status" does not`:  &deploy.HTTPCheck{URL: "http://a/", Pointer: "status"},
		"deploy.HTTPCheck: field CA has no certificate":      &deploy.HTTPCheck{URL: "http://a/", CA: "none"},
		"field Status or Timeout is negative":                &deploy.HTTPCheck{URL: "http://a/", Timeout: -1},
		`field Addr: "db" is not host:port`:                  &deploy.TCPCheck{Addr: "db"},
		"field ServerName or CA is set, which only TLS uses": &deploy.TCPCheck{Addr: "a:1", ServerName: "b"},
		"deploy.CommandCheck: field Command.Argv is empty":   &deploy.CommandCheck{},
		"field Inconclusive: 256 is no exit status":          &deploy.CommandCheck{Command: deploy.Command{Argv: []string{"true"}}, Inconclusive: 256},
		"deploy.CommandCheck: field Timeout is negative":     &deploy.CommandCheck{Command: deploy.Command{Argv: []string{"true"}}, Timeout: -1},
	} {
		err := plan(deploy.Step{Name: "gate", Do: a}).Validate()
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "canary-canary")
	}
	_, _, err := judged(t, deploy.Check("nothing", "1", nil))
	require.ErrorContains(t, err, "deploy.Func nothing: the function is nil")
}

func TestPreviewOfConditions(t *testing.T) {
	all := deploy.Conditions{
		&deploy.HTTPCheck{URL: "http://${addr}/ready", Method: "HEAD", Status: 204, Header: "X-Release", Want: "v3", Contains: "up", Pointer: "/status", Value: "ok"},
		&deploy.TCPCheck{Addr: "${addr}", TLS: true, Send: "PING\r\n", Banner: "+PONG"},
		&deploy.CommandCheck{Command: deploy.Command{Argv: []string{"sh", "-c", "test -S sock"}}},
	}
	p := plan(
		deploy.Step{Name: "addr", Provides: []string{"addr"}, Do: &effect{Name: "x"}},
		deploy.Step{Name: "gate", Binds: []string{"addr"}, Do: &deploy.Health{
			URL: "http://127.0.0.1/", Conditions: all, InitialDelay: time.Minute, Count: 9, Limits: &deploy.Limits{MaxFailed: -1, MaxInconclusive: 2, Successes: 3},
		}},
		deploy.Step{Name: "watch", Binds: []string{"addr"}, Do: &deploy.Watch{For: time.Hour, InitialDelay: time.Minute, Conditions: all[1:2], MaxFailed: 2}},
	)
	got, err := p.Preview()
	require.NoError(t, err)
	require.Contains(t, got, `  2. gate
       GET http://127.0.0.1/ answers 200
       HEAD http://<output addr>/ready answers 204, with X-Release: v3, "up" in its body, "ok" at "/status" of its JSON
       connect to <output addr> with TLS, send "PING\r\n", it says "+PONG"
       sh -c 'test -S sock' exits with 0
       after 1m0s, each 200ms for at most 30s: any number failed, at most 2 inconclusive, at most 4 errors in a row, the last 3 good, of 1 or more, 9 at most
  3. watch
       after 1m0s, watch for 1h0m0s: at most 2 failed of at least 1 requests
       connect to <output addr> with TLS, send "PING\r\n", it says "+PONG"
       each 1s: at most 0 failed, at most 0 inconclusive, at most 4 errors in a row, of 1 or more
`)
}
