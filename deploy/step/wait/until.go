package wait

import (
	"time"

	"github.com/masaruk/devops/deploy"
)

// Until returns the Action that asks every second until all conditions hold
// once, and fails when they did not within patience; zero is 30 seconds. It
// changes nothing, so InFlight is [deploy.Repeat] for its step; a continued run
// has the whole patience again. What is asked is for example a
// [deploy.CommandCheck], or a function by [deploy.Check]. Interval and other
// fields of the Health may be set.
func Until(patience time.Duration, conditions ...deploy.Action) *deploy.Health {
	return &deploy.Health{
		Conditions: conditions, Patience: patience, Interval: time.Second,
		Limits: &deploy.Limits{MaxFailed: -1, MaxInconclusive: -1, MaxErrors: -1, Successes: 1},
	}
}
