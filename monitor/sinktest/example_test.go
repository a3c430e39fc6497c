package sinktest_test

import (
	"context"
	"testing"

	"github.com/masaruk/devops/monitor"
	"github.com/masaruk/devops/monitor/sinktest"
)

func ExampleRun() {
	// In a test file of the adapter:
	_ = func(t *testing.T) {
		sinktest.Run(t, func() (*sinktest.Target, error) {
			var arrived []sinktest.Arrival
			sink := monitor.SinkFunc(func(_ context.Context, ts []monitor.Transition) error {
				for _, t := range ts {
					arrived = append(arrived, sinktest.Arrival{Check: t.Check, Kind: t.Kind, Seq: t.Seq})
				}
				return nil
			})
			return &sinktest.Target{Sink: sink, Arrived: func() []sinktest.Arrival { return arrived }}, nil
		})
	}
	// Output:
}
