package sentrysink

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"github.com/getsentry/sentry-go"
)

// JobOptions is what Sentry should expect of a job. With the zero value it
// expects what was set there, and the monitor has to be there.
type JobOptions struct {
	// Every is from one run to the next, in whole minutes.
	Every time.Duration
	// Cron is when it runs instead, of five fields, in Zone, a name of the tz
	// database; empty means UTC.
	Cron string
	Zone string
	// Margin is how late a run may begin before it counts as missed, MaxRuntime
	// how long it may take, both in whole minutes; 0 means Sentry's default.
	Margin, MaxRuntime time.Duration
	// FailAfter is how many bad runs in a row make an issue, RecoverAfter how many
	// good ones resolve it; 0 means 1.
	FailAfter, RecoverAfter int
}

var slugRE = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,49}$`)

// config is what the check-ins tell Sentry; nil where there is no schedule.
func (o JobOptions) config() (*sentry.MonitorConfig, error) {
	c := &sentry.MonitorConfig{
		CheckInMargin: int64(o.Margin / time.Minute), MaxRuntime: int64(o.MaxRuntime / time.Minute),
		Timezone: o.Zone, FailureIssueThreshold: int64(o.FailAfter), RecoveryThreshold: int64(o.RecoverAfter),
	}
	var errs []error
	for _, f := range []struct {
		name  string
		value time.Duration
	}{{"Every", o.Every}, {"Margin", o.Margin}, {"MaxRuntime", o.MaxRuntime}} {
		if f.value < 0 || f.value%time.Minute != 0 {
			errs = append(errs, fmt.Errorf("%s is %v and must be whole minutes", f.name, f.value))
		}
	}
	if o.FailAfter < 0 || o.RecoverAfter < 0 {
		errs = append(errs, errors.New("FailAfter or RecoverAfter is below 0"))
	}
	if _, err := time.LoadLocation(o.Zone); err != nil {
		errs = append(errs, fmt.Errorf("Zone %q is not known here", o.Zone))
	}
	switch {
	case o.Every != 0 && o.Cron != "":
		errs = append(errs, errors.New("there is Every and Cron; give one of them"))
	case o.Every > 0:
		c.Schedule = interval(o.Every)
	case o.Cron != "":
		if len(strings.Fields(o.Cron)) != 5 {
			errs = append(errs, fmt.Errorf("Cron is %q and must have five fields: minute, hour, day, month, weekday", o.Cron))
		}
		c.Schedule = sentry.CrontabSchedule(o.Cron)
	case o != JobOptions{}:
		errs = append(errs, errors.New("there is neither Every nor Cron; without one give no other option"))
	default:
		c = nil
	}
	return c, errors.Join(errs...)
}

// interval is d in the largest unit that it is a multiple of.
func interval(d time.Duration) sentry.MonitorSchedule {
	const day = 24 * time.Hour
	switch {
	case d%day == 0:
		return sentry.IntervalSchedule(int64(d/day), sentry.MonitorScheduleUnitDay)
	case d%time.Hour == 0:
		return sentry.IntervalSchedule(int64(d/time.Hour), sentry.MonitorScheduleUnitHour)
	}
	return sentry.IntervalSchedule(int64(d/time.Minute), sentry.MonitorScheduleUnitMinute)
}

// Job is work that is done at times, such as a backup or a drill, and a cron
// monitor in Sentry. Make one with [Sink.Job].
type Job struct {
	sink   *Sink
	slug   string
	config *sentry.MonitorConfig
}

// Job is a job of that slug, which identifies it in Sentry: 1 to 50 lower-case
// letters, digits, "_" and "-". The error joins what is wrong with slug and
// options.
func (s *Sink) Job(slug string, opts *JobOptions) (*Job, error) {
	var o JobOptions
	if opts != nil {
		o = *opts
	}
	config, err := o.config()
	if !slugRE.MatchString(slug) {
		err = errors.Join(fmt.Errorf(`the slug %q is not 1 to 50 lower-case letters, digits, "_" and "-"`, slug), err)
	}
	if err == nil && s.mask.line(slug, longestTag) != slug {
		err = errors.New("the slug has a secret in it")
	}
	if err != nil {
		return nil, fmt.Errorf("sentrysink: new job: %w", err)
	}
	return &Job{sink: s, slug: slug, config: config}, nil
}

// Run calls the function, in the caller's goroutine, and returns its error as it
// is. Sentry is told before and after; that never waits, but when the function
// panics: then what waits is sent first, for Options.Grace at most, since the
// program may end. The panic goes on.
func (j *Job) Run(ctx context.Context, work func(context.Context) error) (err error) {
	if !j.sink.Enabled() {
		return work(ctx)
	}
	id, began, returned := sentry.EventID(randomID()), time.Now(), false
	j.checkIn(id, sentry.CheckInStatusInProgress, 0)
	defer func() {
		took := time.Since(began)
		switch {
		case !returned:
			j.fail(id, took, "the job panicked, or ended its goroutine", j.sink.parseStack(string(debug.Stack())))
			grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), j.sink.opts.Grace)
			defer cancel()
			j.sink.outbox.flush(grace)
		case err != nil:
			j.fail(id, took, j.sink.mask.text(errorText(err)), j.sink.carriedStack(err))
		default:
			j.checkIn(id, sentry.CheckInStatusOK, took)
		}
	}()
	err = work(ctx)
	returned = true
	return err
}

func (j *Job) checkIn(id sentry.EventID, status sentry.CheckInStatus, took time.Duration) {
	j.sink.outbox.put(j.sink.post.client.EventFromCheckIn(&sentry.CheckIn{
		ID: id, MonitorSlug: j.slug, Status: status, Duration: took,
	}, j.config))
}

func (j *Job) fail(id sentry.EventID, took time.Duration, why string, stack *sentry.Stacktrace) {
	j.checkIn(id, sentry.CheckInStatusError, took)
	j.sink.outbox.put(j.sink.jobEvent(j.slug, why, stack))
}

func randomID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
