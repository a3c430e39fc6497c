// Package monitor runs checks on time, makes one confirmed status of what they
// return, and tells sinks and HTTP handlers about it.
//
//	m, err := monitor.New(env, []monitor.Definition{
//		{Name: "postgres", Check: monitor.ErrorFunc(db.PingContext), Critical: true},
//		{Name: "orders", Check: orders, DependsOn: []string{"postgres"}, Owner: "shop"},
//	}, &monitor.Options{
//		Feeds:    []monitor.Feed{{Name: "pager", Sink: pager}},
//		Redactor: redactor,
//	})
//	handler, err := monitor.NewHandler(m, nil) // /livez /readyz /startupz /health
//	err = m.Run(ctx)                           // until ctx ends
//
// It is for a program that watches itself or a few hundred other things, with no
// server beside it. It keeps nothing across restarts: long histories and queries
// belong to a metrics system, which a sink can feed.
//
// # Checks
//
// A [Check] is one method. [Func] and [ErrorFunc] make one of a function,
// [Condition] makes a func(context.Context) error of any check. A [Result] has a
// status, measurements, a detail that strangers may read, and an error that they
// may not.
//
// What a check does wrong harms nothing else:
//
//	takes longer than Timeout   its context ends; the run fails with ErrTimeout
//	does not return after that  stuck: it is never started beside itself, each of
//	                            its ticks fails with ErrStuck, and what it
//	                            returns in the end is dropped
//	panics                      fails with a PanicError, which has the stack
//	ends its goroutine          fails with ErrExited
//	returns no status           fails with ErrNoStatus
//
// # Times
//
// A check is due at fixed times: those that, counted from the Unix epoch, leave
// a remainder of hash(name) when divided by its Interval. So checks spread over
// their interval, run at the same times after a restart and in each replica, and
// do not drift by how long they take. A new one runs early once, within
// Options.StartWithin. Ticks at which a run is still under way, or that the
// program slept through, are missed and counted. All of it goes by the monotonic
// clock: a step of the wall clock neither stops checks nor makes them hurry.
//
// One goroutine holds one queue of all checks, starts what is due and takes in
// what returned. There is a goroutine for each run under way and none for a check
// that waits. A check that returned has only a queue to put its result in, with a
// lock of its own, so that many which return at once do not delay those due.
//
// # Status
//
// The confirmed status rises to a severity when FailAfter results in a row are
// at least that severe, and falls to one when RecoverAfter in a row are at most
// that: with 3 and 2, "pass warn fail warn" is a warning. From Unknown the first
// Pass counts at once.
//
// A check flaps from when its status changed into or out of Fail more than
// FlapChanges times within FlapWindow, until at most half as many changes lie in
// it.
//
// # Alerts
//
// An alert opens when a check fails or flaps, and is resolved when it does
// neither. One alert covers the whole time of flapping. Opening is withheld
// while a check in DependsOn fails, or its last run did, and during
// [Monitor.Maintain]; the check runs all the same, and at the first result
// afterwards the alert opens if it is still due. Resolving is never withheld.
// One step of dependencies is enough: where a failure goes through several, each
// of them fails. A FailAfter of 2 or more gives the other check time to run
// first. Dependencies in a circle are refused, and every maintenance ends.
//
// A stale check, one that nobody has heard of for StaleAfter, opens no alert of
// its own: where a check hangs, that opens one. It counts as failed for
// readiness, because nobody knows.
//
// # Transitions and sinks
//
// Each event is a [Transition], and goes to every [Feed] in order. A feed has a
// bounded queue. If its sink fails, the same transitions come again; if it hangs,
// the queue fills and the oldest are dropped. [Monitor.Feeds] counts what was
// sent and dropped, and Seq shows a sink its gaps. Nothing a sink does reaches a
// check.
//
// Alerts are not remembered across a restart: a check that still fails opens one
// again, and for one that is good by then a sink sees StatusChanged from Unknown.
// What identifies an alert is the environment and the check.
//
// # Snapshots and handlers
//
// [Monitor.Snapshot] and [Handler] read what was rendered last, at once after a
// transition and otherwise once in Options.RenderEvery; only checks that changed
// are drawn anew. So a request costs the same for any number of checks, and a
// storm of them runs no check. If the renderer stops for half a minute, or the
// monitor ends, /readyz and /health fail rather than show the past.
//
// Liveness asks no check: restarting the program mends no database. Readiness
// asks the critical ones, and [Monitor.Drain] ends it before listeners close.
// Startup passes for good once the critical ones were good together. The public
// view shows statuses, measurements and details, never an error, owner or count.
//
// # Environments
//
// [New] refuses the zero environment. Where its rules demand alerts there has to
// be a feed, and where they demand the masking of logs a redactor, which
// filters all that checks return before it is kept: details, errors, stacks, and
// names and units of measurements. A check that itself cuts what somebody else
// said calls [Redact] first.
//
// # Cost
//
// On two cores of a virtual machine (Intel Xeon, Go 1.26), one run: a check
// costs 2.3 µs and 5 allocations besides what it does itself; 10,000 checks a
// second of 2 ms, of which one percent hangs and one percent panics, start 0.6
// ms late at the median, 3.4 ms at the 99th percentile and 14 ms at worst, with
// at most 229 goroutines, 100 of them those that hang; a request costs 0.4 to
// 0.7 µs and 5 or 6 allocations with 10, 1,000 and 10,000 checks alike;
// rendering costs 1.3 ms for 1,000 checks that all changed. A check keeps about
// 14 KB of [History] once that is full.
//
//	go test -run '^$' -bench 'Check$|Render|Handler' ./monitor
//	go test -run '^$' -bench TenThousand -benchtime 10x ./monitor
//
// Beside its peers, hellofresh/health-go v5.5.4 and alexliesenfeld/health v0.8.0,
// in turn on the same quiet machine:
//
//	                                     monitor      alexliesenfeld   hellofresh
//	a run on a schedule, processor time  1            2.4              has none
//	  and allocations                    7            12
//	a run among 1,000 when asked         never        0.59             0.26
//	  and allocations                                 11               8
//	10,000 checks a second: runs/s       9,900        4,006            has none
//	  late, 99th percentile              4.1 ms       2,467 ms
//	  goroutines                         125          10,371
//	goroutines more in each round with
//	  10 of 1,000 checks that hang       0            8                10
//	a request, 1,000 checks              0.6 µs, 88 B 2.5 ms, 847 KB   2.9 ms, 633 KB
//
// Where a thousand checks are run in one go, a run costs a goroutine and little
// more, a quarter of ours: ours is woken for by a timer of its own, judged, kept
// in a history and shown in a snapshot. internal/bench/health has the commands.
//
// # Concurrency and errors
//
// Everything is safe for concurrent use. No goroutine is left when Run returns,
// but those of checks and sinks that do not return, which its error names. What
// is refused is an [*Error] that names operation and check, and wraps
// [ErrDefinition], [ErrUnknownCheck], [ErrStillRunning], [ErrNeeded] or [ErrRan].
// The package logs nothing. Besides the standard library it uses only packages
// envconfig and secrets.
package monitor
