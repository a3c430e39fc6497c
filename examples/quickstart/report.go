package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/deploy/switchover"
)

// What became of a version.
const (
	released = "released" // proven, and served until the next one was
	refused  = "refused"  // never had traffic
	undone   = "undone"   // had traffic and lost it to the release before
)

// releaseReport is what became of one version and of its requests.
type releaseReport struct {
	Version  string  `json:"version"`
	Outcome  string  `json:"outcome"`
	Reason   string  `json:"reason,omitempty"`
	Duration float64 `json:"duration_s"`
	// Attempts is above one where a killed run was undone and made again.
	Attempts int `json:"attempts"`
	// Requests and Failed are the switchover's count of all traffic that the
	// version answered; Probes and FailedProbes that of the prober.
	Requests     uint64 `json:"requests"`
	Failed       uint64 `json:"failed_requests"`
	Probes       uint64 `json:"probes"`
	FailedProbes uint64 `json:"failed_probes"`
	// Own is what the quickstart's own clients counted, part of Requests.
	Own tally `json:"own_clients"`
	// FirstError and LastAnswer tell how long a bad version had traffic.
	FirstError time.Time `json:"first_error,omitzero"`
	LastAnswer time.Time `json:"last_answer,omitzero"`
}

// fullReport is the file that -report writes.
type fullReport struct {
	Address       string          `json:"address"`
	Dir           string          `json:"dir"`
	Began         time.Time       `json:"began"`
	Duration      float64         `json:"duration_s"`
	ProbeInterval float64         `json:"probe_interval_s"`
	Tolerated     int             `json:"tolerated_failures"`
	Recovery      []string        `json:"recovery,omitempty"`
	Releases      []releaseReport `json:"releases"`
	// NoRelease counts requests that came when no release had the traffic.
	NoRelease uint64 `json:"requests_without_release"`
	// Unanswered is how many requests of the quickstart's own clients got no
	// answer, Unnamed how many an answer that names no release. Incomplete
	// says that what the clients of a killed program counted is not in here.
	Unanswered int  `json:"own_clients_unanswered"`
	Unnamed    int  `json:"own_clients_unnamed"`
	Incomplete bool `json:"own_clients_incomplete,omitempty"`
}

// outcomeOf names the end of a run.
func outcomeOf(rep *deploy.Report) string {
	if rep.Outcome == deploy.Succeeded {
		return released
	}
	for _, step := range rep.Steps {
		if step.Step == "switch" && step.Phase == deploy.PhaseForward && step.Outcome == deploy.Succeeded {
			return undone
		}
	}
	return refused
}

// line is what is told right after the release.
func (r releaseReport) line() string {
	if r.Outcome == released {
		return fmt.Sprintf("%s is released and proven", r.Version)
	}
	return fmt.Sprintf("%s is %s: %s", r.Version, r.Outcome, shorten(oneLine(r.Reason)))
}

