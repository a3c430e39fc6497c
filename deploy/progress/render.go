package progress

import (
	"fmt"
	"strings"
	"time"

	"github.com/masaruk/devops/deploy"
)

const (
	// tailLines is how much of the output of a failed step is shown.
	tailLines = 20
	// maxPad bounds the column of names, so that one long name does not push
	// all durations out of sight.
	maxPad = 40
)

// marks are the signs before a line, and their colours as parameters of SGR.
type marks struct {
	ok, failed, retry, held, running, note mark
	indent                                 string // of a reason
}

type mark struct{ text, color string }

var (
	liveMarks = marks{
		ok: mark{"✓", "32"}, failed: mark{"✗", "31"}, retry: mark{"↻", "33"}, held: mark{"?", "33"},
		running: mark{"…", "36"}, note: mark{"!", "33"}, indent: "    ",
	}
	plainMarks = marks{
		ok: mark{text: "ok    "}, failed: mark{text: "FAILED"}, retry: mark{text: "retry "}, held: mark{text: "HELD  "},
		running: mark{text: "begun "}, note: mark{text: "note  "}, indent: "          ",
	}
)

// renderer makes lines of events. It keeps what later lines depend on.
type renderer struct {
	marks marks
	color bool
	quiet bool
	width func() int // nil is no limit
	pad   int        // column of the durations
	runs  map[deploy.Ref]*run
}

// run is what is known of a run that has not ended.
type run struct {
	head   string
	failed bool // why was shown
}

func (r *renderer) run(ref deploy.Ref) *run {
	if r.runs == nil {
		r.runs = map[deploy.Ref]*run{}
	}
	if r.runs[ref] == nil {
		head := fmt.Sprintf("run %s", clean(string(ref.Run)))
		if ref.Service != "" {
			head = fmt.Sprintf("%s to %s, %s", clean(ref.Service), clean(ref.Environment), head)
		}
		r.runs[ref] = &run{head: head}
	}
	return r.runs[ref]
}

// ref names a run; its id alone does not where there are several services.
func ref(service, environment string, id deploy.RunID) deploy.Ref {
	return deploy.Ref{Service: service, Environment: environment, Run: id}
}

// event returns the lines that e leaves, each with its line feed.
func (r *renderer) event(e deploy.Event) string {
	switch e := e.(type) {
	case deploy.RunStarted:
		return r.runStarted(e)
	case deploy.LogRepaired:
		return r.line(r.marks.note, fmt.Sprintf("run log %s: record %d was torn by a crash; the run goes on without it", e.Stream, e.Seq), "")
	case deploy.StepFinished:
		return r.stepFinished(e)
	case deploy.StepHeld:
		return r.line(r.marks.held, r.name(ref(e.Service, e.Environment, e.Run), e.Step, e.Host, e.Phase), "waits for a decision")
	case deploy.RunPaused:
		return r.paused(e)
	case deploy.RunFinished:
		return r.runFinished(e)
	}
	return ""
}

func (r *renderer) paused(e deploy.RunPaused) string {
	text := e.Pause.String()
	if len(r.runs) > 1 {
		text = r.run(ref(e.Service, e.Environment, e.Run)).head + ": " + text
	}
	return r.line(r.marks.held, text, "")
}

func (r *renderer) runStarted(e deploy.RunStarted) string {
	r.pad = 0
	for _, name := range e.Steps {
		r.pad = min(max(r.pad, columns(name)), maxPad)
	}
	of := ref(e.Service, e.Environment, e.Run)
	delete(r.runs, of)
	head := r.run(of).head
	if r.quiet {
		return ""
	}
	if e.Continued {
		head += ", continued"
	}
	return r.fit(head, 0) + "\n"
}

// name is the label of a step, behind its service where several runs go on;
// one has no more than one.
func (r *renderer) name(of deploy.Ref, step, host string, phase deploy.Phase) string {
	if len(r.runs) < 2 {
		return label(step, host, phase)
	}
	of.Run = ""
	return clean(of.String()) + ": " + label(step, host, phase)
}

// label names a step as its lines do.
func label(step, host string, phase deploy.Phase) string {
	s := step
	if phase == deploy.PhaseUndo {
		s = "undo " + s
	}
	if host != "" && host != "local" {
		s += " on " + host
	}
	return clean(s)
}

