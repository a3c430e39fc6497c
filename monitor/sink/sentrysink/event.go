package sentrysink

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/masaruk/devops/monitor"
)

// alertEvent is the event of an alert that opened or was resolved.
func (s *Sink) alertEvent(t monitor.Transition) *sentry.Event {
	env := s.mask.text(t.Environment)
	if env == "" {
		env = s.env
	}
	check := s.mask.line(t.Check, longestTag)
	e := sentry.NewEvent()
	e.EventID = eventID(t)
	e.Timestamp = t.Time
	e.Environment = env
	e.Fingerprint = []string{"monitor", env, check}
	e.Logger = "monitor"
	e.Tags = s.tags(t, check)
	e.Contexts["check"] = s.checkContext(t)
	if ms := s.measurements(t.Result.Measurements); len(ms) > 0 {
		e.Contexts["measurements"] = ms
	}
	if t.Kind == monitor.AlertResolved {
		e.Level = sentry.LevelInfo
		e.Message = check + " is good again"
		if t.Reason != "" {
			e.Message = check + ": " + s.mask.text(t.Reason)
		}
		return e
	}
	e.Level = level(t)
	e.Exception = []sentry.Exception{s.exception(check, t.Result)}
	return e
}

// eventID is the same for the same transition, so that Sentry takes it once.
func eventID(t monitor.Transition) sentry.EventID {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %d %d", t.Environment, t.Check, t.Kind, t.Seq, t.Time.UnixNano()))
	return sentry.EventID(hex.EncodeToString(sum[:16]))
}

// level is what the label severity of the check says, or whether it is critical.
func level(t monitor.Transition) sentry.Level {
	switch l := sentry.Level(t.Labels["severity"]); l {
	case sentry.LevelDebug, sentry.LevelInfo, sentry.LevelWarning, sentry.LevelError, sentry.LevelFatal:
		return l
	case "critical":
		return sentry.LevelFatal
	}
	if t.Critical {
		return sentry.LevelFatal
	}
	return sentry.LevelError
}

func (s *Sink) tags(t monitor.Transition, check string) map[string]string {
	tags := map[string]string{}
	for key, value := range t.Labels {
		if k, v := s.mask.key(key), s.mask.line(value, longestTag); k != "" && v != "" {
			tags[k] = v
		}
	}
	if owner := s.mask.line(t.Owner, longestTag); owner != "" {
		tags["owner"] = owner
	}
	tags["check"], tags["alert"] = check, "opened"
	if t.Kind == monitor.AlertResolved {
		tags["alert"] = "resolved"
	}
	return tags
}

func (s *Sink) checkContext(t monitor.Transition) sentry.Context {
	c := sentry.Context{"seq": t.Seq, "status": t.To.String()}
	for key, value := range map[string]string{"detail": t.Result.Detail, "runbook": t.Runbook, "reason": t.Reason} {
		if text := s.mask.text(value); text != "" {
			c[key] = text
		}
	}
	return c
}

// measurements are texts, since JSON has no number for some values.
func (s *Sink) measurements(ms []monitor.Measurement) sentry.Context {
	c := sentry.Context{}
	for _, m := range ms {
		name := s.mask.line(m.Name, longestTag)
		if _, twice := c[name]; twice {
			continue
		}
		text := strconv.FormatFloat(m.Value, 'g', -1, 64)
		if unit := s.mask.line(m.Unit, longestKey); unit != "" && unit != "1" {
			text += " " + unit
		}
		c[name] = text
	}
	return c
}

// exception has the name of the check as its title, and says why it fails.
func (s *Sink) exception(check string, r monitor.Result) sentry.Exception {
	why := s.mask.text(errorText(r.Err))
	if why == "" {
		why = s.mask.text(r.Detail)
	}
	if why == "" {
		why = "the check fails"
	}
	x := sentry.Exception{Type: check, Value: why, Mechanism: &sentry.Mechanism{Type: "monitor", Handled: new(true)}}
	if p := panicOf(r.Err); p != nil {
		x.Mechanism.Type = "panic"
		x.Mechanism.SetUnhandled()
		x.Stacktrace = s.parseStack(p.Stack)
	} else {
		x.Stacktrace = s.carriedStack(r.Err)
	}
	return x
}

// jobEvent is the event of a run of a job that failed with this text.
func (s *Sink) jobEvent(slug, why string, stack *sentry.Stacktrace) *sentry.Event {
	e := sentry.NewEvent()
	e.EventID = sentry.EventID(randomID())
	e.Timestamp = time.Now()
	e.Environment = s.env
	e.Fingerprint = []string{"job", s.env, slug}
	e.Logger = "job"
	e.Level = sentry.LevelError
	e.Tags = map[string]string{"job": slug, "monitor.slug": slug}
	e.Exception = []sentry.Exception{{
		Type: slug, Value: why, Stacktrace: stack,
		Mechanism: &sentry.Mechanism{Type: "job", Handled: new(true)},
	}}
	return e
}
