// Package progress shows people how a run is going: the events of package
// deploy as one line per step.
//
//	p, err := progress.New(os.Stdout, nil)
//	defer p.Close()
//	// hand p.Handle to the runner as its event handler
//
// On a terminal the line of a running step shows the time it has taken so far,
// and takes its final form in place:
//
//	api to production, run 2026-11-24-1
//	  ✓ build        1.2 s
//	  … migrate      0.4 s
//
// Anywhere else, or with Options.Plain, each step is one line when it ends, in
// order and without control codes, so that logs of a CI service stay readable:
//
//	api to production, run 2026-11-24-1
//	  ok      build        1.2 s
//	  FAILED  migrate      0.4 s
//	          reason: psql: exit status 3
//	          | ERROR: column "email" contains null values
//
// Options.Quiet leaves out what went well but for the last line.
//
// A step that waits for a person's decision, and a run that somebody has
// paused, have a line of their own too ("?", or HELD), and so has a step that is
// left out.
//
// Use it for the person who watches. Do not use it as a record of the run:
// that is the run log, and the Report that the runner returns. Lines are made
// for reading and change between versions; programs handle the events.
//
// # What a terminal is
//
// w is one if it is an [os.File] that is a terminal and TERM is set to
// something other than dumb. A non-empty NO_COLOR turns colours off. Options
// override both. No line is wider than the terminal; the width is asked for
// anew at each drawing. Control characters in what commands wrote are removed,
// so output cannot move the cursor or recolour the screen.
//
// # It never holds up the work
//
// [Printer.Handle] puts the event into a queue and returns; one goroutine
// writes. A Writer that fails gets nothing more and [Printer.Close] returns the
// failure. While a Writer hangs, events beyond the queue are dropped and
// counted, and Close gives up on it after two seconds. All methods are safe for
// concurrent use. One Printer can show many runs, one after another or at once.
package progress
