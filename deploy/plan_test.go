package deploy_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/secrets"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestValidateJoinsEveryProblem(t *testing.T) {
	var did []string
	do := &effect{Name: "x", did: &did}
	p := deploy.Plan{Service: "No Such", Steps: []deploy.Step{
		{Name: "a", Needs: []string{"ghost"}, Do: do},
		{Name: "a", Do: do, Timeout: -1},
		{Name: "b/c", Do: nil, InFlight: "perhaps"},
		{Name: "d", Do: do, Retry: deploy.Retry{Max: 1}},
		{Name: "e", Do: do, InFlight: deploy.Verify},
		{Name: "f", Do: do, Verify: do},
		{Name: "g", Do: &leaky{Password: secrets.New("canary-canary")}},
		{Name: "h", Do: deploy.Func("", "", nil)},
		{Name: "i", Do: (*deploy.Exec)(nil)},
	}}
	log := newMemLog()
	_, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
	var plan *deploy.PlanError
	require.ErrorAs(t, err, &plan)
	for _, want := range []string{
		`Service: "No Such"`, "Env: ", `Steps[0] "a": Needs "ghost", which is no step of the plan`,
		`Steps[1] "a": Name is also that of Steps[0]`, `Steps[1] "a": Timeout -1ns or UndoTimeout 0s is negative`, `Steps[2] "b/c": Name is not made of`,
		`Steps[2] "b/c": Do is nil`, `Steps[2] "b/c": InFlight "perhaps"`, `Steps[3] "d": Retry needs InFlight repeat`,
		`Steps[4] "e": InFlight is verify, so Verify must be set`, `Steps[5] "f": Verify is set`,
		`Steps[6] "g": Do: spec of deploy_test.leaky.Password holds a secret`, `Steps[7] "h": Do: deploy.Func needs a name and a version`,
		`Steps[8] "i": Do: *deploy.Exec is a nil pointer`,
	} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), "canary-canary")
	require.Empty(t, log.streams, "before anything changes")
}

// leaky is an Action whose spec holds a secret.
type leaky struct{ Password secrets.Value }

func (l *leaky) Spec() any                               { return l }
func (l *leaky) Run(context.Context, *deploy.Call) error { return nil }

func TestNeedsMustNotFormACycle(t *testing.T) {
	var did []string
	do := &effect{Name: "x", did: &did}
	p := plan(
		deploy.Step{Name: "a", Do: do, Needs: []string{"c"}},
		deploy.Step{Name: "b", Do: do},
		deploy.Step{Name: "c", Do: do},
		deploy.Step{Name: "free", Do: do, Needs: []string{}},
	)
	require.ErrorContains(t, p.Validate(), "Needs form a cycle through a, b, c")
	p.Steps[0].Needs = []string{"a"}
	require.ErrorContains(t, p.Validate(), "Needs form a cycle through a")
}

func TestBindsNeedAProviderThatIsDoneBefore(t *testing.T) {
	var did []string
	do := &effect{Name: "x", did: &did}
	p := plan(
		deploy.Step{Name: "a", Do: do, Provides: []string{"url"}},
		deploy.Step{Name: "b", Do: do, Provides: []string{"url"}, Needs: []string{}},
		deploy.Step{Name: "c", Do: do, Binds: []string{"url", "ghost"}, Needs: []string{}},
	)
	err := p.Validate()
	require.ErrorContains(t, err, `Steps[1] "b": Provides "url", which step "a" provides already`)
	require.ErrorContains(t, err, `Steps[2] "c": Binds "url" of step "a", which it does not need`)
	require.ErrorContains(t, err, `Steps[2] "c": Binds "ghost", which no step provides`)
}

func TestProductionRefusesOpaqueSteps(t *testing.T) {
	step := deploy.Step{Name: "s", Do: deploy.Func("warm-cache", "1", func(context.Context, *deploy.Call) error { return nil })}
	p := plan(step)
	require.NoError(t, p.Validate())
	p.Env = envconfig.Production()
	require.ErrorContains(t, p.Validate(), `deploy.Func "warm-cache" is opaque: Rules.Opaque: want none, got "warm-cache"`)
	p.Env.Rules.Opaque.Names = []string{"warm-cache"}
	require.NoError(t, p.Validate())
}

