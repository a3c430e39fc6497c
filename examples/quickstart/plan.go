package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/switchover"
	"github.com/masaruk/devops/envconfig"
)

const (
	// probeInterval is the time between two probes of the public address, and
	// of a release at its gate.
	probeInterval = 250 * time.Millisecond
	// watchFor is how long a release must serve without one failed request.
	watchFor = 2 * time.Second
	// watchInterval is how often the watch looks at the counts. It is shorter
	// than the probes' so that a bad release is out within two of those.
	watchInterval = 50 * time.Millisecond
	// watchRequests is how many answers the watch needs: without any, a
	// release has proven nothing.
	watchRequests = 4
	// patience is how long a release may take to become well.
	patience = 6 * time.Second
	// keepReleases is how many release directories stay.
	keepReleases = 3
)

// plan is how one version is released. Everything that can be seen before the
// traffic moves costs no client anything; what only traffic shows is bounded
// by the watch.
func (q *quickstart) plan(v version, from switchover.Backend, old *serving) deploy.Plan {
	artefact := filepath.Join(q.dir, "build", v.Name)
	log := filepath.Join(q.dir, "logs", v.Name+".log")
	current := ""
	if old != nil {
		current = old.Release
	}
	return deploy.Plan{
		Service:      "quickstart",
		Env:          envconfig.Development(),
		Availability: &deploy.Availability{URL: "http://" + reachable(q.session.Addr) + "/healthz", Interval: probeInterval},
		Steps: []deploy.Step{
			{
				Name: "build", Kind: deploy.KindBuild, InFlight: deploy.Repeat,
				Do: &build{Version: v.Name, Source: v.Dir, Go: v.Go, Own: q.opts.releases == "", Out: artefact}, Timeout: 5 * time.Minute,
			},
			{
				Name: "place", Kind: deploy.KindPlace, InFlight: deploy.Repeat,
				Do:   &place{Release: v.Name, From: artefact, releases: q.releases},
				Undo: &unplace{Release: v.Name, releases: q.releases},
			},
			{
				Name: "start", Kind: deploy.KindStart, InFlight: deploy.Repeat, Provides: []string{"process", "addr"},
				Do:   &start{Release: v.Name, Dir: filepath.Join(q.dir, "app", "releases", v.Name), Log: log, exec: q.exec},
				Undo: &stop{Release: v.Name},
			},
			{
				Name: "gate", Kind: deploy.KindHealth, InFlight: deploy.Repeat, Binds: []string{"process", "addr"},
				Do: &gate{log: log, Health: deploy.Health{
					URL: "http://${addr}/healthz", Header: releaseHeader, Want: v.Name, Interval: probeInterval / 2, Patience: patience,
				}},
			},
			{
				Name: "activate", Kind: deploy.KindSwitch, InFlight: deploy.Repeat,
				Do:   &activate{Release: v.Name, releases: q.releases},
				Undo: &activate{Release: current, releases: q.releases},
			},
			{
				Name: "switch", Kind: deploy.KindSwitch, InFlight: deploy.Repeat, Binds: []string{"addr"}, Provides: []string{"before"},
				Do:   &swap{Release: v.Name, From: &from, traffic: q.traffic},
				Undo: &swapBack{To: &from, traffic: q.traffic},
			},
			{
				Name: "watch", Kind: deploy.KindWatch, InFlight: deploy.Repeat, Binds: []string{"before"},
				Do: &observe{
					Release: v.Name, traffic: q.traffic,
					Watch: deploy.Watch{
						For: watchFor, Interval: watchInterval, MinRequests: watchRequests,
						Conditions: deploy.Conditions{deploy.Check("no request is stuck", "1", q.stuck)},
					},
				},
			},
			{
				Name: "prove", Kind: deploy.KindRecord, InFlight: deploy.Repeat,
				Do: &prove{Release: v.Name, releases: q.releases, traffic: q.traffic},
			},
			{
				Name: "retire", Kind: deploy.KindCleanup, InFlight: deploy.Repeat,
				Do: &retire{Old: old, Keep: keepReleases, releases: q.releases, traffic: q.traffic},
			},
		},
	}
}

// stuckAfter is how long a request of the quickstart's own clients may wait
// for its answer: counts tell only of requests that have ended.
const stuckAfter = 1500 * time.Millisecond

func (q *quickstart) stuck(context.Context) error {
	if q.users == nil {
		return nil
	}
	if waits := q.users.longestWait(); waits > stuckAfter {
		return fmt.Errorf("a request has waited %s for its answer", waits.Round(time.Millisecond))
	}
	return nil
}
