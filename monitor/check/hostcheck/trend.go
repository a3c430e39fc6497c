package hostcheck

import (
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
// there are enough of them: at least 8 over a quarter of span. Where there are
// many, every second one is forgotten.
func (t *trend) add(at time.Duration, value float64, span time.Duration) (growth float64, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := at.Seconds()
	kept := t.samples[:0]
	for _, s := range t.samples {
		if s.at >= now-span.Seconds() {
			kept = append(kept, s)
		}
	}
	if len(kept) >= maxSamples {
		half := kept[:0]
		for n := 0; n < len(kept); n += 2 {
			half = append(half, kept[n])
		}
		kept = half
	}
	t.samples = append(kept, sample{now, value})
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