func TestDigestChangesWithWhateverChangesTheEffect(t *testing.T) {
	base := func() deploy.Plan {
		return plan(
			deploy.Step{Name: "a", Do: &deploy.Exec{Command: deploy.Command{
				Argv: []string{"make"}, Env: map[string]string{"A": "1"}, Secrets: map[string]secrets.Value{"TOKEN": secrets.New("one-secret")},
			}}},
			deploy.Step{Name: "b", Needs: []string{}, Do: &deploy.Exec{Command: deploy.Command{Argv: []string{"true"}}}},
		)
	}
	digest := func(change func(*deploy.Plan)) string {
		p := base()
		change(&p)
		d, err := p.Digest()
		require.NoError(t, err)
		return d
	}
	same := digest(func(*deploy.Plan) {})
	exec := func(p *deploy.Plan) *deploy.Command { return &p.Steps[0].Do.(*deploy.Exec).Command }
	require.Equal(t, same, digest(func(p *deploy.Plan) { exec(p).Secrets["TOKEN"] = secrets.New("another-secret") }), "secrets count by name")
	for name, change := range map[string]func(*deploy.Plan){
		"argv":      func(p *deploy.Plan) { exec(p).Argv = []string{"make", "all"} },
		"dir":       func(p *deploy.Plan) { exec(p).Dir = "/srv" },
		"env":       func(p *deploy.Plan) { exec(p).Env["A"] = "2" },
		"secret":    func(p *deploy.Plan) { exec(p).Secrets["OTHER"] = secrets.New("another-secret") },
		"read only": func(p *deploy.Plan) { exec(p).ReadOnly = true },
		"service":   func(p *deploy.Plan) { p.Service = "web" },
		"env rules": func(p *deploy.Plan) { p.Env = envconfig.Staging() },
		"needs":     func(p *deploy.Plan) { p.Steps[1].Needs = nil },
		"undo":      func(p *deploy.Plan) { p.Steps[0].Undo = p.Steps[1].Do },
		"in flight": func(p *deploy.Plan) { p.Steps[0].InFlight = deploy.Repeat },
		"timeout":   func(p *deploy.Plan) { p.Steps[0].Timeout = time.Second },
		"kind":      func(p *deploy.Plan) { p.Steps[0].Kind = deploy.KindBuild },
		"type":      func(p *deploy.Plan) { p.Steps[1].Do = deploy.Func("true", "1", nil) },
	} {
		require.NotEqual(t, same, digest(change), name)
	}
}

func TestDescriptionIsGolden(t *testing.T) {
	p := plan(
		deploy.Step{Name: "build", Kind: deploy.KindBuild, InFlight: deploy.Repeat, Provides: []string{"addr"}, Do: &deploy.Exec{Command: deploy.Command{
			Argv: []string{"make", "it so"}, Env: map[string]string{"A": "1"}, Secrets: map[string]secrets.Value{"TOKEN": secrets.New("canary-canary")},
		}}},
		deploy.Step{Name: "gate", Kind: deploy.KindHealth, InFlight: deploy.Repeat, Binds: []string{"addr"}, Do: &deploy.Health{
			URL: "http://${addr}/healthz", Header: "X-Release", Want: "v3",
		}},
		deploy.Step{Name: "switch", Kind: deploy.KindSwitch, Do: deploy.Func("flip", "2", nil), Undo: deploy.Func("flop", "2", nil), Timeout: time.Minute},
		deploy.Step{Name: "watch", Kind: deploy.KindWatch, InFlight: deploy.Repeat, Do: &deploy.Watch{For: time.Minute, MinRequests: 20}},
	)
	d, err := p.Describe()
	require.NoError(t, err)
	golden(t, "description.txt", d.String())
	golden(t, "description.mmd", d.Mermaid())
}

func TestPreviewShowsCommandsAndRunsNothing(t *testing.T) {
	var did []string
	p := plan(
		deploy.Step{Name: "build", Do: &deploy.Exec{Command: deploy.Command{
			Argv: []string{"make", "it so"}, Env: map[string]string{"A": "b c"}, Secrets: map[string]secrets.Value{"TOKEN": secrets.New("canary-canary")},
		}}},
		deploy.Step{Name: "gate", Do: &deploy.Health{URL: "http://${addr}/healthz"}, Binds: []string{"addr"}},
		deploy.Step{Name: "own", Do: &effect{Name: "own", did: &did}},
	)
	_, err := p.Preview()
	require.ErrorContains(t, err, `Binds "addr"`)
	p.Steps[0].Provides = []string{"addr"}
	got, err := p.Preview()
	require.NoError(t, err)
	require.Equal(t, `  1. build
       A='b c' TOKEN=<secret> make 'it so'
  2. gate
       GET http://<output addr>/healthz until 3 good answers in a row, for at most 30s
  3. own
       no preview: deploy_test.effect {"name":"own"}
`, got)
	require.Empty(t, did)
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}
