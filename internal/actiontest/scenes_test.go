package actiontest_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"iter"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/approval"
	"github.com/masaruk/devops/deploy/step/artefact"
	"github.com/masaruk/devops/deploy/step/files"
	"github.com/masaruk/devops/deploy/step/git"
	"github.com/masaruk/devops/deploy/step/httpcall"
	"github.com/masaruk/devops/deploy/step/notify"
	"github.com/masaruk/devops/deploy/step/script"
	"github.com/masaruk/devops/deploy/step/wait"
	"github.com/masaruk/devops/secrets"
)

// scenes is the table: every Action that the module ships, given a secret by
// every way that it has for one, and at least once so that it fails.
func scenes(w *world) []scene {
	var all []scene
	for _, part := range [][]scene{
		coreScenes(w), conditionScenes(w), approvalScenes(w), gitScenes(w), artefactScenes(w),
		waitScenes(w), hides(scriptScenes(w)), hides(httpScenes(w)), hides(fileScenes(w)), hides(notifyScenes(w)),
	} {
		all = append(all, part...)
	}
	return all
}

// hides marks scenes whose actions hide their secrets themselves, also where
// the run has no Redactor that knows them.
func hides(scenes []scene) []scene {
	for i := range scenes {
		scenes[i].hides = true
	}
	return scenes
}

func do(a deploy.Action) deploy.Step {
	return deploy.Step{Name: "s", Do: a, InFlight: deploy.Repeat}
}

func provides(s deploy.Step, names ...string) deploy.Step {
	s.Provides = names
	return s
}

// telling is a command that says its secret, and fails or not.
func telling(status string) deploy.Command {
	return deploy.Command{
		Argv:    []string{"sh", "-c", `echo "$TOKEN"; echo "$TOKEN" | base64 >&2; exit ` + status},
		Secrets: map[string]secrets.Value{"TOKEN": secrets.New(canary)},
	}
}

func coreScenes(w *world) []scene {
	bad := func(context.Context) error { return errors.New("checked with " + canary) }
	counts := func(context.Context) (deploy.Counts, error) { return deploy.Counts{Requests: 9}, nil }
	fn := func(context.Context, *deploy.Call) error { return errors.New("failed with " + canary) }
	return []scene{
		{name: "exec", step: do(&deploy.Exec{Command: telling("0")})},
		{name: "exec fails", step: do(&deploy.Exec{Command: telling("3")}), says: []string{"sh: exit status 3"}},
		{name: "health", step: do(&deploy.Health{
			URL: w.url, Conditions: deploy.Conditions{deploy.Check("ready", "1", bad)}, Limits: &deploy.Limits{},
		}), says: []string{w.url}},
		{name: "health of a command", step: do(&deploy.Health{
			Conditions: deploy.Conditions{&deploy.CommandCheck{Command: telling("1")}}, Limits: &deploy.Limits{},
		}), says: []string{"sh: exit status 1"}},
		{name: "watch", step: do(&deploy.Watch{For: time.Hour, Conditions: deploy.Conditions{deploy.Check("errors", "1", bad)}, Counts: counts}), says: []string{"watch"}},
		{name: "function", step: do(deploy.Func("warm", "1", fn)), says: []string{"failed with"}},
	}
}

func conditionScenes(w *world) []scene {
	return []scene{
		{name: "HTTP", step: do(&deploy.HTTPCheck{URL: w.url, Contains: "all is well"}), says: []string{w.url}},
		{name: "TCP", step: do(&deploy.TCPCheck{Addr: w.talker, Banner: "220 "}), says: []string{w.talker}},
		{name: "TCP of nobody", step: do(&deploy.TCPCheck{Addr: w.dead}), says: []string{w.dead}},
		{name: "command", step: do(&deploy.CommandCheck{Command: telling("0")})},
		{name: "command fails", step: do(&deploy.CommandCheck{Command: telling("4")}), says: []string{"sh: exit status 4"}},
	}
}

// noLog is a log that cannot be had.
type noLog struct{}

func (noLog) Append(context.Context, string, uint64, []byte) error {
	return errors.New("no log for " + canary)
}

