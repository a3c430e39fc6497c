package monitor

import (
	"hash/fnv"
	"time"
)

// hashName spreads names evenly over 64 bits, the same in every process and
// version. FNV alone leaves names that differ in the last character close.
func hashName(name string) uint64 {
	f := fnv.New64a()
	_, _ = f.Write([]byte(name)) // never fails
	h := f.Sum64()
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd // the finaliser of MurmurHash3
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// cadence is when a check is due: at all times t, counted from the Unix epoch,
// for which t mod interval is the phase, so that every process runs it at the
// same times. Times given and returned are those of the monotonic clock, since
// start; a step of the wall clock changes nothing.
type cadence struct {
	interval, phase time.Duration
	start           int64 // Unix time in nanoseconds
}

func newCadence(name string, interval time.Duration, start time.Time) cadence {
	return cadence{interval, time.Duration(hashName(name) % uint64(interval)), start.UnixNano()}
}

// after returns the first tick later than at.
func (c cadence) after(at time.Duration) time.Duration {
	past := (c.start%int64(c.interval) + int64(at)%int64(c.interval) - int64(c.phase)) % int64(c.interval)
	if past < 0 {
		past += int64(c.interval)
	}
	return at + c.interval - time.Duration(past)
}

// first returns when a check that is new at the time given runs first: at its
// next tick, or within the time given if that comes sooner, spread by name.
func (c cadence) first(name string, at, within time.Duration) time.Duration {
	tick := c.after(at)
	if within <= 0 {
		return tick
	}
	return min(tick, at+time.Duration(hashName(name)%uint64(within)))
}

// next returns the tick after the one that was due, and how many were missed
// because it is so late. The tick is later than now.
func (c cadence) next(due, now time.Duration) (tick time.Duration, missed uint64) {
	// A first run may be off the beat: then one tick at least half an interval on.
	tick = c.after(due + c.interval/2)
	if late := now - tick; late >= 0 {
		missed = uint64(late/c.interval) + 1
		tick += time.Duration(missed) * c.interval
	}
	return tick, missed
}
