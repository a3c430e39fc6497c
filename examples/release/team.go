package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/approval"
	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/deploy/progress"
	"github.com/masaruk/devops/deploy/release"
	"github.com/masaruk/devops/deploy/runlog/filelog"
	"github.com/masaruk/devops/deploy/step/artefact"
	"github.com/masaruk/devops/deploy/step/git"
	"github.com/masaruk/devops/envconfig"
)

const service = "site"

var environment = envconfig.Staging()

// team is the program: what it was told, and what it works with.
type team struct {
	root, repo, commit, addr, people, user string
	committed                              time.Time

	out      io.Writer
	stop     <-chan struct{}
	releases *release.Dir
	runner   *deploy.Runner
	desk     *approval.Desk
}

// open opens the log, the host, the desk and the releases, all below the root.
func (t *team) open() (err error) {
	at := func(name string) string { return filepath.Join(t.root, name) }
	log, logErr := filelog.New(at("log"), nil)
	host, hostErr := localexec.New(&localexec.Options{Inherit: []string{"PATH", "HOME"}, Fence: at("fence")})
	key, keyErr := deskKey(at("desk.key"))
	terminal, terminalErr := progress.New(t.out, nil)
	t.releases, err = release.New(at("site"), nil)
	if err = errors.Join(err, logErr, hostErr, keyErr, terminalErr); err != nil {
		return err
	}
	// People vote in the process that serves, and a run looks for their votes.
	votes := &approval.Options{Poll: 250 * time.Millisecond}
	if t.desk, err = approval.New(log, deploy.SigningKey{Name: "site-desk", Key: key}, votes); err != nil {
		return err
	}
	t.runner, err = deploy.New(log, &deploy.Options{Executor: host, Initiator: t.user, Stop: t.stop, Handle: terminal.Handle})
	return err
}

// plan releases one commit: what is checked out is packed, placed, approved by
// its digest, switched to and watched, and each step knows its way back.
func (t *team) plan() (deploy.Plan, error) {
	if len(t.commit) < 40 || t.repo == "" {
		return deploy.Plan{}, errors.New("give the -repo and the full -commit that is released")
	}
	name := t.commit[:12]
	before, err := t.before(name)
	gate, gateErr := t.desk.Gate(approval.Policy{Quorums: []approval.Quorum{{N: 1, Role: "ops"}}, Outputs: []string{"artefact"}})
	if err := errors.Join(err, gateErr); err != nil {
		return deploy.Plan{}, err
	}
	source, archive := filepath.Join(t.root, "source", name), filepath.Join(t.root, "artefacts", name+".tar.gz")
	url := "http://" + t.addr + "/"
	well := &deploy.HTTPCheck{URL: url, Header: releaseHeader, Want: name, Contains: "<h1>"}
	return deploy.Plan{
		Service: service, Env: environment, Change: &deploy.Change{Commit: t.commit, Committed: t.committed},
		Availability: &deploy.Availability{URL: url, Interval: 100 * time.Millisecond},
		Steps: []deploy.Step{
			step("checkout", deploy.KindBuild, &git.Checkout{Repository: git.Repository{URL: t.repo, Allow: []string{"file"}}, Commit: t.commit, Dir: source}, &git.Remove{Dir: source}),
			step("test", deploy.KindTest, shell(source, "test -s index.html || { echo index.html is empty >&2; exit 1; }"), nil),
			{
				Name: "pack", Kind: deploy.KindBuild, InFlight: deploy.Repeat, Provides: []string{"artefact"},
				Do: &artefact.Pack{Dir: source, Archive: archive, Exclude: []string{".git"}},
			},
			{
				Name: "place", Kind: deploy.KindPlace, InFlight: deploy.Repeat, Binds: []string{"artefact"},
				Do: &place{Release: name, Archive: archive, dir: t.releases}, Undo: &unplace{Release: name, dir: t.releases},
			},
			gate.Step("approve"),
			step("switch", deploy.KindSwitch, &activate{Release: name, dir: t.releases}, &activate{Release: before, dir: t.releases}),
			step("health", deploy.KindHealth, &deploy.Health{Conditions: deploy.Conditions{well}, Patience: 3 * time.Second}, nil),
			step("watch", deploy.KindWatch, &deploy.Watch{For: 2 * time.Second, MinRequests: 5, Interval: 100 * time.Millisecond}, nil),
			step("prove", deploy.KindRecord, &prove{Release: name, dir: t.releases}, nil),
		},
	}, nil
}

// do is one verb.
func (t *team) do(ctx context.Context, verb string, id deploy.RunID) error {
	ref := deploy.Ref{Service: service, Environment: environment.Name, Run: id}
	switch verb {
	case "serve":
		return t.serve(ctx)
	case "report":
		report, err := t.runner.Report(ctx, ref)
		return t.print(report, err)
	case "history":
		var runs []*deploy.Report
		for report, err := range t.runner.History(ctx, ref) {
			if err != nil {
				return err
			}
			runs = append(runs, report)
			fmt.Fprint(t.out, report)
		}
		return t.print(deploy.MeasureDORA(runs, time.Now().AddDate(0, 0, -30), time.Now()), nil)
	}
	plan, err := t.plan()
	if err != nil {
		return err
	}
	switch verb {
	case "plan":
		description, err := plan.Describe()
		preview, previewErr := plan.Preview()
		fmt.Fprintf(t.out, "%s\n%s\n%s\ndigest %s\n", description, preview, description.Mermaid(), description.Digest())
		return errors.Join(err, previewErr)
	case "undo": // the run that follows takes it back
		if err := t.runner.Decide(ctx, ref, "", deploy.Decision{Answer: deploy.AnswerUndo, By: t.user}); err != nil {
			return err
		}
	case "run":
	default:
		return fmt.Errorf("%q is none of plan, serve, run, undo, report, history, demo", verb)
	}
	report, err := t.runner.Run(ctx, id, plan) // starts it, or continues it after a crash
	if report != nil {
		fmt.Fprint(t.out, report)
	}
	if verb == "undo" && report != nil && report.Outcome == deploy.Undone {
		return nil
	}
	return err
}

// step may be repeated when the program dies in it, as all of this plan may.
func step(name string, kind deploy.Kind, do, undo deploy.Action) deploy.Step {
	return deploy.Step{Name: name, Kind: kind, Do: do, Undo: undo, InFlight: deploy.Repeat, Timeout: time.Minute}
}

func shell(dir, script string) deploy.Action {
	return &deploy.Exec{Command: deploy.Command{Argv: []string{"sh", "-c", script}, Dir: dir, ReadOnly: true}}
}

func (t *team) print(v any, err error) error {
	if err != nil {
		return err
	}
	enc := json.NewEncoder(t.out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
