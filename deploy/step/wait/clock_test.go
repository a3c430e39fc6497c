package wait

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheNextTimeOnTheClock(t *testing.T) {
	for _, c := range []struct{ at, zone, from, want string }{
		{"22:30", "", "2026-11-24T00:00:00Z", "2026-11-24T22:30:00Z"},
		{"22:30", "", "2026-11-24T22:30:00Z", "2026-11-24T22:30:00Z"},
		{"22:30", "", "2026-11-24T22:30:00.000000001Z", "2026-11-25T22:30:00Z"},
		{"00:00", "", "2026-12-31T00:00:01Z", "2027-01-01T00:00:00Z"},
		{"02:00", "Asia/Riyadh", "2026-11-24T00:00:00Z", "2026-11-24T23:00:00Z"}, // it is 3 o'clock there
		{"02:00", "Asia/Riyadh", "2026-11-24T22:59:59Z", "2026-11-24T23:00:00Z"},
		{"12:00", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T10:00:00Z"}, // summer time begins in between
	} {
		w := &Clock{At: c.at, TimeZone: c.zone}
		require.NoError(t, w.Validate())
		zone, err := time.LoadLocation(c.zone)
		require.NoError(t, err)
		from, err := time.Parse(time.RFC3339Nano, c.from)
		require.NoError(t, err)
		require.Equal(t, c.want, w.next(from.In(zone)).UTC().Format(time.RFC3339Nano), "%+v", c)
	}
}
