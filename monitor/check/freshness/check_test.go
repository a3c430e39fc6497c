package freshness_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/monitor"
	"github.com/masaruk/devops/monitor/check/freshness"
)

const day = 24 * time.Hour

// at is a source of a fixed time.
func at(when time.Time) freshness.Source {
	return func(context.Context) (time.Time, error) { return when, nil }
}

func run(t *testing.T, last freshness.Source, maxAge time.Duration, opts *freshness.Options) monitor.Result {
	t.Helper()
	c, err := freshness.New(last, maxAge, opts)
	require.NoError(t, err)
	return c.Check(t.Context())
}

// Limits are met to the nanosecond, in the time of a bubble.
func TestAges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := &freshness.Options{WarnAge: 20 * time.Hour}
		for _, test := range []struct {
			age    time.Duration
			status monitor.Status
			detail string
			value  float64
		}{
			{0, monitor.Pass, "0s old", 0},
			{20 * time.Hour, monitor.Pass, "20h0m0s old", 72000},
			{20*time.Hour + 1, monitor.Warn, "20h0m0s old, more than 20h0m0s", 72000},
			{25 * time.Hour, monitor.Warn, "25h0m0s old, more than 20h0m0s", 90000},
			{25*time.Hour + 1, monitor.Fail, "25h0m0s old, more than 25h0m0s", 90000},
			{92*day + 5*time.Hour, monitor.Fail, "92d5h old, more than 25h0m0s", 7966800},
			{-time.Minute, monitor.Pass, "0s old", 0},
			{-time.Minute - 1, monitor.Fail, "its time lies in the future", -60},
			{-10 * 365 * day, monitor.Fail, "its time lies in the future", -315360000},
		} {
			r := run(t, at(time.Now().Add(-test.age)), 25*time.Hour, opts)
			require.Equal(t, test.status, r.Status, "age %s: %v", test.age, r.Err)
			require.Equal(t, test.detail, r.Detail)
			require.Len(t, r.Measurements, 1)
			require.InDelta(t, test.value, r.Measurements[0].Value, 1e-6)
			require.Equal(t, "age s", r.Measurements[0].Name+" "+r.Measurements[0].Unit)
			require.Equal(t, test.status == monitor.Pass, r.Err == nil)
		}
		require.Equal(t, monitor.Fail, run(t, at(time.Now().Add(1)), day, &freshness.Options{Skew: -1}).Status)
		require.Equal(t, monitor.Pass, run(t, at(time.Now()), day, &freshness.Options{Skew: -1}).Status)
	})
}

func TestNever(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "private-name")
	for _, source := range []freshness.Source{at(time.Time{}), freshness.File(missing), freshness.Timestamp(missing)} {
		r := run(t, source, day, nil)
		require.Equal(t, monitor.Fail, r.Status)
		require.Equal(t, "never happened", r.Detail)
		require.Error(t, r.Err)
		require.Empty(t, r.Measurements, "there is no age")
	}
	r := run(t, freshness.File(missing), day, &freshness.Options{Never: monitor.Warn})
	require.Equal(t, monitor.Warn, r.Status)
	require.ErrorIs(t, r.Err, fs.ErrNotExist)
	require.ErrorContains(t, r.Err, "private-name")
	r = run(t, at(time.Time{}), day, &freshness.Options{Never: monitor.Pass})
	require.Equal(t, monitor.Pass, r.Status)
	require.NoError(t, r.Err)
}

func TestSourceFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("the catalogue is down")
	r := run(t, func(context.Context) (time.Time, error) { return time.Now(), broken }, day, nil)
	require.Equal(t, monitor.Fail, r.Status)
	require.Equal(t, "cannot tell when it happened", r.Detail)
	require.ErrorIs(t, r.Err, broken)
}

// write makes a file of an age.
func write(t *testing.T, dir, name, text string, age time.Duration) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	when := time.Now().Add(-age)
	require.NoError(t, os.Chtimes(path, when, when))
	return path
}

func TestFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := write(t, dir, "private-name", "", 2*time.Hour)
	r := run(t, freshness.File(path), 3*time.Hour, nil)
	require.Equal(t, monitor.Pass, r.Status)
	require.InDelta(t, 7200, r.Measurements[0].Value, 60)
	r = run(t, freshness.File(path), time.Hour, nil)
	require.Equal(t, monitor.Fail, r.Status)
	require.NotContains(t, r.Detail, "private-name")
	r = run(t, freshness.File(dir), time.Hour, nil)
	require.Equal(t, "cannot tell when it happened", r.Detail)
	require.ErrorContains(t, r.Err, "is no regular file")
}

