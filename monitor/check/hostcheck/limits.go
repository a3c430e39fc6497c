package hostcheck

import (
	"fmt"

	"github.com/masaruk/devops/monitor"
)

// Limits say above which value it is a warning or a failure. Zero is the
// default that stands at the field, negative is none.
type Limits struct{ Warn, Fail float64 }

func (l Limits) or(otherwise Limits) Limits {
	if l.Warn == 0 {
		l.Warn = otherwise.Warn
	}
	if l.Fail == 0 {
		l.Fail = otherwise.Fail
	}
	return l
}

// none is a limit that nothing is above.
const none = -1

// validate refuses limits in the wrong order.
func (l Limits) validate(field string) error {
	if l.Warn >= 0 && l.Fail >= 0 && l.Warn > l.Fail {
		return fmt.Errorf("%s: Warn %g is above Fail %g: negative is none", field, l.Warn, l.Fail)
	}
	return nil
}

// judge adds to r that value is above a limit. The text is a format for what
// show makes of the value.
func (l Limits) judge(r *monitor.Result, value float64, show func(float64) string, text string) {
	status, limit := monitor.Pass, 0.0
	switch {
	case l.Fail >= 0 && value > l.Fail:
		status, limit = monitor.Fail, l.Fail
	case l.Warn >= 0 && value > l.Warn:
		status, limit = monitor.Warn, l.Warn
	default:
		return
	}
	what := fmt.Sprintf(text, show(value))
	worsen(r, status, what, fmt.Errorf("%s, more than %s", what, show(limit)))
}

func plain(value float64) string { return fmt.Sprintf("%.3g", value) }

func percent(fraction float64) string { return fmt.Sprintf("%.3g %%", 100*fraction) }

// worsen adds a problem to r.
func worsen(r *monitor.Result, s monitor.Status, detail string, err error) {
	r.Status = max(r.Status, s)
	if r.Err == nil {
		r.Detail, r.Err = detail, err
		return
	}
	r.Detail += "; " + detail
	r.Err = fmt.Errorf("%w; %w", r.Err, err)
}

func add(r *monitor.Result, name string, value float64, unit string) {
	r.Measurements = append(r.Measurements, monitor.Measurement{Name: name, Value: value, Unit: unit})
}

// part is used/of, and 0 of nothing.
func part(used, of float64) float64 {
	if of <= 0 {
		return 0
	}
	return used / of
}
