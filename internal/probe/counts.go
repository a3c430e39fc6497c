package probe

import (
	"maps"
	"slices"
	"time"
)

// Counts is what a [Prober] saw. Requests is the sum of Passed, Failed and
// Inconclusive.
type Counts struct {
	// Requests counts the probes that have ended.
	Requests int
	Passed   int
	// Failed counts the results Fail and Error.
	Failed int
	// Inconclusive counts the probes that were broken off.
	Inconclusive int
	// Skipped counts the probes that were due and not started, because too
	// many were under way. They are no requests.
	Skipped int
	// Releases counts by the release that answered; "" is for results with
	// none. Beyond 100 releases, [OtherReleases] stands for the rest.
	Releases map[string]ReleaseCounts
	// FirstFailure is when the first request that failed was sent, and
	// FirstReason why it failed. Zero when none has.
	FirstFailure time.Time
	FirstReason  string
	// Failures are the last failed results, in the order in which they ended.
	Failures []Result
}

// ReleaseCounts is the part of one release in [Counts].
type ReleaseCounts struct{ Requests, Failed int }

// OtherReleases counts releases beyond the hundredth: the name of a release is
// what a server says, and one that says something new each time must not fill
// the memory.
const OtherReleases = "(others)"

const maxReleases = 100

func (c *Counts) add(r Result, keep int) {
	c.Requests++
	failed := false
	switch r.Outcome {
	case Pass:
		c.Passed++
	case Fail, Error:
		c.Failed++
		failed = true
		c.addFailure(r, keep)
	default:
		c.Inconclusive++
	}
	c.addRelease(r.Release, failed)
}

func (c *Counts) addFailure(r Result, keep int) {
	if c.FirstFailure.IsZero() || r.Started.Before(c.FirstFailure) {
		c.FirstFailure, c.FirstReason = r.Started, r.Reason
	}
	if keep <= 0 {
		return
	}
	if len(c.Failures) >= keep {
		c.Failures = slices.Delete(c.Failures, 0, len(c.Failures)-keep+1)
	}
	c.Failures = append(c.Failures, r)
}

func (c *Counts) addRelease(name string, failed bool) {
	if c.Releases == nil {
		c.Releases = map[string]ReleaseCounts{}
	}
	if _, known := c.Releases[name]; !known && len(c.Releases) >= maxReleases {
		name = OtherReleases
	}
	n := c.Releases[name]
	n.Requests++
	if failed {
		n.Failed++
	}
	c.Releases[name] = n
}

func (c *Counts) clone() Counts {
	out := *c
	out.Releases, out.Failures = maps.Clone(c.Releases), slices.Clone(c.Failures)
	return out
}
