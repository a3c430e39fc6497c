package release

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/masaruk/devops/internal/durable"
)

// State is what was last found out about a release.
type State string

// States of a release.
const (
	Staged State = "staged" // it is there and never served
	Active State = "active" // it was made live
	Proven State = "proven" // it was watched and is good
	Failed State = "failed" // it was tried and is not
)

// Event is a change of a release's state.
type Event struct {
	State State     `json:"state"`
	Time  time.Time `json:"time"`
	// Evidence is free text: what was measured, or why it failed. Empty is
	// none.
	Evidence string `json:"evidence,omitempty"`
}

// Release is the record of a release.
type Release struct {
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
	// Artefact is the digest of what was staged, as "sha256:<hex>".
	Artefact string `json:"artefact"`
	// EnvFile is the name of the env file in the release; empty is none.
	EnvFile string `json:"env_file,omitempty"`
	// Shared are the paths in the release that link into shared.
	Shared []string `json:"shared,omitempty"`
	// Events are its states, oldest first; there is at least one.
	Events []Event `json:"events"`
	// Path is the directory of the release; it is not part of the record.
	Path string `json:"-"`
}

// State returns the newest state.
func (r *Release) State() State { return r.Events[len(r.Events)-1].State }

// Proven returns when the release was last proven. It is not proven where it
// never was, or failed since.
func (r *Release) Proven() (at time.Time, proven bool) {
	for _, e := range r.Events {
		switch e.State {
		case Proven:
			at, proven = e.Time, true
		case Failed:
			at, proven = time.Time{}, false
		}
	}
	return at, proven
}

// served tells whether it may ever have been live.
func (r *Release) served() bool {
	return slices.ContainsFunc(r.Events, func(e Event) bool { return e.State == Active })
}

// recordVersion is the version of the stored form.
const recordVersion = 1

type stored struct {
	Version int `json:"version"`
	*Release
}

func (d *Dir) recordPath(id string) string { return filepath.Join(d.records(), id+".json") }

// load reads the record of a release that is there.
func (d *Dir) load(id string) (*Release, error) {
	path := d.recordPath(id)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, &Error{Path: path, Err: err}
	}
	s := stored{Release: &Release{}}
	err = json.Unmarshal(data, &s)
	switch {
	case s.Version > recordVersion:
		err = ErrVersion
	case err != nil:
		err = fmt.Errorf("the record cannot be read, restore it from a copy: %w", err)
	case s.Version < 1 || s.ID != id || len(s.Events) == 0:
		err = errors.New("the file is not the record of this release; restore it from a copy")
	}
	if err != nil {
		return nil, &Error{Path: path, Err: err}
	}
	s.Path = d.path(id)
	if _, err := os.Stat(s.Path); err != nil {
		return nil, &Error{Path: s.Path, Err: err}
	}
	return s.Release, nil
}

// recorded returns the ids that have a record.
func (d *Dir) recorded() ([]string, error) {
	entries, err := os.ReadDir(d.records())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), ".json"); ok && checkID(id) == nil {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// save makes the record durable.
func (d *Dir) save(r *Release) error {
	data, err := json.MarshalIndent(stored{recordVersion, r}, "", "\t")
	if err != nil {
		return err
	}
	return durable.WriteFile(d.fsys, d.recordPath(r.ID), append(data, '\n'), recordPerm)
}

// note adds a state.
func (d *Dir) note(r *Release, s State, evidence string) error {
	r.Events = append(r.Events, Event{s, time.Now().UTC(), evidence})
	return d.save(r)
}

// Get returns the record of a release, and an error that wraps
// [fs.ErrNotExist] where it is not there.
func (d *Dir) Get(id string) (*Release, error) {
	err := checkID(id)
	if err == nil {
		var r *Release
		if r, err = d.load(id); err == nil {
			return r, nil
		}
	}
	return nil, d.wrap("get", id, err)
}

// List yields the records of all releases, oldest first. One that cannot be
// read is yielded as an error, and the others follow.
func (d *Dir) List() iter.Seq2[*Release, error] {
	return func(yield func(*Release, error) bool) {
		ids, err := d.recorded()
		if err != nil {
			yield(nil, d.wrap("list", "", err))
			return
		}
		var list []*Release
		for _, id := range ids {
			r, err := d.load(id)
			switch {
			case err == nil:
				list = append(list, r)
			case errors.Is(err, fs.ErrNotExist): // removed in the middle, or just now
			case !yield(nil, d.wrap("list", id, err)):
				return
			}
		}
		slices.SortFunc(list, func(a, b *Release) int {
			return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
		})
		for _, r := range list {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// LastProven returns the release that was proven last, but for those excepted,
// such as the one that is being rolled back. The error wraps [fs.ErrNotExist]
// where there is none.
func (d *Dir) LastProven(except ...string) (*Release, error) {
	var last *Release
	var lastAt time.Time
	for r, err := range d.List() {
		if err != nil {
			return nil, err
		}
		if at, ok := r.Proven(); ok && !at.Before(lastAt) && !slices.Contains(except, r.ID) {
			last, lastAt = r, at
		}
	}
	if last == nil {
		return nil, &Error{Op: "find the last proven", Path: d.records(), Err: fmt.Errorf("no release was proven: %w", fs.ErrNotExist)}
	}
	return last, nil
}

// Prove records that the release served and is good, with the evidence. The
// error wraps [ErrNeverActive] unless it was activated, and did not fail since.
func (d *Dir) Prove(ctx context.Context, id, evidence string) error {
	return d.change(ctx, "prove", id, func() error {
		r, err := d.load(id)
		if err != nil {
			return err
		}
		if s := r.State(); s != Active && s != Proven {
			return fmt.Errorf("its state is %s: %w", s, ErrNeverActive)
		}
		return d.note(r, Proven, evidence)
	})
}

// Fail records that the release is not good, and why. It stays where it is,
// live or not.
func (d *Dir) Fail(ctx context.Context, id, reason string) error {
	return d.change(ctx, "fail", id, func() error {
		r, err := d.load(id)
		if err != nil {
			return err
		}
		return d.note(r, Failed, reason)
	})
}
