// Package wait holds a run: for a time, until a time on the clock, or until a
// condition holds.
//
//	steps := wait.Steps("settle", &wait.For{Duration: 10 * time.Minute})
//	night := wait.Steps("night", &wait.Clock{At: "22:30", TimeZone: "Asia/Riyadh"})
//	ready := deploy.Step{
//		Name: "replica", InFlight: deploy.Repeat,
//		Do: wait.Until(time.Hour, deploy.Check("replica caught up", "1", caughtUp)),
//	}
//
// Do not use it to judge a new release: [deploy.Watch] looks at its traffic,
// [deploy.Health] at its answers, several times in a row.
//
// # After a crash
//
// A wait has no effect, so its step has an InFlight of Repeat. An action is not
// told when an earlier attempt of it began, so a wait that was interrupted would
// begin anew, and one for 22:30 that is continued at 22:40 would wait for the
// next day. [Steps] therefore makes two steps: the first provides the time at
// which the wait began, as an output that the log keeps, and the second waits
// from there on, however often the program died meanwhile. A wait whose Since is
// empty counts from the attempt. So does the patience of [Until].
//
// Time on the clock is the host's, and goes on while the program is not
// running. A wait that is over when it is continued ends at once.
//
// # Concurrency, errors, logs
//
// The actions are data and can be shared. The end of the context ends a wait
// with its cause. It logs nothing.
//
// # Decisions
//
// Until is a [deploy.Health] with other limits and no type of its own: the rules
// of an environment about functions look into a Health, and into nothing that
// they do not know.
package wait