func (noLog) Read(context.Context, string, uint64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) { yield(nil, errors.New("no log for "+canary)) }
}

func approvalScenes(w *world) []scene {
	key := deploy.SigningKey{Name: "desk", Key: ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", ed25519.SeedSize)))}
	desk, err := approval.New(noLog{}, key, nil)
	require.NoError(w.t, err)
	gate, err := desk.Gate(approval.Policy{Quorums: []approval.Quorum{{Role: "ops"}}})
	require.NoError(w.t, err)
	return []scene{{name: "gate", step: provides(do(gate), "approved_by"), says: []string{"approval"}}}
}

func gitScenes(w *world) []scene {
	repo := git.Repository{
		URL: w.tls + "/shop.git", CAFile: w.ca, Credential: &git.Credential{Name: "token", Source: w.source},
	}
	missing := git.Repository{URL: w.tls + "/shop.git", Credential: &git.Credential{Name: "missing", Source: w.source}}
	commit := strings.Repeat("4f2a9c0b", 5)
	talks := hides([]scene{
		{name: "resolve", step: provides(do(&git.Resolve{Repository: repo, Ref: "main"}), "commit"), says: []string{"git", "main", w.tls}},
		{name: "resolve without a token", step: provides(do(&git.Resolve{Repository: missing, Ref: "main"}), "commit"), says: []string{"missing"}},
		{name: "checkout", step: do(&git.Checkout{Repository: repo, Commit: commit, Dir: w.path("checkout")}), says: []string{"git", commit, w.tls}},
	})
	return append(talks, scene{name: "remove", step: do(&git.Remove{Dir: w.path("checkout")}), exec: broken(), says: []string{w.path("checkout")}})
}

func artefactScenes(w *world) []scene {
	store, err := artefact.NewFolder(w.path("store"))
	require.NoError(w.t, err)
	digest := "sha256:" + strings.Repeat("4f2a9c0b", 8)
	key := &deploy.SigningKey{Name: "build", Key: ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", ed25519.SeedSize)))}
	none := w.path("none.tar.gz")
	return []scene{
		{name: "pack", step: provides(do(&artefact.Pack{Dir: w.path("folder"), Archive: w.path("a.tar.gz"), Signer: key}), "artefact")},
		{name: "pack nothing", step: provides(do(&artefact.Pack{Dir: w.path("nothing"), Archive: w.path("b.tar.gz")}), "artefact"), says: []string{w.path("nothing")}},
		{name: "push", step: do(&artefact.Push{Archive: none, Digest: digest, Store: store}), says: []string{none}},
		{name: "pull", step: do(&artefact.Pull{Archive: none, Digest: digest, Store: store}), says: []string{digest}},
		{name: "unpack", step: do(&artefact.Unpack{Archive: none, Digest: digest, Dir: w.path("unpacked")}), says: []string{none}},
	}
}

func scriptScenes(w *world) []scene {
	s := func(text, secret string) deploy.Step {
		return do(&script.Script{Name: "seed", Text: text, Secrets: map[string]string{"TOKEN": secret}, Source: w.source})
	}
	out := provides(do(&script.Script{Text: `echo "$TOKEN"`, Secrets: map[string]string{"TOKEN": "token"}, Source: w.source, Output: "o"}), "o")
	return []scene{
		{name: "script", step: s(`echo "$TOKEN"; echo "$TOKEN" >&2`, "token")},
		{name: "script that gives its secret away", step: out},
		{name: "script fails", step: s(`echo "$TOKEN" >&2; exit 5`, "token"), says: []string{`script "seed"`, "exit status 5"}},
		{name: "script without its secret", step: s("true", "missing"), says: []string{`script "seed"`, `secret "missing"`}},
	}
}

func httpScenes(w *world) []scene {
	r := func(path string, expect int, outputs map[string]string) *httpcall.Request {
		return &httpcall.Request{
			Method: "POST", URL: w.url + path, Body: "x", Expect: []int{expect}, Outputs: outputs, Source: w.source,
			SecretHeaders: map[string]httpcall.SecretHeader{
				"Authorization": {Secret: "token", Prefix: "Bearer "}, "X-Key": {Secret: "key"},
			},
		}
	}
	return []scene{
		{name: "call", step: do(r("/x", 500, nil))},
		{name: "call with another status", step: do(r("/x?sig="+canaryInURL, 200, nil)), says: []string{"POST " + w.url + "/x", "status 500"}},
		{name: "call whose answer is no JSON", step: provides(do(r("/x", 500, map[string]string{"o": ""})), "o"), says: []string{"output \"o\""}},
		{name: "call of nobody", step: do(&httpcall.Request{URL: "http://" + w.dead + "/" + "x?sig=" + canaryInURL, Attempts: 1}), says: []string{"http://" + w.dead}},
	}
}

func waitScenes(*world) []scene {
	until := wait.Until(0, &deploy.CommandCheck{Command: telling("1")})
	until.Count = 1
	return []scene{
		{name: "for", step: do(&wait.For{Duration: time.Millisecond})},
		{name: "for, since when", step: do(&wait.For{Duration: time.Hour, Since: "began"}), says: []string{`output "began"`}},
		{name: "clock", step: do(&wait.Clock{At: "22:30", Since: "began"}), outputs: map[string]any{"began": "2026-11-24T22:29:00Z"}},
		{name: "clock, since when", step: do(&wait.Clock{At: "22:30", TimeZone: "Asia/Riyadh", Since: "began"}), outputs: map[string]any{"began": "noon"}, says: []string{`output "began"`}},
		{name: "mark", step: provides(do(&wait.Mark{Output: "began"}), "began")},
		{name: "mark of nothing", step: do(&wait.Mark{Output: "began"}), says: []string{`output "began"`}},
		{name: "until", step: do(until), says: []string{"sh: exit status 1"}},
	}
}

func fileScenes(w *world) []scene {
	t := func(text string, names ...string) *files.Template {
		return &files.Template{To: w.path("config"), Text: text, Secrets: names, Source: w.source}
	}
	return []scene{
		{name: "copy", step: do(&files.Copy{From: w.path("folder"), To: w.path("copied")})},
		{name: "copy nothing", step: do(&files.Copy{From: w.path("nothing"), To: w.path("copied")}), says: []string{w.path("nothing"), w.path("copied")}},
		{name: "template", step: do(t(`{{secret "a"}} {{secret "b" | json}}`, "a", "b"))},
		{name: "template that fails", step: do(t(`{{secret "a"}} {{(secret "a").Password}}`, "a")), says: []string{w.path("config"), "Password"}},
		{name: "template without its secret", step: do(t(`{{secret "missing"}}`, "missing")), says: []string{w.path("config"), `secret "missing"`}},
		{name: "restore", step: do(&files.Restore{To: w.path("folder")})},
		{name: "restore in a file", step: do(&files.Restore{To: w.path("file", "below")}), says: []string{w.path("file", "below")}},
	}
}

func notifyScenes(w *world) []scene {
	to := func(required bool, c ...notify.Channel) deploy.Step {
		return do(&notify.Send{To: c, Required: required, Text: "x"})
	}
	slack := &notify.Slack{URL: "url", Source: w.source}
	hook := &notify.Webhook{URL: w.url + "/hook?sig=" + "public", Key: "key", Source: w.source}
	mail := &notify.Email{
		Server: w.dead, From: "a@example.com", To: []string{"b@example.com"}, User: "deploy", Password: "smtp", Source: w.source,
	}
	return []scene{
		{name: "notify", step: to(false, slack, mail)},
		{name: "notify slack", step: to(true, slack), says: []string{"slack (url)", "status 500"}},
		{name: "notify by mail", step: to(true, mail), says: []string{"b@example.com", w.dead}},
		{name: "notify webhook", step: to(true, &notify.Webhook{URL: "http://" + w.dead + "/hook", Key: "missing", Source: w.source}), says: []string{w.dead, `secret "missing"`}},
		{name: "notify a webhook that fails", step: func() deploy.Step {
			s := to(true, hook)
			s.Timeout = 200 * time.Millisecond // of the attempts
			return s
		}(), says: []string{w.url + "/hook"}},
	}
}
