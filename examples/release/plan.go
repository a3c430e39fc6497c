package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
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

// team is what the program works with.
type team struct {
	root, repo, commit, addr, people, user string
	committed                              time.Time

	out      io.Writer
	stop     <-chan struct{}
	releases *release.Dir
	runner   *deploy.Runner
	desk     *approval.Desk
}

// open opens the log, the host and the desk, all of them below the root.
func (t *team) open() error {
	root, err := filepath.Abs(t.root)
	if err != nil {
		return err
	}
	t.root = root
	log, err := filelog.New(filepath.Join(root, "log"), nil)
	if err != nil {
		return err
	}
	host, err := localexec.New(&localexec.Options{Inherit: []string{"PATH", "HOME"}, Fence: filepath.Join(root, "fence")})
	if err != nil {
		return err
	}
	key, err := deskKey(filepath.Join(root, "desk.key"))
	if err != nil {
		return err
	}
	// People vote in the process that serves, and a run looks for their votes.
	votes := &approval.Options{Poll: 250 * time.Millisecond}
	if t.desk, err = approval.New(log, deploy.SigningKey{Name: "site-desk", Key: key}, votes); err != nil {
		return err
	}
	if t.releases, err = release.New(filepath.Join(root, "site"), nil); err != nil {
		return err
	}
	terminal, err := progress.New(t.out, nil)
	if err != nil {
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
	if err != nil {
		return deploy.Plan{}, err
	}
	gate, err := t.desk.Gate(approval.Policy{Quorums: []approval.Quorum{{N: 1, Role: "ops"}}, Outputs: []string{"artefact"}})
	if err != nil {
		return deploy.Plan{}, err
	}
	source, archive := filepath.Join(t.root, "source", name), filepath.Join(t.root, "artefacts", name+".tar.gz")
	url := "http://" + t.addr + "/"
	return deploy.Plan{
		Service: service, Env: environment, Change: &deploy.Change{Commit: t.commit, Committed: t.committed},
		Availability: &deploy.Availability{URL: url, Interval: 100 * time.Millisecond},
		Steps: []deploy.Step{
			{
				Name: "checkout", Kind: deploy.KindBuild, InFlight: deploy.Repeat, Timeout: time.Minute,
				Do:   &git.Checkout{Repository: git.Repository{URL: t.repo, Allow: []string{"file"}}, Commit: t.commit, Dir: source},
				Undo: &git.Remove{Dir: source},
			},
			{
				Name: "test", Kind: deploy.KindTest, InFlight: deploy.Repeat, Timeout: time.Minute,
				Do: &deploy.Exec{Command: deploy.Command{Argv: []string{"sh", "-c", "test -s index.html || { echo index.html is empty >&2; exit 1; }"}, Dir: source, ReadOnly: true}},
			},
			{
				Name: "pack", Kind: deploy.KindBuild, InFlight: deploy.Repeat, Timeout: time.Minute, Provides: []string{"artefact"},
				Do: &artefact.Pack{Dir: source, Archive: archive, Exclude: []string{".git"}},
			},
			{
				Name: "place", Kind: deploy.KindPlace, InFlight: deploy.Repeat, Binds: []string{"artefact"},
				Do: &place{Release: name, Archive: archive, dir: t.releases}, Undo: &unplace{Release: name, dir: t.releases},
			},
			gate.Step("approve"),
			{
				Name: "switch", Kind: deploy.KindSwitch, InFlight: deploy.Repeat,
				Do: &activate{Release: name, dir: t.releases}, Undo: &activate{Release: before, dir: t.releases},
			},
			{
				Name: "health", Kind: deploy.KindHealth, InFlight: deploy.Repeat,
				Do: &deploy.Health{
					Conditions: deploy.Conditions{&deploy.HTTPCheck{URL: url, Header: releaseHeader, Want: name, Contains: "<h1>"}},
					Patience:   3 * time.Second,
				},
			},
			{
				Name: "watch", Kind: deploy.KindWatch, InFlight: deploy.Repeat,
				Do: &deploy.Watch{For: 2 * time.Second, MinRequests: 5, Interval: 100 * time.Millisecond},
			},
			{
				Name: "prove", Kind: deploy.KindRecord, InFlight: deploy.Repeat,
				Do: &prove{Release: name, dir: t.releases},
			},
		},
	}, nil
}

// before is the release that served before, also when a run is continued; empty
// where nothing did.
func (t *team) before(name string) (string, error) {
	rel, err := t.releases.LastProven(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", err
	}
	return rel.ID, nil
}

// The actions of the site's own. What has a JSON name is what is approved.
type place struct {
	Release string `json:"release"`
	Archive string `json:"archive"`
	dir     *release.Dir
}

func (p *place) Spec() any { return p }
func (p *place) Preview() []string {
	return []string{"unpack " + p.Archive + ", which has <output artefact>, as release " + p.Release}
}

func (p *place) Run(ctx context.Context, c *deploy.Call) error {
	digest, err := c.Expand("${artefact}")
	if err != nil {
		return err
	}
	unpack := &artefact.Unpack{Archive: p.Archive, Digest: digest}
	_, err = p.dir.Stage(ctx, release.Spec{ID: p.Release, Fill: unpack.Fill})
	return err
}

type unplace struct {
	Release string `json:"release"`
	dir     *release.Dir
}

func (u *unplace) Spec() any         { return u }
func (u *unplace) Preview() []string { return []string{"remove release " + u.Release} }
func (u *unplace) Run(ctx context.Context, _ *deploy.Call) error {
	err := u.dir.Remove(ctx, u.Release)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, release.ErrProtected): // the first one stays current until there is another
		rel, err := u.dir.Get(u.Release)
		if err != nil || rel.State() == release.Proven { // by an earlier run, and this one has not switched
			return err
		}
		return u.dir.Fail(ctx, u.Release, "undone")
	}
	return err
}

type activate struct {
	Release string `json:"release"` // empty: nothing served before
	dir     *release.Dir
}

func (a *activate) Spec() any         { return a }
func (a *activate) Preview() []string { return []string{fmt.Sprintf("current -> %q", a.Release)} }
func (a *activate) Run(ctx context.Context, _ *deploy.Call) error {
	if a.Release == "" {
		return nil
	}
	return a.dir.Activate(ctx, a.Release)
}

type prove struct {
	Release string `json:"release"`
	dir     *release.Dir
}

func (p *prove) Spec() any { return p }
func (p *prove) Preview() []string {
	return []string{"record that release " + p.Release + " is proven"}
}

func (p *prove) Run(ctx context.Context, c *deploy.Call) error {
	return p.dir.Prove(ctx, p.Release, "watched by run "+string(c.Run))
}
