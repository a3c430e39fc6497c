// Package deploy runs releases as plans that survive their own program.
//
// A [Plan] is data: steps with a name, an effect, a way back, and what to do
// when the program dies in the middle. A [Runner] runs it and keeps a [Log].
// The intent of each effect is in the log before the effect, and the outcome
// after it, so the program can be killed at any instant and run again: what is
// done is not repeated, what was interrupted is treated as the step says, and
// what has to be undone is undone in reverse order.
//
//	log, err := filelog.New("state/log", nil)
//	exec, err := localexec.New(&localexec.Options{Inherit: []string{"PATH", "HOME"}})
//	runner, err := deploy.New(log, &deploy.Options{Executor: exec})
//	report, err := runner.Run(ctx, "2026-11-24.1", deploy.Plan{
//		Service: "api",
//		Env:     envconfig.Staging(),
//		Steps: []deploy.Step{{
//			Name: "build", Kind: deploy.KindBuild, InFlight: deploy.Repeat,
//			Do: &deploy.Exec{Command: deploy.Command{Argv: []string{"make", "build"}}},
//		}},
//	})
//
// Do not use it for a task graph that may simply be started again when it
// fails: make and mage do that with less.
//
// # Actions
//
// An effect is an [Action]: its Spec is canonical data that enters the plan's
// digest, so that a plan can be read, compared and approved before it runs.
// [Exec] runs a command, [Health] waits until a service is well, [Watch] holds
// the run while a new release serves, and fails it when it serves badly.
// Programs bring their own. [Plan.Preview] shows what the actions say they
// would do, and runs none of them. [Func] makes an Action of a function; nobody can
// read what it does, so it is marked opaque, and the production tier refuses
// it unless its rules name it.
//
// # Conditions
//
// A condition is an Action that looks once and changes nothing: [HTTPCheck],
// [TCPCheck], [CommandCheck], or any function by [Check]. A Health or a Watch
// over several [Conditions] asks them again and again and judges the series by
// its [Limits], which are those of an analysis of Argo Rollouts, with one
// difference: a series without evidence has not passed. A series that is
// neither good nor bad is inconclusive ([ErrInconclusive]). That is no failure,
// and nothing is undone: the run is held, whatever the InFlight of the step,
// until somebody answers with [Runner.Decide]: [AnswerDone], which counts as
// good and is recorded with who and why, [AnswerRepeat], which measures again,
// or [AnswerUndo]. Any other Action may say the same by its error.
//
// # Order and undo
//
// A step runs when those that it needs are done: the one listed before it,
// unless Needs says otherwise, so that steps run one at a time where a plan
// says nothing, and branches at the same time where it does
// ([Options.Parallel] bounds that). When one fails, no other begins, those that
// run come to their end, but for an approval that is waited for, and the run turns back, one step at a time: first the
// steps that were begun and not completed, then the completed ones, last first.
// A step is not undone while one that needed it could not be. Every failure of the way back is kept beside the first
// cause.
//
// The environment's rules read the Kind of the steps: production wants an
// approval before the switch, a health condition about it, a watch after it,
// failed requests counted meanwhile, and a backup before a migration that is not
// ExpandOnly. Validate reports what is missing. A step with a condition
// (When) counts only for one that has the same.
//
// A step with a condition ([When]) on an output is left out where that does not
// hold, and those that need it run all the same.
//
// # Outputs
//
// What a step hands to later ones is an [Output]: a name, a Go type and a
// version, which the plan declares on both sides and people see in it. It goes
// through JSON and the log, is refused where it holds a secret or more than
// [MaxOutput], and is read only as the version that was set: a step of an older
// build may have left it. [Call.Provide] and [Call.Bind] are the same for actions
// that are told a name and no type.
//
// # Stopping
//
// [Options.Stop] ends a run in order: no further step begins, the ones that
// run come to their end, and what was begun is undone, within a grace. The end
// of ctx stops the steps that run and leaves the run to be continued. [Signals]
// makes the first SIGTERM or interrupt the one, and the second the other.
//
// # Freezes
//
// [Options.Freezes] are spans in which nothing is released. A run that would
// begin in one, or less than its Lead before, is refused; one that has begun is
// turned back before its first step of [KindSwitch], and comes to its end after
// it. A reason in [Plan.BreakGlass] goes through, and stands in the plan that is
// approved and in the log.
//
// # Crashes
//
// A stream of the log holds all runs of a service in an environment. A
// controller that takes a run up appends a record; the one before it, should
// it still live, cannot append any more and so cannot act. A step whose intent
// has no outcome is repeated, verified, or held for a person who answers with
// [Runner.Decide], as its InFlight says; to ask is the default. A person who
// says that a failed undo is done ends a way back that cannot succeed.
//
// The log cannot hold back a command that a paused controller is about to
// start, nor end those that a dead one left running. An executor that is a
// [Fencer] does both: each Run takes the host over before it has any effect,
// with the number of its record in the log as the epoch, and what comes from a
// lower one fails with [ErrFenced]. Such a failure is no failed step, and
// nothing is undone for it. localexec has a fence where Options.Fence names a
// folder. It holds for commands, not for what an Action does in the program
// itself or asks of somebody else's service. Two CI runners with one log and one
// folder exclude each other; epochs of different logs cannot be compared.
//
// Without a fence, commands left behind are found by [MarkerVar], which every
// command carries, and ending them before Run is the program's business
// (localexec.Marked and localexec.End do it).
//
// # Verbs for operators
//
// Each works from any program that has the log; a [Ref] says which run.
//
//	what runs where, who is at it   Runner.Standing
//	abort                           Runner.Decide with AnswerUndo, then Run
//	answer a step that is held      Runner.Decide with AnswerDone, AnswerRepeat or AnswerUndo
//	pause, resume                   Runner.Decide with AnswerPause, AnswerResume, then Run
//	another plan or build           Runner.Decide with AnswerOverride, then Run
//	unlock                          Runner.TakeOver
//	roll back                       Runner.LastProven, then Run of a plan for its Change
//	forget old runs                 Runner.Prune
//
// A run that is at work reads decisions before it begins a step, and every
// [Options.Poll] (5 seconds) while its steps run: behind a decision in the log no
// step begins that does not heed it, and an abort stops the steps that may be
// repeated, such as one that waits for approval or watches, within that time.
// Others come to their end, since half an effect is worse than a whole one that
// is undone. A paused run ends its call of Run as a held one; the pause is in the
// log, so it outlives the program.
//
// The records that begin or continue a run say who called, where the program
// ran ([Options.Where]), its process there and its digest: [Report.Controllers].
// Nothing can tell from outside that a controller is dead, so a run cannot be
// unlocked, only taken over: by Run, which goes on, or by TakeOver, which runs
// nothing, so that a person can look at the host undisturbed.
//
// Approvals are for one plan and one build of the program. Where a decision lets
// another go on, every step of [KindApproval] that had succeeded runs again
// before anything else does.
//
// # What the log proves
//
// Records are chained by SHA-256. A record that was edited, moved, left out or
// copied from another stream stops the run before anything is done, with the
// stream and the number of the record. Two things a chain cannot show by
// itself: that records at the end were cut off, which is found only against a
// head that is kept elsewhere, and that somebody who can write the log made a
// whole new chain. A last record that is torn (bytes without the line feed
// that ends a record) is what a crash leaves of an append that never
// returned; the run goes on without it and says so with [LogRepaired]. Keep
// [Report.Head] elsewhere and give it to [Runner.Verify] to find what was cut
// off, or give the Runner an [Anchor], which does both at every run. With a
// [SigningKey] the heads are signed notes, so that an anchor can be anywhere:
// what it gives back is believed only if it is signed. An anchor that whoever
// writes the log can write too proves nothing without a key, and with a key on
// the same machine no more than that.
//
// # Retention
//
// [Runner.Prune] removes the oldest runs of a stream where the log is a
// [Pruner]; the four shipped logs are. It says in the log first up to which
// record, by number and digest. Whoever then reads a log that does not begin
// with its first record believes it only if a record in it says that what is
// missing was pruned: who cuts the beginning off in another way is found as one
// who edits a record is. Against somebody who makes a whole new chain it helps no
// more than the chain does. [Report.Pruned] and [DORA.Incomplete] tell that
// earlier runs are gone, and whoever names one gets [ErrPruned].
//
// # Cost
//
// Two records and syncs for each step. Beside a loop that has the same effects
// (a file of a few bytes with an fsync, in memory), a run of 10,000 steps took 58
// microseconds more for each step, and 72 of processor time; the loop alone took
// 7, so the run took 9 times as long. Those are medians of 5 runs on a quiet
// machine with 2 cores. A step that is done keeps 105 bytes in memory. In
// internal/bench:
//
//	go test -run '^$' -bench . -benchtime 5x ./engine
//
// # Errors, events, logs
//
// [*PlanError]: nothing ran. [*StepError]: a step failed, and what had begun
// was undone. [*HeldError], [*PlanChangedError], [*UnfinishedError]: a person
// must decide. [*LogError]: the log cannot be read, written or believed.
// [ErrFenced]: another controller has the host.
// Events are the types that implement [Event]; see [Options.Handle]. The
// logger's keys are run, step, event and panic. No error, event or record holds a value that
// the Redactor knows.
//
// # Decisions
//
// Until a plan can name hosts, a Step has no selector of them, and every record
// has the host "local". Undo runs also for the step that failed, unlike in most engines,
// because a step that failed half way has left something; the price is that an
// Undo must cope with an effect that is not there. The digest of the program is
// recorded beside that of the plan and not mixed into it, so that a refusal can
// say which of the two changed. [Runner.Decide] takes a [Ref] and not an id alone, since ids are unique only
// for a service in an environment. A paused run returns from Run and does not
// wait inside it, as one that is held does not: whoever resumes it, minutes or
// days later, runs it again. Types of outputs are part of the strings in
// Provides and Binds, which stay names where no type is known, so that one plan
// can mix both.
package deploy
