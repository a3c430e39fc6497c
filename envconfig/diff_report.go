package envconfig

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
)

// Err returns what stands against taking the mirror for one: a joined error of
// a [*Violation] for each difference that is not allowed and each exception
// that is stale, or nil.
func (d Differences) Err() error {
	var errs []error
	for _, x := range d.List {
		if x.Kind == DriftAllowed {
			continue
		}
		errs = append(errs, &Violation{
			Field: x.Variable, Rule: fmt.Sprintf("is in %s as in %s (%s)", d.Mirror, d.Original, x.Kind), Want: x.Original, Got: x.Mirror,
			Hint: "make the two equal, or declare an exception with its reason",
		})
	}
	for _, e := range d.Stale {
		errs = append(errs, &Violation{
			Field: e.Variable, Rule: "needs its exception (" + string(e.Kind) + ")", Want: "a difference between " + d.Original + " and " + d.Mirror, Got: "none",
			Hint: "remove the exception",
		})
	}
	return errors.Join(errs...)
}

// String returns a table of what differs, for people. It ends in a line feed.
func (d Differences) String() string {
	allowed := 0
	for _, x := range d.List {
		if x.Kind == DriftAllowed {
			allowed++
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s against %s: %d differ, %d differ but are allowed, stale exceptions: %d\n", d.Mirror, d.Original, len(d.List)-allowed, allowed, len(d.Stale))
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, x := range d.List {
		why := ""
		if x.Reason != "" {
			why = "(" + cell(x.Reason) + ")"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s: %s\t%s: %s\t%s\n", x.Kind, x.Variable, d.Original, x.Original, d.Mirror, x.Mirror, why) // into memory
	}
	for _, e := range d.Stale {
		_, _ = fmt.Fprintf(w, "stale exception\t%s\t%s\t\t(%s)\n", e.Variable, e.Kind, cell(e.Reason))
	}
	_ = w.Flush()
	lines := strings.SplitAfter(b.String(), "\n")
	for i, line := range lines {
		if text, ended := strings.CutSuffix(line, "\n"); ended {
			lines[i] = strings.TrimRight(text, " ") + "\n"
		}
	}
	return strings.Join(lines, "")
}
