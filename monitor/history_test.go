package monitor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHistoryIsBoundedAndSumsUp(t *testing.T) {
	h := newHistory(60)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	const minutes = 90 * 24 * 60
	for i := range minutes {
		s := Sample{Time: start.Add(time.Duration(i) * time.Minute), Status: Pass, Duration: time.Duration(i%7) * time.Second}
		switch i % 15 {
		case 3:
			s.Status = Warn
		case 4, 5:
			s.Status = Fail
		}
		h.add(s)
	}
	got := h.export()
	require.Len(t, got.Recent, 60)
	require.Equal(t, start.Add((minutes-60)*time.Minute), got.Recent[0].Time)
	require.Equal(t, start.Add((minutes-1)*time.Minute), got.Recent[59].Time)
	require.Len(t, got.Quarters, 96)
	require.Len(t, got.Days, 120)
	for i, b := range got.Quarters {
		require.Equal(t, start.Add(90*24*time.Hour-time.Duration(96-i)*quarter), b.Start)
		require.Equal(t, []uint32{12, 1, 2}, []uint32{b.Pass, b.Warn, b.Fail})
		require.Equal(t, 6*time.Second, b.Longest)
	}
	var together time.Duration
	for _, b := range got.Quarters[72:] {
		together += b.Together
	}
	require.Equal(t, got.Days[119].Together, together)
	require.Equal(t, uint32(360), got.Days[119].Pass+got.Days[119].Warn+got.Days[119].Fail)
	require.Equal(t, start.Add(60*24*time.Hour), got.Days[0].Start)
}

func TestHistorySurvivesAClockThatIsSetBack(t *testing.T) {
	h := newHistory(2)
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	h.add(Sample{Time: now, Status: Pass})
	h.add(Sample{Time: now.Add(-3 * time.Hour), Status: Fail})
	got := h.export()
	require.Len(t, got.Quarters, 1)
	require.Equal(t, uint32(1), got.Quarters[0].Fail)

	none := newHistory(-1)
	none.add(Sample{Time: now})
	require.Equal(t, History{}, none.export())
}

func TestTheRingKeepsTheLast(t *testing.T) {
	r := ring[int]{limit: 3}
	for i := range 5 {
		require.Equal(t, i >= 3, r.push(i))
	}
	require.Equal(t, []int{2, 3, 4}, r.all())
	require.Equal(t, []int{2, 3}, r.take(2))
	require.False(t, r.push(5))
	require.Equal(t, []int{4, 5}, r.all())
	require.Equal(t, []int{4, 5}, r.take(9))
	require.Empty(t, r.take(1))
}
