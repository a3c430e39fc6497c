package progress

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/masaruk/devops/deploy"
)

// plainView writes lines and never comes back to one.
type plainView struct{ r renderer }

func (v *plainView) event(e deploy.Event) string { return v.r.event(e) }
func (v *plainView) tick(time.Time) string       { return "" }
func (v *plainView) end(time.Time) string        { return "" }

// maxActive is how many running steps are drawn; more are counted.
const maxActive = 8

// liveView keeps the running steps below the lines that are final and draws
// them anew in place.
type liveView struct {
	r      renderer
	active []activeStep
	drawn  []string // the lines at the bottom as they stand on the screen
}

type activeStep struct {
	run     deploy.Ref
	label   string
	attempt int
	began   time.Time
}

func (v *liveView) event(e deploy.Event) string {
	switch e := e.(type) {
	case deploy.StepStarted:
		began := e.Time
		if began.IsZero() {
			began = time.Now()
		}
		v.active = append(v.active, activeStep{run: ref(e.Service, e.Environment, e.Run), label: label(e.Step, e.Host, e.Phase), attempt: e.Attempt, began: began})
	case deploy.StepFinished:
		v.drop(func(a activeStep) bool {
			return a.run == ref(e.Service, e.Environment, e.Run) && a.label == label(e.Step, e.Host, e.Phase)
		})
	case deploy.RunStarted:
		v.drop(func(a activeStep) bool { return a.run == ref(e.Service, e.Environment, e.Run) })
	case deploy.RunFinished:
		v.drop(func(a activeStep) bool { return a.run == ref(e.Service, e.Environment, e.Run) })
	}
	return v.draw(v.r.event(e), time.Now())
}

func (v *liveView) drop(is func(activeStep) bool) { v.active = slices.DeleteFunc(v.active, is) }

func (v *liveView) tick(now time.Time) string { return v.draw("", now) }

// end leaves the steps that have not ended as they are.
func (v *liveView) end(now time.Time) string {
	if len(v.active) == 0 {
		return v.draw("", now)
	}
	var final strings.Builder
	for _, line := range v.lines(now) {
		final.WriteString(line + "\n")
	}
	v.active = nil
	return v.draw(final.String(), now)
}

// draw writes final lines above the running ones, and these again if they
// have changed.
func (v *liveView) draw(final string, now time.Time) string {
	lines := v.lines(now)
	if final == "" && slices.Equal(lines, v.drawn) {
		return ""
	}
	var b strings.Builder
	for i := range v.drawn {
		if i > 0 {
			b.WriteString("\x1b[1A")
		}
		b.WriteString("\r\x1b[2K")
	}
	b.WriteString(final)
	b.WriteString(strings.Join(lines, "\n"))
	v.drawn = lines
	return b.String()
}

func (v *liveView) lines(now time.Time) []string {
	if v.r.quiet {
		return nil
	}
	var lines []string
	for i, a := range v.active {
		if i == maxActive {
			lines = append(lines, v.r.fit(fmt.Sprintf("    and %d more", len(v.active)-i), 0))
			break
		}
		took := duration(now.Sub(a.began))
		if a.attempt > 1 {
			took += fmt.Sprintf("  attempt %d", a.attempt)
		}
		lines = append(lines, strings.TrimSuffix(v.r.line(v.r.marks.running, a.label, took), "\n"))
	}
	return lines
}
