package deploy_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/secrets"
)

// address is what a step hands on.
type address struct {
	Host string `json:"host"`
	Port int    `json:"port"`
}

var at = deploy.Output[address]{Name: "at", Version: 2}

// handsOn is a plan whose first step provides and whose second binds.
func handsOn(did *[]string, provide, bind func(context.Context, *deploy.Call) error) deploy.Plan {
	p := three(did)
	p.Steps = p.Steps[:2]
	p.Steps[0].Provides, p.Steps[1].Binds = []string{at.Decl()}, []string{at.Decl()}
	p.Steps[0].Do.(*effect).fn, p.Steps[1].Do.(*effect).fn = provide, bind
	return p
}

func TestTypedOutputsGoThroughTheLog(t *testing.T) {
	require.Equal(t, "at@2:deploy_test.address", at.Decl())
	var did []string
	var got []address
	log := newMemLog()
	want := address{"localhost", 80}
	p := handsOn(&did,
		func(_ context.Context, c *deploy.Call) error {
			err := at.Provide(c, want)
			own, bindErr := at.Bind(c)
			got = append(got, own)
			return errors.Join(err, bindErr)
		},
		func(_ context.Context, c *deploy.Call) error {
			a, err := at.Bind(c)
			got = append(got, a)
			if len(got) < 3 {
				log.dead.Store(true)
			}
			return err
		})
	r := newRunner(t, log, nil)
	_, err := r.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, errCrash)
	log.dead.Store(false)
	rep, err := r.Run(t.Context(), "r1", p)
	require.NoError(t, err)
	require.Equal(t, []address{want, want, want}, got)
	require.JSONEq(t, `{"host":"localhost","port":80}`, string(rep.Outputs["at"]))
	require.Equal(t, map[string]string{"at": at.Decl()}, rep.Typed)
	raw, err := json.Marshal(rep)
	require.NoError(t, err)
	var back deploy.Report
	require.NoError(t, json.Unmarshal(raw, &back))
	read, err := at.Of(&back)
	require.NoError(t, err)
	require.Equal(t, want, read)
	_, err = deploy.Output[address]{Name: "at", Version: 3}.Of(rep)
	require.ErrorIs(t, err, deploy.ErrOutputVersion)
	require.ErrorContains(t, err, `api@dev run r1: output "at"`)
	_, err = deploy.Output[int]{Name: "none"}.Of(rep)
	require.ErrorIs(t, err, deploy.ErrNoOutput)
}

// TestAnOutputOfAnotherVersionIsRefused: the step that set it was of an earlier
// build, and somebody has let this one go on.
func TestAnOutputOfAnotherVersionIsRefused(t *testing.T) {
	var did []string
	log := newMemLog()
	p := handsOn(&did, func(_ context.Context, c *deploy.Call) error { return at.Provide(c, address{}) },
		func(context.Context, *deploy.Call) error { log.dead.Store(true); return nil })
	_, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, errCrash)
	log.dead.Store(false)

	newer := deploy.Output[address]{Name: "at", Version: 3}
	p = handsOn(&did, func(_ context.Context, c *deploy.Call) error { return newer.Provide(c, address{}) },
		func(_ context.Context, c *deploy.Call) error { _, err := newer.Bind(c); return err })
	p.Steps[0].Provides, p.Steps[1].Binds = []string{newer.Decl()}, []string{newer.Decl()}
	digest, err := p.Digest()
	require.NoError(t, err)
	r := newRunner(t, log, nil)
	_, err = r.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, deploy.ErrPlanChanged, "the version is part of the plan")
	require.NoError(t, r.Decide(t.Context(), p.Ref("r1"), "", deploy.Decision{Answer: deploy.AnswerOverride, By: "ada", Digest: digest}))
	_, err = r.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, deploy.ErrOutputVersion)
	require.ErrorContains(t, err, `output "at": output is of another version: it was set as "at@2:deploy_test.address", and is read as "at@3:deploy_test.address"; undo the run`)
}