func TestNewest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	source := freshness.Newest(dir, "db-*.age", 10)
	r := run(t, source, day, nil)
	require.Equal(t, "never happened", r.Detail)
	require.ErrorContains(t, r.Err, `fits "db-*.age"`)

	write(t, dir, "db-1.age", "0123456789", 5*time.Hour)
	write(t, dir, "db-2.age", "0123456789", 3*time.Hour)
	write(t, dir, "db-3.age", "", time.Hour)               // an empty backup is none
	write(t, dir, "db-4.age.tmp", "0123456789", 0)         // another name
	require.NoError(t, os.Mkdir(dir+"/db-5.age", 0o700))   // no file
	require.NoError(t, os.Symlink("/", dir+"/db-6.age"))   // neither
	write(t, dir+"/db-5.age", "db-7.age", "0123456789", 0) // not right in it
	for n := range 2500 {
		write(t, dir, fmt.Sprintf("db-old-%d.age", n), "0123456789", 9*time.Hour)
	}
	r = run(t, source, 4*time.Hour, nil)
	require.Equal(t, monitor.Pass, r.Status, "%v", r.Err)
	require.InDelta(t, 3*3600, r.Measurements[0].Value, 60)
	require.Equal(t, monitor.Fail, run(t, source, 2*time.Hour, nil).Status)

	for text, source := range map[string]freshness.Source{
		"there is no folder": freshness.Newest(filepath.Join(dir, "absent"), "*", 0),
		"syntax error":       freshness.Newest(dir, "[", 0),
		"not a directory":    freshness.Newest(filepath.Join(dir, "db-1.age"), "*", 0),
	} {
		r := run(t, source, day, &freshness.Options{Never: monitor.Pass})
		require.Equal(t, monitor.Fail, r.Status, "%s is not that nothing happened", text)
		require.ErrorContains(t, r.Err, text)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	why := errors.New("the program ends")
	stop(why)
	c, err := freshness.New(source, day, nil)
	require.NoError(t, err)
	require.ErrorIs(t, c.Check(ctx).Err, why)
}

func TestTimestamp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for text, want := range map[string]time.Time{
		"2026-03-31T04:00:00Z\n":               time.Date(2026, 3, 31, 4, 0, 0, 0, time.UTC),
		"2026-03-31T04:00:00.5+03:00\nby hand": time.Date(2026, 3, 31, 1, 0, 0, 5e8, time.UTC),
		" 2026-03-31 ":                         time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC),
		"1774929600\r\n":                       time.Unix(1774929600, 0),
	} {
		got, err := freshness.Timestamp(write(t, dir, "stamp", text, 0))(t.Context())
		require.NoError(t, err, "%q", text)
		require.True(t, want.Equal(got), "%q is %s", text, got)
	}
	for _, text := range []string{"", "\n2026-03-31", "yesterday", "31.03.2026", "-5", "99999999999999", "secret-canary"} {
		r := run(t, freshness.Timestamp(write(t, dir, "stamp", text, 0)), day, nil)
		require.Equal(t, monitor.Fail, r.Status, "%q", text)
		require.ErrorContains(t, r.Err, "is no time")
		require.NotContains(t, r.Err.Error(), "secret-canary")
	}
	huge := filepath.Join(dir, "huge")
	require.NoError(t, os.WriteFile(huge, nil, 0o600))
	require.NoError(t, os.Truncate(huge, 1<<40)) // is read for 4 KiB only
	require.Equal(t, monitor.Fail, run(t, freshness.Timestamp(huge), day, nil).Status)
	r := run(t, freshness.Timestamp(dir), day, nil)
	require.ErrorIs(t, r.Err, syscall.EISDIR)
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for text, test := range map[string]struct {
		last   freshness.Source
		maxAge time.Duration
		o      freshness.Options
	}{
		"the source is nil":       {nil, day, freshness.Options{}},
		"maxAge 0s":               {at(time.Now()), 0, freshness.Options{}},
		"above maxAge":            {at(time.Now()), day, freshness.Options{WarnAge: day + 1}},
		"WarnAge -1ns":            {at(time.Now()), day, freshness.Options{WarnAge: -1}},
		"Options.Never 9 is no s": {at(time.Now()), day, freshness.Options{Never: 9}},
	} {
		_, err := freshness.New(test.last, test.maxAge, &test.o)
		require.ErrorContains(t, err, text)
	}
}
