package deploy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func instant(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	require.NoError(t, err)
	return at
}

func TestTheNextFreeze(t *testing.T) {
	weekend := Freeze{Name: "weekend", TimeZone: "Asia/Riyadh", Weekly: &Weekly{From: WeekTime{time.Thursday, 16, 30}, To: WeekTime{time.Sunday, 8, 0}}}
	night := Freeze{Name: "night", TimeZone: "Europe/Berlin", Weekly: &Weekly{From: WeekTime{time.Saturday, 22, 0}, To: WeekTime{time.Sunday, 6, 0}}}
	turn := Freeze{Name: "turn of the year", TimeZone: "Asia/Riyadh", Yearly: &Yearly{From: YearDay{time.December, 20}, To: YearDay{time.January, 5}}}
	leap := Freeze{Name: "leap", Yearly: &Yearly{From: YearDay{time.February, 29}, To: YearDay{time.February, 29}}}
	once := Freeze{Name: "fair", Once: &Span{instant(t, "2026-05-01T00:00:00Z"), instant(t, "2026-05-02T00:00:00Z")}}
	for _, c := range []struct {
		f                Freeze
		now, from, until string
	}{
		{weekend, "2026-11-24T12:00:00Z", "2026-11-26T16:30:00+03:00", "2026-11-29T08:00:00+03:00"},
		{weekend, "2026-11-28T12:00:00Z", "2026-11-26T16:30:00+03:00", "2026-11-29T08:00:00+03:00"},
		{weekend, "2026-11-29T04:59:59Z", "2026-11-26T16:30:00+03:00", "2026-11-29T08:00:00+03:00"},
		{weekend, "2026-11-29T05:00:00Z", "2026-12-03T16:30:00+03:00", "2026-12-06T08:00:00+03:00"},
		{night, "2026-03-28T12:00:00Z", "2026-03-28T22:00:00+01:00", "2026-03-29T06:00:00+02:00"}, // the clock goes forward meanwhile
		{night, "2026-10-24T12:00:00Z", "2026-10-24T22:00:00+02:00", "2026-10-25T06:00:00+01:00"},
		{turn, "2026-12-25T00:00:00Z", "2026-12-20T00:00:00+03:00", "2027-01-06T00:00:00+03:00"},
		{turn, "2027-01-05T20:59:59Z", "2026-12-20T00:00:00+03:00", "2027-01-06T00:00:00+03:00"},
		{turn, "2027-01-05T21:00:00Z", "2027-12-20T00:00:00+03:00", "2028-01-06T00:00:00+03:00"},
		{leap, "2027-01-01T00:00:00Z", "2027-03-01T00:00:00Z", "2027-03-02T00:00:00Z"}, // where there is none, the day after
		{leap, "2028-01-01T00:00:00Z", "2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z"},
		{once, "2026-01-01T00:00:00Z", "2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z"},
	} {
		require.NoError(t, c.f.Validate())
		s := c.f.next(instant(t, c.now))
		require.WithinDuration(t, instant(t, c.from), s.From, 0, "%s at %s", c.f.Name, c.now)
		require.WithinDuration(t, instant(t, c.until), s.To, 0, "%s at %s", c.f.Name, c.now)
	}
	require.Zero(t, once.next(instant(t, "2026-05-02T00:00:00Z")))
}

func TestAFreezeIsValidated(t *testing.T) {
	ok := &Weekly{From: WeekTime{Day: time.Friday}, To: WeekTime{Day: time.Saturday}}
	for want, f := range map[string]Freeze{
		"field Name is empty":      {Weekly: ok},
		"field TimeZone":           {Name: "a", TimeZone: "Mars/Olympus", Weekly: ok},
		"field Lead":               {Name: "a", Lead: -1, Weekly: ok},
		"Once: From is not before": {Name: "a", Once: &Span{}},
		"field Weekly":             {Name: "a", Weekly: &Weekly{}},
		"hours to 23":              {Name: "a", Weekly: &Weekly{From: WeekTime{Hour: 24}, To: ok.To}},
		"field Yearly":             {Name: "a", Yearly: &Yearly{From: YearDay{time.February, 30}, To: YearDay{time.March, 1}}},
		"says when, 0 are given":   {Name: "a"},
		"says when, 2 are given":   {Name: "a", Weekly: ok, Yearly: &Yearly{YearDay{1, 1}, YearDay{1, 2}}},
	} {
		require.ErrorContains(t, f.Validate(), want)
	}
	_, err := New(nopLog{}, &Options{Freezes: []Freeze{{Name: "a"}}})
	require.ErrorContains(t, err, "field Freezes[0]")
}

// nopLog is a Log that nobody asks.
type nopLog struct{ Log }
