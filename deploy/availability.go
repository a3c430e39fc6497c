package deploy

import "context"
import "time"

type Availability struct {
	URL      string
	Interval time.Duration
}

func (a *Availability) validate() error { return nil }

type availability struct{}

func startAvailability(ctx context.Context, a *Availability) *availability { return nil }
func (a *availability) stop() *AvailabilityReport                          { return nil }
