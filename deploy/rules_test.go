package deploy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/envconfig"
)

// live is a plan that production takes.
func live(did *[]string) deploy.Plan {
	step := func(kind deploy.Kind) deploy.Step {
		return deploy.Step{Name: string(kind), Kind: kind, InFlight: deploy.Repeat, Do: &effect{Name: string(kind), did: did}}
	}
	return deploy.Plan{
		Service: "api", Env: envconfig.Production(), Availability: &deploy.Availability{URL: "https://api.example.com/"},
		Steps: []deploy.Step{
			step(deploy.KindBackup), step(deploy.KindMigrate), step(deploy.KindHealth),
			step(deploy.KindApproval), step(deploy.KindSwitch), step(deploy.KindWatch),
		},
	}
}

// TestProductionDemands each of the steps that its rules name, before or after
// the switch.
func TestProductionDemands(t *testing.T) {
	var did []string
	require.NoError(t, live(&did).Validate())
	without := func(kind deploy.Kind) func(*deploy.Plan) {
		return func(p *deploy.Plan) {
			for i := range p.Steps {
				if p.Steps[i].Kind == kind {
					p.Steps[i].Kind = deploy.KindTest
				}
			}
		}
	}
	swap := func(a, b int) func(*deploy.Plan) {
		return func(p *deploy.Plan) { p.Steps[a], p.Steps[b] = p.Steps[b], p.Steps[a] }
	}
	for name, c := range map[string]struct {
		change func(*deploy.Plan)
		want   []string
	}{
		"no backup":           {without(deploy.KindBackup), []string{`"migrate": want a step of kind backup`, "Rules.Release.MigrationBackup of prod"}},
		"no approval":         {without(deploy.KindApproval), []string{`"switch": want a step of kind approval before`}},
		"no health":           {without(deploy.KindHealth), []string{`"switch": want a step of kind health`}},
		"no watch":            {without(deploy.KindWatch), []string{`"switch": want a step of kind watch after`}},
		"nothing counted":     {func(p *deploy.Plan) { p.Availability = nil }, []string{"failed requests counted"}},
		"approval afterwards": {swap(3, 5), []string{"kind approval before", "kind watch after"}},
		"backup afterwards":   {swap(0, 1), []string{"kind backup before"}},
		"approval beside":     {func(p *deploy.Plan) { p.Steps[4].Needs = []string{"health"} }, []string{"kind approval before"}},
	} {
		p := live(&did)
		c.change(&p)
		for _, want := range c.want {
			require.ErrorContains(t, p.Validate(), want, name)
		}
	}
	p := live(&did)
	without(deploy.KindBackup)(&p)
	p.Steps[1].ExpandOnly = true
	require.NoError(t, p.Validate(), "a migration that only adds")
	swap(2, 5)(&p) // health after the switch, watch before it
	require.ErrorContains(t, p.Validate(), "kind watch")
	require.NotContains(t, p.Validate().Error(), "kind health")

	p = live(&did)
	p.Steps[0].ExpandOnly = true
	require.ErrorContains(t, p.Validate(), `"backup": ExpandOnly is for steps of kind "migrate"`)

	p = live(&did)
	p.Steps = p.Steps[:3]
	p.Availability = nil
	require.NoError(t, p.Validate(), "what does not switch needs neither approval nor watch")
	for _, env := range []envconfig.Environment{envconfig.Development(), envconfig.Staging()} {
		p = live(&did)
		p.Env, p.Steps, p.Availability = env, p.Steps[4:5], nil
		require.NoError(t, p.Validate(), env.Name)
	}
}

// TestWhatProductionDemandsIsNotLeftToACondition: a step that may be left out
// is no approval. One that is left out with the switch is.
func TestWhatProductionDemandsIsNotLeftToACondition(t *testing.T) {
	var did []string
	when := func(p *deploy.Plan, i int, is string) {
		p.Steps[i].Binds, p.Steps[i].When = []string{"o"}, &deploy.When{Output: "o", Is: is}
	}
	for i, want := range map[int]string{0: "kind backup", 2: "kind health", 3: "kind approval", 5: "kind watch"} {
		p := live(&did)
		p.Steps = append([]deploy.Step{{Name: "first", Provides: []string{"o"}, Do: &effect{Name: "first", did: &did}}}, p.Steps...)
		when(&p, i+1, "yes")
		require.ErrorContains(t, p.Validate(), want)
		for _, both := range []int{2, 5} { // migrate, switch
			when(&p, both, "no")
		}
		require.ErrorContains(t, p.Validate(), want)
		for _, both := range []int{2, 5} {
			when(&p, both, "yes")
		}
		require.NoError(t, p.Validate())
	}
}
