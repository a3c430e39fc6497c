package hostcheck

import (
	"slices"
	"sync"
	"time"
)

const (
	maxSamples = 512
	minSamples = 8
)

// trend is a series of samples, of which it tells the growth.
type trend struct {
	mu      sync.Mutex
	samples []sample // oldest first
}

type sample struct {
	at    float64 // seconds
	value float64
}

// add takes a sample and returns how fast the values grow, in units a second, if
// there are enough of them: at least 8 over a quarter of span. Of samples that
// come more often than 512 times in span it keeps so many, evenly spread, so that
// each time has the same weight.
func (t *trend) add(at time.Duration, value float64, span time.Duration) (growth float64, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := at.Seconds()
	t.samples = slices.DeleteFunc(t.samples, func(s sample) bool { return s.at < now-span.Seconds() })
	if n := len(t.samples); n == 0 || now-t.samples[n-1].at >= span.Seconds()/maxSamples {
		t.samples = append(t.samples, sample{now, value})
	}
	if len(t.samples) < minSamples || now-t.samples[0].at < span.Seconds()/4 {
		return 0, false
	}
	return slope(t.samples), true
}

// slope is that of the line of ordinary least squares: the covariance of time and
// value over the variance of time.
func slope(samples []sample) float64 {
	n := float64(len(samples))
	var at, value float64
	for _, s := range samples {
		at += s.at / n
		value += s.value / n
	}
	var both, square float64
	for _, s := range samples {
		both += (s.at - at) * (s.value - value)
		square += (s.at - at) * (s.at - at)
	}
	return part(both, square)
}
