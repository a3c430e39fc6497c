package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/step/notify"
	"github.com/masaruk/devops/internal/actiontest"
	"github.com/masaruk/devops/secrets"
)

const canary = "canary4f2a9cXYZ"

// receiver is a loopback server in the place of Slack's or of a webhook's.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex
	paths   []string
	headers []http.Header
	bodies  [][]byte
}

func receive(t *testing.T, answer http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.paths, r.headers, r.bodies = append(r.paths, req.URL.Path), append(r.headers, req.Header), append(r.bodies, body)
		r.mu.Unlock()
		answer(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

func ok(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }

func (r *receiver) slack() *notify.Slack {
	url := r.URL + "/services/" + canary
	return &notify.Slack{URL: "slack_deploys", Source: secrets.Static(map[string]secrets.Value{"slack_deploys": secrets.New(url)})}
}

func (r *receiver) webhook() *notify.Webhook {
	return &notify.Webhook{URL: r.URL + "/hook", Key: "hook_key", Source: secrets.Static(map[string]secrets.Value{"hook_key": secrets.New(canary)})}
}

// channel is a function as a channel.
type channel func(ctx context.Context, n notify.Note) error

func (c channel) Spec() any                                        { return "test" }
func (c channel) Validate() error                                  { return nil }
func (c channel) Preview() string                                  { return "test" }
func (c channel) Deliver(ctx context.Context, n notify.Note) error { return c(ctx, n) }

func step(do deploy.Action) deploy.Step {
	return deploy.Step{Name: "tell", Kind: deploy.KindNotify, InFlight: deploy.Repeat, Do: do}
}

func TestSlackGetsBlocks(t *testing.T) {
	r := receive(t, ok)
	do := &notify.Send{
		To: []notify.Channel{r.slack()}, Title: "{{.Service}} {{output \"release\"}} goes live",
		Text: "for <!channel> & friends, step {{.Step}}",
	}
	tr := actiontest.Bench{Outputs: map[string]any{"release": "<v7>"}}.Run(t, step(do))
	require.NoError(t, tr.Err)
	require.Equal(t, []string{"/services/" + canary}, r.paths)
	var got struct {
		Text   string
		Blocks []struct {
			Type     string
			Text     struct{ Type, Text string }
			Elements []struct{ Type, Text string }
		}
	}
	require.NoError(t, json.Unmarshal(r.bodies[0], &got))
	require.Equal(t, "shop &lt;v7&gt; goes live", got.Text)
	require.Len(t, got.Blocks, 3)
	require.Equal(t, "shop <v7> goes live", got.Blocks[0].Text.Text, "plain text needs no escape")
	require.Equal(t, "for &lt;!channel&gt; &amp; friends, step tell", got.Blocks[1].Text.Text)
	require.Equal(t, "shop in dev, run r1, in progress", got.Blocks[2].Elements[0].Text)
	tr.RequireHidden(t, canary)
}

func TestANotificationThatFailsDoesNotFailTheRun(t *testing.T) {
	r := receive(t, func(w http.ResponseWriter, req *http.Request) {
		http.Error(w, "invalid token "+req.URL.Path, http.StatusForbidden)
	})
	do := &notify.Send{To: []notify.Channel{r.slack()}}
	tr := actiontest.Bench{}.Run(t, step(do))
	require.NoError(t, tr.Err)
	require.Contains(t, tr.Output("tell"), "status 403: invalid token")
	require.Contains(t, tr.Output("tell"), "the run goes on")
	require.Contains(t, tr.Text("logger"), "notification not sent")
	require.Len(t, r.bodies, 1, "a call that may have been taken is not repeated")
	tr.RequireHidden(t, canary)

	do.Required = true
	tr = actiontest.Bench{}.Run(t, step(do))
	require.ErrorContains(t, tr.Err, "notify slack (slack_deploys): status 403")
	tr.RequireHidden(t, canary)

	do = &notify.Send{To: []notify.Channel{channel(func(context.Context, notify.Note) error { panic(canary) })}}
	require.NoError(t, actiontest.Bench{}.Run(t, step(do)).Err)
	do = &notify.Send{To: []notify.Channel{&notify.Slack{URL: "missing", Source: secrets.Static(nil)}}}
	tr = actiontest.Bench{}.Run(t, step(do))
	require.NoError(t, tr.Err)
	require.Contains(t, tr.Output("tell"), `secret "missing"`)
}

func TestAChannelThatHangsHasItsTime(t *testing.T) {
	hang := channel(func(ctx context.Context, _ notify.Note) error { <-ctx.Done(); return context.Cause(ctx) })
	told := 0
	do := &notify.Send{To: []notify.Channel{hang, channel(func(context.Context, notify.Note) error { told++; return nil })}, Timeout: 20 * time.Millisecond}
	tr := actiontest.Bench{}.Run(t, step(do))
	require.NoError(t, tr.Err)
	require.Contains(t, tr.Output("tell"), "not sent within 20ms")
	require.Equal(t, 1, told, "the others are told")

	ctx, cancel := context.WithCancelCause(t.Context())
	do = &notify.Send{To: []notify.Channel{channel(func(ctx context.Context, _ notify.Note) error {
		cancel(errors.New("the program was stopped"))
		<-ctx.Done()
		return context.Cause(ctx)
	})}}
	tr = actiontest.Bench{Context: ctx}.Run(t, step(do))
	require.ErrorContains(t, tr.Err, "the program was stopped", "it is told when the run goes on")
	require.Equal(t, deploy.Interrupted, tr.Report.Steps[0].Outcome)

	ctx, cancel = context.WithCancelCause(t.Context())
	do = &notify.Send{To: []notify.Channel{channel(func(context.Context, notify.Note) error { cancel(nil); return nil })}}
	tr = actiontest.Bench{Context: ctx}.Run(t, step(do))
	require.Equal(t, deploy.Succeeded, tr.Report.Steps[0].Outcome, "what was sent is not sent again")
}

func TestASlackThatIsBusyIsAskedAgain(t *testing.T) {
	n := 0
	r := receive(t, func(w http.ResponseWriter, _ *http.Request) {
		if n++; n == 1 {
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})
	require.NoError(t, actiontest.Bench{}.Run(t, step(&notify.Send{To: []notify.Channel{r.slack()}, Required: true})).Err)
	require.Len(t, r.bodies, 2)

	r = receive(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	require.NoError(t, actiontest.Bench{}.Run(t, step(&notify.Send{To: []notify.Channel{r.slack()}})).Err)
	require.Len(t, r.bodies, 1, "it may have taken the first")
}

func TestTextsThatAreRefused(t *testing.T) {
	none := channel(func(context.Context, notify.Note) error { return nil })
	for want, do := range map[string]*notify.Send{
		"line feed":                    {Title: "a{{\"\\n\"}}b"},
		"the title is empty":           {Title: " {{\"\"}}"},
		"can't evaluate field Release": {Text: "{{.Release}}"},
		"does not list it in Binds":    {Text: "{{output \"x\"}}"},
		"is not in Secrets":            {Text: "{{secret \"x\"}}"},
	} {
		do.To = []notify.Channel{none}
		require.ErrorContains(t, actiontest.Bench{}.Run(t, step(do)).Err, want)
	}
	for want, do := range map[string]*notify.Send{
		"field Title":                     {To: []notify.Channel{none}, Title: "{{"},
		"field Title holds a line feed":   {To: []notify.Channel{none}, Title: "a\nb"},
		"field Text":                      {To: []notify.Channel{none}, Text: "{{nothing}}"},
		"field To is empty":               {},
		"field To[1] is nil":              {To: []notify.Channel{none, nil}},
		"is negative":                     {To: []notify.Channel{none}, Timeout: -1},
		"which is a credential":           {To: []notify.Channel{&notify.Slack{URL: "https://hooks.example.com/x"}}},
		"slack: field Source":             {To: []notify.Channel{&notify.Slack{URL: "x"}}},
		"webhook: field URL is not":       {To: []notify.Channel{&notify.Webhook{URL: "x"}}},
		"webhook: field URL holds a user": {To: []notify.Channel{&notify.Webhook{URL: "https://a:b@example.com"}}},
		"webhook: field Source":           {To: []notify.Channel{&notify.Webhook{URL: "https://example.com", Key: "k"}}},
	} {
		require.ErrorContains(t, do.Validate(), want)
	}
}

func TestWebhookIsSigned(t *testing.T) {
	n := 0
	r := receive(t, func(w http.ResponseWriter, _ *http.Request) {
		if n++; n == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	tr := actiontest.Bench{}.Run(t, step(&notify.Send{To: []notify.Channel{r.webhook()}, Required: true}))
	require.NoError(t, tr.Err)
	require.Len(t, r.bodies, 2, "its ID makes it safe to repeat")
	tr.RequireHidden(t, canary)
	id, err := notify.Verify(secrets.New(canary), r.headers[1], r.bodies[1], time.Now())
	require.NoError(t, err)
	require.Equal(t, id, r.headers[0].Get("webhook-id"), "of every attempt")
	var note notify.Note
	require.NoError(t, json.Unmarshal(r.bodies[1], &note))
	require.Equal(t, id, note.ID)
	require.Equal(t, "shop in dev: in progress", note.Title)
	require.Equal(t, notify.Facts{Service: "shop", Environment: "dev", Run: "r1", Step: "tell", Outcome: notify.GoesForward}, note.Facts)
}

// TestVerifyKnowsOthersSignatures has the example of the specification,
// https://github.com/standard-webhooks/standard-webhooks, computed by its
// reference libraries.
func TestVerifyKnowsOthersSignatures(t *testing.T) {
	key := secrets.New("whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	body := []byte(`{"test": 2432232314}`)
	header := http.Header{}
	header.Set("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
	header.Set("webhook-timestamp", "1614265330")
	header.Set("webhook-signature", "v1,old v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
	then := time.Unix(1614265330, 0)
	id, err := notify.Verify(key, header, body, then)
	require.NoError(t, err)
	require.Equal(t, "msg_p5jXN8AQM9LWM0D4loKWxJek", id)
	for _, now := range []time.Duration{notify.ReplayWindow, -notify.ReplayWindow} {
		_, err = notify.Verify(key, header, body, then.Add(now))
		require.NoError(t, err)
	}
	refused := func(why string, err error) {
		t.Helper()
		require.ErrorIs(t, err, notify.ErrSignature, why)
	}
	_, err = notify.Verify(key, header, body, then.Add(notify.ReplayWindow+time.Second))
	refused("replayed", err)
	_, err = notify.Verify(key, header, body, then.Add(-notify.ReplayWindow-time.Second))
	refused("from the future", err)
	_, err = notify.Verify(key, header, append([]byte(" "), body...), then)
	refused("another body", err)
	_, err = notify.Verify(secrets.New("another key"), header, body, then)
	refused("another key", err)
	for name, value := range map[string]string{"webhook-id": "msg_other", "webhook-timestamp": "1614265331", "webhook-signature": "v1,"} {
		changed := header.Clone()
		changed.Set(name, value)
		_, err = notify.Verify(key, changed, body, then)
		refused(name, err)
		changed.Del(name)
		_, err = notify.Verify(key, changed, body, then)
		refused(name, err)
	}
	_, err = notify.Verify(secrets.Value{}, header, body, then)
	require.ErrorContains(t, err, "the key is empty")
	_, err = notify.Verify(secrets.New("whsec_?"), header, body, then)
	require.ErrorContains(t, err, "no base64")
}

// TestAnnouncerTellsEveryEnd has a run that succeeds, one that is undone and
// one that is held.
func TestAnnouncerTellsEveryEnd(t *testing.T) {
	fails := func(err error) deploy.Step {
		return deploy.Step{Name: "s", Do: deploy.Func("s", "1", func(context.Context, *deploy.Call) error { return err })}
	}
	for want, s := range map[deploy.Outcome]deploy.Step{
		deploy.Succeeded: fails(nil), deploy.Undone: fails(errors.New("no " + canary)), deploy.Held: fails(deploy.ErrInconclusive),
	} {
		r := receive(t, ok)
		a, err := notify.NewAnnouncer([]notify.Channel{r.slack(), r.webhook()}, &notify.AnnouncerOptions{Change: &deploy.Change{Commit: "4f2a9c"}})
		require.NoError(t, err)
		tr := actiontest.Bench{Handle: a.Handle, Secrets: []string{canary}}.Run(t, s)
		require.Equal(t, want, tr.Report.Outcome)
		require.NoError(t, a.Wait(t.Context()))
		require.Len(t, r.bodies, 2)
		for i, body := range r.bodies {
			require.Contains(t, string(body), "shop in dev: "+string(want))
			require.Contains(t, string(body), "4f2a9c")
			require.NotContains(t, string(body), canary)
			if want == deploy.Undone {
				require.Contains(t, string(body), "no "+secrets.Placeholder, i)
			}
		}
	}
}

func TestAnnouncerOptions(t *testing.T) {
	told := make(chan notify.Note, 10)
	say := channel(func(_ context.Context, n notify.Note) error { told <- n; return errors.New("no line") })
	a, err := notify.NewAnnouncer([]notify.Channel{say}, &notify.AnnouncerOptions{Outcomes: []deploy.Outcome{deploy.Undone}})
	require.NoError(t, err)
	end := func(o deploy.Outcome) { a.Handle(deploy.RunFinished{Run: "r1", Outcome: o, Time: time.Now()}) }
	end(deploy.Succeeded)
	require.NoError(t, a.Wait(t.Context()))
	end(deploy.Undone)
	end(deploy.Undone)
	require.ErrorContains(t, a.Wait(t.Context()), "run r1, undone: notify test: no line")
	require.NoError(t, a.Wait(t.Context()), "each failure is returned once")
	require.NotEqual(t, (<-told).ID, (<-told).ID, "two ends are two announcements")

	hang, err := notify.NewAnnouncer([]notify.Channel{channel(func(ctx context.Context, _ notify.Note) error { <-ctx.Done(); return nil })}, nil)
	require.NoError(t, err)
	hang.Handle(deploy.RunFinished{Run: "r1"})
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	require.ErrorContains(t, hang.Wait(ctx), "enough")
	_, err = notify.NewAnnouncer(nil, nil)
	require.ErrorContains(t, err, "field To is empty")
	_, err = notify.NewAnnouncer([]notify.Channel{say}, &notify.AnnouncerOptions{Text: "{{"})
	require.ErrorContains(t, err, "field Text")
}
