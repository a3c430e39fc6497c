package freshness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// File is the source of when the regular file was modified.
func File(path string) Source {
	return func(context.Context) (time.Time, error) {
		info, err := os.Stat(path)
		if err != nil {
			return time.Time{}, err
		}
		if !info.Mode().IsRegular() {
			return time.Time{}, fmt.Errorf("%s is no regular file", path)
		}
		return info.ModTime(), nil
	}
}

// Newest is the source of when the newest regular file right in dir was modified
// whose name fits pattern, as of [filepath.Match], and that has at least
// minBytes. A file that is too small counts as not there: an empty backup is
// none. A pattern that is malformed, and a folder that is not there, are errors
// other than that nothing happened.
func Newest(dir, pattern string, minBytes int64) Source {
	return func(ctx context.Context) (time.Time, error) {
		if _, err := filepath.Match(pattern, ""); err != nil {
			return time.Time{}, fmt.Errorf("pattern %q: %w", pattern, err)
		}
		d, err := os.Open(dir)
		if errors.Is(err, fs.ErrNotExist) {
			return time.Time{}, fmt.Errorf("there is no folder %s", dir) // not wrapped: it is not known that nothing happened
		}
		if err != nil {
			return time.Time{}, err
		}
		defer d.Close()
		newest, err := newestIn(ctx, d, pattern, minBytes)
		if err == nil && newest.IsZero() {
			err = fmt.Errorf("no file of at least %d bytes in %s fits %q: %w", minBytes, dir, pattern, fs.ErrNotExist)
		}
		return newest, err
	}
}

func newestIn(ctx context.Context, d *os.File, pattern string, minBytes int64) (newest time.Time, err error) {
	for {
		entries, err := d.ReadDir(1000) // a folder may be large, and ctx end meanwhile
		for _, e := range entries {
			if fits, _ := filepath.Match(pattern, e.Name()); !fits {
				continue
			}
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue // removed meanwhile
			}
			if err != nil {
				return time.Time{}, err
			}
			if info.Mode().IsRegular() && info.Size() >= minBytes && info.ModTime().After(newest) {
				newest = info.ModTime()
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return newest, nil
		case err != nil:
			return time.Time{}, err
		case ctx.Err() != nil:
			return time.Time{}, context.Cause(ctx)
		}
	}
}

// maxStamp is how much of a file is read for a time.
const maxStamp = 4096

// Timestamp is the source of the time that stands in the first line of a file:
// as of RFC 3339, as a date (2026-03-31, which begins at midnight UTC), or in
// seconds since the Unix epoch.
func Timestamp(path string) Source {
	return func(context.Context) (time.Time, error) {
		f, err := os.Open(path)
		if err != nil {
			return time.Time{}, err
		}
		defer f.Close()
		begin, err := io.ReadAll(io.LimitReader(f, maxStamp))
		if err != nil {
			return time.Time{}, err
		}
		line, _, _ := strings.Cut(string(begin), "\n")
		t, ok := parse(strings.TrimSpace(line))
		if !ok {
			// What stands there is not shown: it may be the wrong file.
			return time.Time{}, fmt.Errorf("the first line of %s is no time: write one such as 2026-03-31T04:00:00Z, 2026-03-31 or 1774929600", path)
		}
		return t, nil
	}
}

func parse(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n > 0 && n < 1<<40 {
		return time.Unix(n, 0), true
	}
	return time.Time{}, false
}
