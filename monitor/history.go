package monitor

import "time"

// History is what is kept of the runs of a check, oldest first: the recent ones
// as they were, and all of them in buckets of 15 minutes for a day and of 6
// hours for 30 days. It is about 14 KB for a check when it is full.
type History struct {
	Recent   []Sample
	Quarters []Bucket
	Days     []Bucket // of 6 hours
}

// Sample is one observation: a run that returned in time, or a tick at which
// the check was stuck.
type Sample struct {
	Time     time.Time // when it ended
	Status   Status
	Duration time.Duration
}

// Bucket sums up the samples of a time.
type Bucket struct {
	Start             time.Time
	Width             time.Duration
	Pass, Warn, Fail  uint32
	Longest, Together time.Duration // of the durations
}

const (
	quarter, quarters = 15 * time.Minute, 96
	sixHours, days    = 6 * time.Hour, 120
)

// history is bounded. Its slices grow as there is something to keep.
type history struct {
	recent   ring[Sample]
	quarters ring[tally]
	days     ring[tally]
}

// tally is a bucket as it is kept.
type tally struct {
	number            int64 // of its width since the Unix epoch
	pass, warn, fail  uint32
	longest, together time.Duration
}

// newHistory keeps that many recent runs; none at all if it is below 1.
func newHistory(recent int) history {
	if recent < 1 {
		return history{}
	}
	return history{ring[Sample]{limit: recent}, ring[tally]{limit: quarters}, ring[tally]{limit: days}}
}

func (h *history) add(s Sample) {
	h.recent.push(s)
	count(&h.quarters, quarter, s)
	count(&h.days, sixHours, s)
}

// count adds s to the last bucket, or a new one. A wall clock that was set back
// goes on filling the last one.
func count(r *ring[tally], width time.Duration, s Sample) {
	if r.limit == 0 {
		return
	}
	number := s.Time.UnixNano() / int64(width)
	t := r.last()
	if t == nil || t.number < number {
		r.push(tally{number: number})
		t = r.last()
	}
	switch s.Status {
	case Pass:
		t.pass++
	case Warn:
		t.warn++
	default:
		t.fail++
	}
	t.longest = max(t.longest, s.Duration)
	t.together += s.Duration
}

func (h *history) export() History {
	return History{Recent: h.recent.all(), Quarters: buckets(&h.quarters, quarter), Days: buckets(&h.days, sixHours)}
}

func buckets(r *ring[tally], width time.Duration) []Bucket {
	var out []Bucket
	for _, t := range r.all() {
		out = append(out, Bucket{
			Start: time.Unix(0, t.number*int64(width)).UTC(), Width: width,
			Pass: t.pass, Warn: t.warn, Fail: t.fail, Longest: t.longest, Together: t.together,
		})
	}
	return out
}

// ring keeps the last values, up to its limit, and grows to that as it fills.
type ring[T any] struct {
	limit int
	kept  []T
	head  int // of the oldest, once it is full
}

// push adds v and reports whether that drove the oldest value out. A limit of 0
// keeps nothing.
func (r *ring[T]) push(v T) (lost bool) {
	switch {
	case r.limit == 0:
		return true
	case len(r.kept) < r.limit:
		r.kept = append(r.kept, v)
		return false
	}
	r.kept[r.head] = v
	r.head = (r.head + 1) % r.limit
	return true
}

func (r *ring[T]) last() *T {
	if len(r.kept) == 0 {
		return nil
	}
	return &r.kept[(r.head+len(r.kept)-1)%len(r.kept)]
}

// all returns a copy, oldest first.
func (r *ring[T]) all() []T {
	return append(append([]T(nil), r.kept[r.head:]...), r.kept[:r.head]...)
}

// take removes the oldest n values and returns them, or all if there are fewer.
func (r *ring[T]) take(n int) []T {
	all := r.all()
	n = min(n, len(all))
	rest := copy(r.kept, all[n:])
	clear(r.kept[rest:])
	r.kept, r.head = r.kept[:rest], 0
	return all[:n]
}
