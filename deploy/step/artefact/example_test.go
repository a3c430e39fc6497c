package artefact_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/filelog"
	"github.com/masaruk/devops/deploy/step/artefact"
	"github.com/masaruk/devops/envconfig"
)

// Staging builds, production takes the same bytes by their digest. (In real
// life production's plan has an approval and a watch as well; its rules ask for
// them where there is a switch.)
func ExamplePull() {
	root, err := os.MkdirTemp("", "example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(root)
	at := func(name string) string { return filepath.Join(root, name) }
	if err := os.Mkdir(at("build"), 0o700); err != nil {
		fmt.Println(err)
		return
	}
	if err := os.WriteFile(at("build/app.js"), []byte("serve()\n"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	store, err := artefact.NewFolder(at("store"))
	if err != nil {
		fmt.Println(err)
		return
	}
	log, err := filelog.New(at("log"), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	runner, err := deploy.New(log, &deploy.Options{Initiator: "ada"})
	if err != nil {
		fmt.Println(err)
		return
	}
	// In staging the digest is not known before the run.
	staging := deploy.Plan{Service: "api", Env: envconfig.Staging(), Steps: []deploy.Step{
		{
			Name: "pack", Kind: deploy.KindBuild, InFlight: deploy.Repeat, Provides: []string{"artefact"},
			Do: &artefact.Pack{Dir: at("build"), Archive: at("api.tar.gz")},
		},
		{
			Name: "push", InFlight: deploy.Repeat, Binds: []string{"artefact"},
			Do: &artefact.Push{Archive: at("api.tar.gz"), Digest: "${artefact}", Store: store},
		},
	}}
	if _, err := runner.Run(context.Background(), "2026-11-24.1", staging); err != nil {
		fmt.Println(err)
		return
	}
	// It does not depend on time or machine, so making it again gives it too.
	digest, err := (&artefact.Pack{Dir: at("build"), Archive: at("again.tar.gz")}).Make(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	// In production it is part of the plan, and so of what is approved.
	production := deploy.Plan{
		Service: "api", Env: envconfig.Production(),
		Change: &deploy.Change{Artefact: digest},
		Steps: []deploy.Step{
			{
				Name: "pull", InFlight: deploy.Repeat,
				Do: &artefact.Pull{Store: store, Digest: digest, Archive: at("live.tar.gz")},
			},
			{
				Name: "unpack", Kind: deploy.KindPlace, InFlight: deploy.Repeat,
				Do: &artefact.Unpack{Archive: at("live.tar.gz"), Digest: digest, Dir: at("v1")},
			},
		},
	}
	report, err := runner.Run(context.Background(), "2026-11-24.2", production)
	if err != nil {
		fmt.Println(err)
		return
	}
	content, err := os.ReadFile(at("v1/app.js"))
	fmt.Println(report.Outcome, err)
	fmt.Print(string(content))
	// Output:
	// succeeded <nil>
	// serve()
}

func ExamplePack_Make() {
	_, err := (&artefact.Pack{Dir: "/srv/build/api", Archive: "api.tar.gz"}).Make(context.Background())
	fmt.Println(err)
	// Output: artefact: pack /srv/build/api: field Archive: "api.tar.gz" is not an absolute, clean path
}

func ExampleNewFolder() {
	store, err := artefact.NewFolder("/srv/artefacts")
	fmt.Println(store, err)
	// Output: folder /srv/artefacts <nil>
}

func ExampleUnpack() {
	u := &artefact.Unpack{Archive: "/srv/build/api.tar.gz", Digest: "${artefact}", Dir: "/srv/api/v1"}
	fmt.Println(u.Validate(), u.Preview())
	// Output: <nil> [unpack /srv/build/api.tar.gz (<output artefact>) into /srv/api/v1]
}

func ExamplePush() {
	fmt.Println((&artefact.Push{Archive: "/srv/build/api.tar.gz", Digest: "latest"}).Validate())
	// Output:
	// field Digest: "latest" is no digest; want "sha256:" and 64 lower-case hex digits, or ${output}
	// field Store is nil
}