func TestAPlanWhoseOutputsDoNotAgreeIsRefused(t *testing.T) {
	nothing := func(context.Context, *deploy.Call) error { return nil }
	for want, change := range map[string]func(p *deploy.Plan){
		`Steps[1] "b": Binds "at@1:deploy_test.address", and step "a" provides "at@2:deploy_test.address"`: func(p *deploy.Plan) {
			p.Steps[1].Binds = []string{deploy.Output[address]{Name: "at", Version: 1}.Decl()}
		},
		`Binds "at@2:string", and step "a" provides`: func(p *deploy.Plan) {
			p.Steps[1].Binds = []string{deploy.Output[string]{Name: "at", Version: 2}.Decl()}
		},
		`and step "a" provides "at"; both take the same Output`: func(p *deploy.Plan) { p.Steps[0].Provides = []string{"at"} },
		`Provides "at", which step "a" provides already`: func(p *deploy.Plan) {
			p.Steps[1].Provides = []string{deploy.Output[string]{Name: "at"}.Decl()}
		},
		`Provides "at@2" has no version and type`:  func(p *deploy.Plan) { p.Steps[0].Provides = []string{"at@2"} },
		`Provides "at@x:y" has no version`:         func(p *deploy.Plan) { p.Steps[0].Provides = []string{"at@x:y"} },
		`Binds "at@-1:y" has no version`:           func(p *deploy.Plan) { p.Steps[1].Binds = []string{"at@-1:y"} },
		`Provides "a b@0:string" is not a name of`: func(p *deploy.Plan) { p.Steps[0].Provides = []string{deploy.Output[string]{Name: "a b"}.Decl()} },
	} {
		var did []string
		p := handsOn(&did, nothing, nothing)
		change(&p)
		require.ErrorContains(t, p.Validate(), want)
	}
}

func TestWhatIsDeclaredTypedIsSetTyped(t *testing.T) {
	redactor, err := secrets.NewRedactor(secrets.New("hunter2-hunter2"))
	require.NoError(t, err)
	for want, provide := range map[string]func(c *deploy.Call) error{
		`it is set as "at"; use one Output for both`: func(c *deploy.Call) error { return c.Provide("at", address{}) },
		`it is set as "at@3:deploy_test.address"`: func(c *deploy.Call) error {
			return deploy.Output[address]{Name: "at", Version: 3}.Provide(c, address{})
		},
		`does not list it in Provides`: func(c *deploy.Call) error { return deploy.Output[int]{Name: "other"}.Provide(c, 1) },
		`holds a secret`:               func(c *deploy.Call) error { return at.Provide(c, address{Host: "x-hunter2-hunter2"}) },
		`more than 65536`:              func(c *deploy.Call) error { return at.Provide(c, address{Host: strings.Repeat("x", 65<<10)}) },
		`was not provided`:             func(*deploy.Call) error { return nil },
	} {
		var did []string
		p := handsOn(&did, func(_ context.Context, c *deploy.Call) error { return provide(c) }, nil)
		_, err := newRunner(t, newMemLog(), &deploy.Options{Redactor: redactor}).Run(t.Context(), "r1", p)
		require.ErrorContains(t, err, want)
		require.NotContains(t, did, "do b")
	}
}

// TestATypedOutputIsReadByWhoKnowsItsNameOnly: in texts, conditions, and by
// actions that are told a name.
func TestATypedOutputIsReadByWhoKnowsItsNameOnly(t *testing.T) {
	var did []string
	host := deploy.Output[string]{Name: "host"}
	var raw json.RawMessage
	var text string
	p := handsOn(&did, func(_ context.Context, c *deploy.Call) error { return host.Provide(c, "example") },
		func(_ context.Context, c *deploy.Call) (err error) {
			text, err = c.Expand("http://${host}/")
			_, unlisted := deploy.Output[int]{Name: "other"}.Bind(c)
			require.ErrorContains(t, unlisted, `output "other": step "b" does not list it in Binds`)
			_, other := deploy.Output[int]{Name: "host"}.Bind(c)
			require.ErrorContains(t, other, `output "host": json: `)
			return errors.Join(err, c.Bind("host", &raw))
		})
	p.Steps[0].Provides, p.Steps[1].Binds = []string{host.Decl()}, []string{"host"}
	p.Steps[1].When = &deploy.When{Output: "host", Is: "example"}
	_, err := newRunner(t, newMemLog(), nil).Run(t.Context(), "r1", p)
	require.NoError(t, err)
	require.Equal(t, `"example"`, string(raw))
	require.Equal(t, "http://example/", text)
	d, err := p.Describe()
	require.NoError(t, err)
	require.Equal(t, []string{"host@0:string"}, d.Steps[0].Provides)
}
