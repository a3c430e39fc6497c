package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// String gives the counts in the form of the last line.
func (c counts) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", c.passed, c.failed, c.skipped)
}

// add sums two counts.
func (c counts) add(d counts) counts {
	return counts{c.passed + d.passed, c.failed + d.failed, c.skipped + d.skipped}
}

// count is what a step contributes to the last line: its tests, or itself if
// it runs none. A run of tests that failed without a failed test counts as one
// failure, so no failure is ever missing from the last line.
func (o outcome) count() counts {
	if o.tests != nil {
		c := *o.tests
		if o.status == failed && c.failed == 0 {
			c.failed = 1
		}
		return c
	}
	switch o.status {
	case passed:
		return counts{passed: 1}
	case skipped:
		return counts{skipped: 1}
	default:
		return counts{failed: 1}
	}
}

// summarise prints the skipped tests, the table of the steps and the last line,
// and returns the exit code.
func summarise(out io.Writer, rows []row) int {
	printSkips(out, rows)
	fmt.Fprintln(out)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "STEP\tOUTCOME\tTIME\tTESTS\tREASON")
	var total counts
	var took time.Duration
	for _, r := range rows {
		tests := "-"
		if r.tests != nil {
			tests = fmt.Sprintf("%d/%d/%d", r.tests.passed, r.tests.failed, r.tests.skipped)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", r.name, r.status, seconds(r.took), tests, r.reason)
		total = total.add(r.count())
		took += r.took
	}
	table.Flush()
	if total.passed+total.failed == 0 {
		fmt.Fprintln(out, "nothing was checked: no step was run")
		total.failed++
	}
	fmt.Fprintf(out, "\n%d steps in %s; the counts are of tests (passed/failed/skipped) and of steps without tests\n", len(rows), seconds(took))
	fmt.Fprintln(out, total)
	if total.failed > 0 {
		return 1
	}
	return 0
}

// printSkips lists the skipped tests with their reasons.
func printSkips(out io.Writer, rows []row) {
	for _, r := range rows {
		if len(r.skips) == 0 {
			continue
		}
		fmt.Fprintf(out, "\nskipped in %s:\n", r.name)
		for _, s := range r.skips {
			fmt.Fprintf(out, "  %s: %s\n", s.test, s.reason)
		}
	}
}

// seconds prints a duration with a tenth of a second.
func seconds(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }
