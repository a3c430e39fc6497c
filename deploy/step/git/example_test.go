package git_test

import (
	"fmt"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/step/git"
	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/secrets"
)

// A plan that builds what a branch has when the run begins.
func ExampleCheckout() {
	env, err := secrets.NewEnvironment("GIT_TOKEN")
	if err != nil {
		fmt.Println(err)
		return
	}
	repo := git.Repository{
		URL:        "https://git.example.com/shop/api.git",
		Credential: &git.Credential{Name: "GIT_TOKEN", Source: env},
	}
	plan := deploy.Plan{
		Service: "api",
		Env:     envconfig.Staging(),
		Steps: []deploy.Step{
			{
				Name: "find", InFlight: deploy.Repeat, Provides: []string{"commit"},
				Do: &git.Resolve{Repository: repo, Ref: "main"},
			},
			{
				Name: "checkout", Kind: deploy.KindBuild, InFlight: deploy.Repeat, Binds: []string{"commit"},
				Do:   &git.Checkout{Repository: repo, Commit: "${commit}", Dir: "/srv/build/api"},
				Undo: &git.Remove{Dir: "/srv/build/api"},
			},
		},
	}
	text, err := plan.Preview()
	fmt.Print(text)
	fmt.Println(err)
	// Output:
	//   1. find
	//        git ls-remote https://git.example.com/shop/api.git main
	//   2. checkout
	//        git init /srv/build/api.checkout-new
	//        git fetch --depth=1 https://git.example.com/shop/api.git <output commit>
	//        git checkout --detach <output commit>
	//        git fsck --connectivity-only <output commit>
	//        mv /srv/build/api.checkout-new /srv/build/api
	// <nil>
}

func ExampleRemove() {
	fmt.Println((&git.Remove{Dir: "/srv/build/api"}).Preview()[0])
	// Output: rm -rf /srv/build/api if this run made it
}

func ExampleResolve() {
	r := &git.Resolve{Repository: git.Repository{URL: "http://git.example.com/shop/api.git"}, Ref: "v1 beta"}
	fmt.Println(r.Validate())
	// Output:
	// field Repository.URL is http, which Repository.Allow does not name
	// field Ref: "v1 beta" is not a name of a branch or tag
}
