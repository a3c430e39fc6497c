package backup

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// ScrubReport is what a scrub has looked at.
type ScrubReport struct {
	// Objects and Bytes were read, of All objects of all backups.
	Objects int   `json:"objects"`
	Bytes   int64 `json:"bytes"`
	All     int   `json:"all"`
}

// Scrub reads a part of all that is stored, and compares it with the records.
// Call it once a day with the share of the objects that it shall read, such as
// 1.0/30: which these are follows from their names and the day (in UTC), so
// that after 1/share days in a row each object that was there all the time has
// been read, without anything to remember. All that is wrong is in the error.
func (r *Reader) Scrub(ctx context.Context, share float64) (*ScrubReport, error) {
	if !(share > 0 && share <= 1) {
		return nil, fmt.Errorf("scrub: the share is %g, and must be above 0 and at most 1", share)
	}
	turns := uint64(math.Ceil(1 / share))
	turn := uint64(time.Now().Unix()/(24*60*60)) % turns
	seen := map[string]bool{}
	rep := &ScrubReport{}
	var chosen []StoredObject
	var errs []error
	for l, err := range r.List(ctx) {
		if err != nil {
			errs = append(errs, err)
		}
		if l == nil || !l.Restorable() {
			continue
		}
		for _, o := range l.Objects {
			if seen[o.Name] {
				continue
			}
			seen[o.Name] = true
			if turnOf(o.Name, turns) == turn {
				chosen = append(chosen, o)
				rep.Objects, rep.Bytes = rep.Objects+1, rep.Bytes+o.Size
			}
		}
	}
	rep.All = len(seen)
	errs = append(errs, r.inParallel(ctx, chosen, func(o StoredObject) error {
		if err := r.read(ctx, o, discard); err != nil {
			return damaged(o.Name, err)
		}
		return nil
	}))
	if err := errors.Join(errs...); err != nil {
		return rep, fmt.Errorf("scrub: %w", err)
	}
	return rep, nil
}

// turnOf spreads the objects evenly over the turns.
func turnOf(name string, turns uint64) uint64 {
	sum := sha256.Sum256([]byte(name))
	return binary.BigEndian.Uint64(sum[:8]) % turns
}

// discard reads to the end.
func discard(content *bufio.Reader) error {
	_, err := io.Copy(io.Discard, content)
	return err
}