// oneLine folds a reason into a line.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// makeReport joins the outcomes with what the switchover and the clients
// counted.
func (q *quickstart) makeReport(st switchover.Status) fullReport {
	s := q.session
	own, lost := q.users.snapshot()
	rep := fullReport{
		Address: st.Addr, Dir: q.dir, Began: s.Began, Duration: time.Since(s.Began).Seconds(),
		ProbeInterval: probeInterval.Seconds(), Recovery: s.Recovery,
		NoRelease: st.Counts[""].Requests, Unanswered: lost, Unnamed: own[""].Requests, Incomplete: s.Continued,
	}
	for _, r := range s.Outcomes {
		c := st.Counts[r.Version]
		r.Requests, r.Failed = c.Requests, c.Failed
		r.Probes, r.FailedProbes = c.Probes.Requests, c.Probes.Failed
		r.Own = own[r.Version]
		if r.Outcome == undone {
			r.FirstError, r.LastAnswer = earlier(c.FirstFailure, c.Probes.FirstFailure), c.LastAnswer
		}
		rep.Releases = append(rep.Releases, r)
	}
	return rep
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// print shows the report to a person.
func (r fullReport) print(w io.Writer) {
	fmt.Fprintf(w, "\nWhat became of each release\n\n")
	t := tabwriter.NewWriter(w, 2, 0, 3, ' ', 0)
	fmt.Fprintln(t, "version\toutcome\ttook\trequests\tfailed\tprobes\tfailed probes\twhy")
	var requests, failed uint64
	for _, rel := range r.Releases {
		fmt.Fprintf(t, "%s\t%s\t%.1f s\t%d\t%d\t%d\t%d\t%s\n", rel.Version, rel.Outcome, rel.Duration,
			rel.Requests, rel.Failed, rel.Probes, rel.FailedProbes, shorten(oneLine(rel.Reason)))
		requests, failed = requests+rel.Requests, failed+rel.Failed
	}
	_ = t.Flush()
	fmt.Fprintln(w)
	for _, rel := range r.Releases {
		if rel.Outcome == undone && !rel.FirstError.IsZero() {
			fmt.Fprintf(w, "%s gave its last answer %s after its first error (probes come every %s; no failure is tolerated).\n",
				rel.Version, rel.LastAnswer.Sub(rel.FirstError).Round(time.Millisecond), probeInterval)
		}
	}
	fmt.Fprintf(w, "%d requests in all, %d failed, %d found no release; %d of the clients' requests got no answer.\n",
		requests, failed, r.NoRelease, r.Unanswered)
	if r.Unnamed > 0 {
		fmt.Fprintf(w, "%d answers named no release.\n", r.Unnamed)
	}
	for _, line := range r.Recovery {
		fmt.Fprintln(w, "after a kill:", line)
	}
	fmt.Fprintf(w, "%.1f s in all.\n", r.Duration)
}

// preamble is what every reason begins with.
var preamble = regexp.MustCompile(`^.* attempt \d+: (health of \S+: )?`)

// shorten keeps the table readable; the JSON has the whole reason.
func shorten(s string) string {
	s = preamble.ReplaceAllString(s, "")
	if r := []rune(s); len(r) > 180 {
		return string(r[:180]) + "..."
	}
	return s
}

func (r fullReport) write(path string) error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(raw, '\n'), 0o644)
}

// end reports, holds where asked to, and ends everything. The session is
// finished only then: killed before, the program goes on where it held.
func (q *quickstart) end(ctx context.Context) error {
	if q.opts.hold && q.session.Serving != nil {
		if err := q.holdOn(ctx); err != nil {
			return err
		}
	}
	cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	st, err := q.traffic.Stop(cleanup)
	if err != nil {
		return q.explain(err)
	}
	rep := q.makeReport(st)
	rep.print(q.out)
	if q.opts.report != "" {
		err = rep.write(q.opts.report)
	}
	_, endErr := endAll(cleanup, func() ([]localexec.Process, error) { return q.leftovers() })
	q.session.Finished = endErr == nil
	return errors.Join(err, endErr, q.session.save(), q.judge(rep))
}

// holdOn reports, and keeps serving until the program is told to end.
func (q *quickstart) holdOn(ctx context.Context) error {
	st, err := q.traffic.Status(ctx)
	if err != nil {
		return q.explain(err)
	}
	rep := q.makeReport(st)
	rep.print(q.out)
	if q.opts.report != "" {
		if err := rep.write(q.opts.report); err != nil {
			return q.explain(err)
		}
	}
	fmt.Fprintf(q.out, "\n%s keeps serving on http://%s/ until you interrupt this program; the report is made anew then\n",
		q.session.Serving.Release, reachable(rep.Address))
	<-ctx.Done()
	return nil
}

// judge makes an outcome that the built-in versions must not have an error.
func (q *quickstart) judge(rep fullReport) error {
	if q.opts.releases != "" {
		return nil
	}
	want := []string{released, released, refused, refused, refused, undone, released}
	var errs []error
	for i, r := range rep.Releases {
		if r.Outcome != want[i] {
			errs = append(errs, fmt.Errorf("%s is %s, and should be %s: %s", r.Version, r.Outcome, want[i], r.Reason))
		}
		if r.Failed > 0 && r.Outcome != undone {
			errs = append(errs, fmt.Errorf("%s failed %d requests", r.Version, r.Failed))
		}
	}
	if rep.Unanswered > 0 {
		errs = append(errs, fmt.Errorf("%d requests got no answer", rep.Unanswered))
	}
	return errors.Join(errs...)
}
