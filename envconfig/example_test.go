package envconfig_test

import (
	"fmt"

	"github.com/masaruk/devops/envconfig"
)

func ExampleProduction() {
	env := envconfig.Production()
	env.Rules.Opaque.Names = []string{"warm-cache"}
	fmt.Println(env.Name, env.Tier, env.Validate())
	fmt.Println(env.Rules.AllowsOpaque("warm-cache"), env.Rules.AllowsOpaque("fix-it-quickly"))
	// Output:
	// prod production <nil>
	// true false
}

func ExampleStaging() {
	qa := envconfig.Staging()
	qa.Name = "qa-2"
	fmt.Println(qa.Name, qa.Tier, qa.Validate())
	// Output: qa-2 staging <nil>
}

func ExampleEnvironment_Validate() {
	fmt.Println(envconfig.Environment{}.Validate())
	// Output: Environment: want an environment, got the zero one (rule: is chosen on purpose); begin with envconfig.Development(), envconfig.Staging() or envconfig.Production()
}
