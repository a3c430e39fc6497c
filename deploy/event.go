package deploy

import "time"

// Event is something that happened in a run. The events of one run reach the
// handler one at a time and in order; the concrete types are the ones of this
// package. All but LogRepaired say which run, of which service and in which
// environment: the id alone does not tell runs of two services apart.
type Event interface{ event() }

// RunStarted is the first event of every call of [Runner.Run] that begins or
// continues a run.
type RunStarted struct {
	Run         RunID
	Service     string
	Environment string
	// Continued is set when the log already held records of the run.
	Continued bool
	// Steps are the names of the plan's steps in the order they run in.
	Steps []string
	Time  time.Time
}

// LogRepaired tells that the log ended in a torn record, which the run goes on
// without: a record whose append never returned, cut by a crash.
type LogRepaired struct {
	Stream string
	// Seq is the number of the torn record.
	Seq uint64
}

// StepStarted tells that the intent of an attempt is in the log and its Action
// is about to run.
type StepStarted struct {
	Run         RunID
	Service     string
	Environment string
	Step        string
	Host        string
	Kind        Kind
	Phase       Phase
	Attempt     int
	Time        time.Time
}

// StepOutput is one line that a command of the step or the step itself
// wrote, filtered, without its line feed.
type StepOutput struct {
	Run         RunID
	Service     string
	Environment string
	Step        string
	Host        string
	Line        string
}

// StepFinished tells that the outcome of an attempt is in the log, or that the
// step is left out: then Outcome is [Skipped], and no StepStarted came before.
type StepFinished struct {
	Run         RunID
	Service     string
	Environment string
	Step        string
	Host        string
	Kind        Kind
	Phase       Phase
	Attempt     int
	Outcome     Outcome
	Duration    time.Duration
	// Err is why the attempt did not succeed; nil when it did.
	Err error
	// Tail is the filtered end of the attempt's output.
	Tail []byte
	// Retry is set when another attempt follows.
	Retry bool
	Time  time.Time
}

// StepHeld tells that a step was interrupted and waits for a person; steps
// beside it may still come to their end. A [*HeldError] follows, unless the run
// turns back.
type StepHeld struct {
	Run         RunID
	Service     string
	Environment string
	Step        string
	Host        string
	Kind        Kind
	Phase       Phase
	// Err is why its Verify could not tell, where there was one.
	Err  error
	Time time.Time
}

// RunPaused tells that the run has learned that somebody paused it. No further
// step begins; those that run come to their end, and a [*HeldError] follows.
type RunPaused struct {
	Run         RunID
	Service     string
	Environment string
	Pause       Pause
}

// RunFinished is the last event of a call of [Runner.Run] that found or made
// an unfinished run. Outcome tells whether it has ended or can be continued.
type RunFinished struct {
	Run         RunID
	Service     string
	Environment string
	Outcome     Outcome
	Duration    time.Duration
	Err         error
	Time        time.Time
}

func (RunStarted) event()   {}
func (LogRepaired) event()  {}
func (StepStarted) event()  {}
func (StepOutput) event()   {}
func (StepFinished) event() {}
func (StepHeld) event()     {}
func (RunPaused) event()    {}
func (RunFinished) event()  {}
