package slogsink

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/masaruk/devops/monitor"
)

// attributes are those of the record of t.
func attributes(t monitor.Transition) []slog.Attr {
	out := make([]slog.Attr, 0, 16)
	text := func(key, value string) {
		if value != "" {
			out = append(out, slog.String(key, value))
		}
	}
	text("kind", string(t.Kind))
	text("environment", t.Environment)
	text("check", t.Check)
	if t.Check != "" && t.Kind != monitor.RunFinished {
		text("from", t.From.String())
		text("to", t.To.String())
	}
	if t.Seq > 0 {
		out = append(out, slog.Uint64("seq", t.Seq))
	}
	text("detail", t.Result.Detail)
	text("error", textOf(t.Result.Err))
	if p, ok := panicOf(t.Result.Err); ok {
		text("stack", p.Stack)
	}
	if t.Critical {
		out = append(out, slog.Bool("critical", true))
	}
	text("cause", string(t.Cause))
	text("by", t.By)
	text("reason", t.Reason)
	text("owner", t.Owner)
	text("runbook", t.Runbook)
	out = appendGroup(out, "labels", labels(t.Labels))
	out = appendGroup(out, "measurements", measurements(t.Result.Measurements))
	if t.Kind == monitor.RunFinished {
		text("status", t.Result.Status.String())
		out = append(out, slog.Duration("late", t.Run.Late), slog.Duration("duration", t.Run.Duration))
	}
	return out
}

func appendGroup(to []slog.Attr, key string, attrs []slog.Attr) []slog.Attr {
	if len(attrs) == 0 {
		return to
	}
	return append(to, slog.GroupAttrs(key, attrs...))
}

func labels(all map[string]string) []slog.Attr {
	out := make([]slog.Attr, 0, len(all))
	for _, key := range slices.Sorted(maps.Keys(all)) {
		out = append(out, slog.String(key, all[key]))
	}
	return out
}

// measurements are groups by name; of two of one name the first counts.
func measurements(ms []monitor.Measurement) []slog.Attr {
	var out []slog.Attr
	for i, m := range ms {
		same := func(other monitor.Measurement) bool { return other.Name == m.Name }
		if slices.ContainsFunc(ms[:i], same) {
			continue
		}
		attrs := []slog.Attr{number("value", m.Value)}
		if m.Unit != "" {
			attrs = append(attrs, slog.String("unit", m.Unit))
		}
		out = append(out, slog.GroupAttrs(m.Name, attrs...))
	}
	return out
}

// number is v as a number, or as a word where JSON has no number for it.
func number(key string, v float64) slog.Attr {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return slog.String(key, strconv.FormatFloat(v, 'g', -1, 64))
	}
	return slog.Float64(key, v)
}

// textOf is the text of err, also where a method of it panics.
func textOf(err error) (text string) {
	defer func() {
		if recover() != nil {
			text = fmt.Sprintf("%T, whose Error method panics", err)
		}
	}()
	if err == nil {
		return ""
	}
	return err.Error()
}

func panicOf(err error) (p *monitor.PanicError, ok bool) {
	defer func() {
		if recover() != nil {
			p, ok = nil, false
		}
	}()
	ok = errors.As(err, &p) && p != nil
	return p, ok
}
