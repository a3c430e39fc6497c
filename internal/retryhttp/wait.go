package retryhttp

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// backoff is a random wait after attempt number: full jitter.
func backoff(number int, first, most time.Duration) time.Duration {
	return time.Duration(rand.Float64() * float64(ceiling(number, first, most)))
}

// ceiling is first * 2^(number-1), at most most.
func ceiling(number int, first, most time.Duration) time.Duration {
	limit := first
	for range number - 1 {
		if limit > most/2 {
			return most
		}
		limit *= 2
	}
	return min(limit, most)
}

// farAway is what a Retry-After counts as that no one would wait for.
const farAway = 100 * 365 * 24 * time.Hour

// retryAfter reads Retry-After as of RFC 9110 section 10.2.3. A date is
// compared with that of the answer where there is one: the clocks may differ.
func retryAfter(header http.Header, now time.Time) (time.Duration, bool) {
	text := strings.TrimSpace(header.Get("Retry-After"))
	if text != "" && strings.Trim(text, "0123456789") == "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil || seconds > int64(farAway/time.Second) {
			return farAway, true
		}
		return time.Duration(seconds) * time.Second, true
	}
	until, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	if sent, err := http.ParseTime(header.Get("Date")); err == nil {
		now = sent
	}
	return max(until.Sub(now), 0), true
}
