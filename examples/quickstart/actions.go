package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/deploy/release"
	"github.com/masaruk/devops/deploy/switchover"
)

// The Actions of the quickstart's plan. Their fields with a JSON name are what
// they are made of and enter the digest of the plan; the others are the tools
// they work with.

// place puts the artefact into a release directory of its own.
type place struct {
	Release string `json:"release"`
	From    string `json:"from"`

	releases *release.Dir
}

func (p *place) Spec() any { return p }

func (p *place) Preview() []string { return []string{"copy " + p.From + " to release " + p.Release} }

func (p *place) Run(ctx context.Context, c *deploy.Call) error {
	rel, err := p.releases.Stage(ctx, release.Spec{ID: p.Release, From: os.DirFS(p.From)})
	if err != nil {
		return err
	}
	c.Printf("artefact %s", rel.Artefact)
	return nil
}

// unplace takes a release directory away.
type unplace struct {
	Release string `json:"release"`

	releases *release.Dir
}

func (u *unplace) Spec() any { return u }

func (u *unplace) Preview() []string { return []string{"remove release " + u.Release} }

func (u *unplace) Run(ctx context.Context, c *deploy.Call) error {
	err := u.releases.Remove(ctx, u.Release)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, release.ErrProtected): // a first release is current, and stays so until there is another
		c.Printf("%v", err)
		return u.releases.Fail(ctx, u.Release, "undone")
	}
	return err
}

// activate makes the release the current one.
type activate struct {
	Release string `json:"release"`

	releases *release.Dir
}

func (a *activate) Spec() any { return a }

func (a *activate) Preview() []string { return []string{"current -> releases/" + a.Release} }

func (a *activate) Run(ctx context.Context, _ *deploy.Call) error {
	if a.Release == "" { // the way back from the first release
		return nil
	}
	return a.releases.Activate(ctx, a.Release)
}

// prove writes down that the release served well.
type prove struct {
	Release string `json:"release"`

	releases *release.Dir
	traffic  *switchover.Client
}

func (p *prove) Spec() any { return p }

func (p *prove) Preview() []string { return []string{"mark release " + p.Release + " as proven"} }

func (p *prove) Run(ctx context.Context, _ *deploy.Call) error {
	st, err := p.traffic.Status(ctx)
	if err != nil {
		return err
	}
	n := st.Counts[p.Release]
	return p.releases.Prove(ctx, p.Release, fmt.Sprintf("%d requests and %d probes answered, none failed", n.Requests, n.Probes.Requests))
}

// retire ends the release that served before. Traffic has left it and the new
// one is proven, so trouble here is told and does not undo the release.
type retire struct {
	Old  *serving `json:"old"`
	Keep int      `json:"keep"`

	releases *release.Dir
	traffic  *switchover.Client
}

func (r *retire) Spec() any { return r }

func (r *retire) Preview() []string {
	if r.Old == nil {
		return []string{"nothing served before"}
	}
	return []string{fmt.Sprintf("end %s, keep %d releases", r.Old.Release, r.Keep)}
}

func (r *retire) Run(ctx context.Context, c *deploy.Call) error {
	if r.Old != nil {
		if err := r.end(ctx); err != nil {
			c.Printf("%s could not be ended: %v", r.Old.Release, err)
		}
	}
	if _, err := r.releases.Prune(ctx, r.Keep); err != nil {
		c.Printf("old releases could not be removed: %v", err)
	}
	return nil
}

// end waits until the old release has answered what it was sent, and ends it
// with whatever it has started.
func (r *retire) end(ctx context.Context) error {
	st, err := r.traffic.Status(ctx)
	if err != nil {
		return err
	}
	if _, err := r.traffic.Swap(ctx, switchover.SwapRequest{To: st.Live, Proven: true}); err != nil {
		return err
	}
	if _, err := localexec.Stop(ctx, r.Old.Process, stopGrace); err != nil {
		return err
	}
	return endMarked(ctx, r.Old.Process.Marker)
}