func (r *renderer) stepFinished(e deploy.StepFinished) string {
	of := ref(e.Service, e.Environment, e.Run)
	name, took := r.name(of, e.Step, e.Host, e.Phase), duration(e.Duration)
	switch {
	case e.Outcome == deploy.Succeeded && r.quiet:
		return ""
	case e.Outcome == deploy.Succeeded:
		return r.line(r.marks.ok, name, took)
	case e.Outcome == deploy.Skipped && r.quiet:
		return ""
	case e.Outcome == deploy.Skipped:
		return r.line(r.marks.note, name, "skipped, its condition does not hold")
	case e.Retry && r.quiet:
		return ""
	case e.Retry:
		why := fmt.Sprintf("attempt %d failed and is repeated", e.Attempt)
		return r.line(r.marks.retry, name, took+"  "+why) + r.reason(e.Err)
	}
	r.run(of).failed = true
	sign, note := r.marks.failed, ""
	switch e.Outcome {
	case deploy.Failed:
	case deploy.Held:
		sign = r.marks.held
	default:
		sign, note = r.marks.note, "  "+string(e.Outcome)
	}
	return r.line(sign, name, took+note) + r.reason(e.Err) + r.tail(e.Tail)
}

func (r *renderer) runFinished(e deploy.RunFinished) string {
	of := ref(e.Service, e.Environment, e.Run)
	sign, text := r.marks.failed, fmt.Sprintf("%s after %s", e.Outcome, duration(e.Duration))
	switch e.Outcome {
	case deploy.Succeeded:
		sign, text = r.marks.ok, fmt.Sprintf("succeeded in %s", duration(e.Duration))
	case deploy.Undone:
		text = fmt.Sprintf("all undone after %s", duration(e.Duration))
	case deploy.Held:
		sign = r.marks.held
	}
	if r.quiet || len(r.runs) > 1 {
		text = r.run(of).head + ": " + text
	}
	out := r.line(sign, text, "")
	// The failure of a step was shown where it happened; a run that is not over
	// has more to say than that.
	if !r.run(of).failed || e.Outcome != deploy.Undone {
		out += r.reason(e.Err)
	}
	delete(r.runs, of)
	return out
}

// line is a mark, a text padded to the common column, and more.
func (r *renderer) line(m mark, text, more string) string {
	text, more = clean(text), clean(more)
	room := r.room(2 + columns(m.text) + 2)
	if more == "" {
		return r.start(m) + cut(text, room) + "\n"
	}
	// The name gives way, so that the duration stays to be seen.
	text = cut(text, max(room-columns(more)-2, room/2))
	text += strings.Repeat(" ", max(0, min(r.pad-columns(text), room-columns(text)-columns(more)-2)))
	return r.start(m) + cut(text+"  "+more, room) + "\n"
}

func (r *renderer) start(m mark) string {
	gap := "  "
	if len(r.marks.indent) == 4 {
		gap = " "
	}
	if r.color && m.color != "" {
		return "  \x1b[" + m.color + "m" + m.text + "\x1b[0m" + gap
	}
	return "  " + m.text + gap
}

// reason is why something failed, in whole.
func (r *renderer) reason(err error) string {
	if err == nil {
		return ""
	}
	var b strings.Builder
	text := "reason: "
	for line := range strings.SplitSeq(strings.TrimSpace(err.Error()), "\n") {
		text += clean(line)
		for _, part := range wrap(text, r.room(columns(r.marks.indent))) {
			b.WriteString(r.marks.indent + part + "\n")
		}
		text = "        "
	}
	return b.String()
}

// tail is the end of what a failed step wrote.
func (r *renderer) tail(tail []byte) string {
	text := strings.TrimRight(string(tail), "\r\n\t ")
	if text == "" {
		return ""
	}
	lines := strings.Split(text, "\n")
	lines = lines[max(0, len(lines)-tailLines):]
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(strings.TrimRight(r.marks.indent+"| "+cut(clean(line), r.room(columns(r.marks.indent)+2)), " ") + "\n")
	}
	return b.String()
}

// fit cuts s to what is left of a line after the given columns.
func (r *renderer) fit(s string, after int) string { return cut(s, r.room(after)) }

// room is what is left of a line, the last column not counted: a sign there
// makes some terminals begin a new line.
func (r *renderer) room(after int) int {
	if r.width == nil {
		return noLimit
	}
	return max(1, r.width()-1-after)
}

// duration is d as people say it.
func duration(d time.Duration) string {
	d = max(0, d)
	switch {
	case d < time.Minute-50*time.Millisecond:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour-500*time.Millisecond:
		s := int(d.Round(time.Second).Seconds())
		return fmt.Sprintf("%d min %02d s", s/60, s%60)
	}
	m := int(d.Round(time.Minute).Minutes())
	return fmt.Sprintf("%d h %02d min", m/60, m%60)
}
