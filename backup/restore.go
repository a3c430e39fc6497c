package backup

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// RestoreOptions configure a restore. The zero value is the default.
type RestoreOptions struct {
	// Place returns where the file of a path goes, as an absolute path; nil puts
	// everything below the target. Folders that it leads to outside of the
	// target must be missing or empty as well, and be named in Folders, as
	// absolute paths; a place outside of all of them is refused.
	Place   func(path string) string
	Folders []string
	// Owners gives everything the numeric user and group that it had, as tar -p
	// does for root; without the right to do so the restore fails. What a
	// Producer did not know is root's. Otherwise all belongs to the one who
	// restores.
	Owners bool
	// Sparse leaves holes where files have long runs of zero bytes.
	Sparse bool
	// Void restores also a backup that its Writer has called worthless: to look
	// at it as evidence, or because the Writer is not to be believed.
	Void bool
	// Finish, where it is set, is called when all files are there and durable,
	// before the restore counts as complete, for what else must be there; an
	// error leaves the restore incomplete, and it may be called again by the
	// next one.
	Finish func() error
	// Progress is told, from several goroutines, how many bytes of content a
	// file added to those that are restored.
	Progress func(bytes int64)
}

// RestorePlan is what a restore would do.
type RestorePlan struct {
	Backup *Listing `json:"backup"`
	Target string   `json:"target"`
	// Files and Bytes are what it makes; Objects and Fetch what it reads from
	// the store, in bytes.
	Files   int64 `json:"files"`
	Bytes   int64 `json:"bytes"`
	Objects int   `json:"objects"`
	Fetch   int64 `json:"fetch"`
	// Free is the space that the target's file system has, in bytes; negative
	// where that cannot be told. Those of Folders are looked at as well.
	Free int64 `json:"free"`
	// Problems are why the restore would be refused.
	Problems []string `json:"problems,omitempty"`
}

// RestoreReport is what a restore did.
type RestoreReport struct {
	Backup   *Listing      `json:"backup"`
	Target   string        `json:"target"`
	Files    int64         `json:"files"`
	Bytes    int64         `json:"bytes"`
	Fetched  int64         `json:"fetched"`
	Resumed  bool          `json:"resumed,omitempty"`
	Duration time.Duration `json:"duration_ns"`
}

// markerName is the file in the target that says that a restore is not
// complete, and of which backup. It is the first thing that is made and the
// last that is removed.
const markerName = "devops-restore-incomplete.json"

type marker struct {
	Repository string `json:"repository"`
	Backup     string `json:"backup"`
	Record     string `json:"record"`
	// Objects are those whose files are all there, durably.
	Objects []string `json:"objects,omitempty"`
}

// markerTemp is what the names of its temporary files begin with.
const markerTemp = "." + markerName + ".tmp-"

// restore is one restore at work.
type restore struct {
	*Reader
	b       *Listing
	dir     string
	bases   []string // dir and Folders
	opts    RestoreOptions
	entries map[string][]Entry
	folders folders

	mu      sync.Mutex
	marker  marker
	fetched int64
}

// Plan tells what [Reader.Restore] would do, and does none of it. An empty id is
// the newest backup that may be restored.
func (r *Reader) Plan(ctx context.Context, id, dir string, opts *RestoreOptions) (*RestorePlan, error) {
	x, err := r.prepare(ctx, id, dir, opts)
	if err != nil {
		return nil, fmt.Errorf("plan of a restore: %w", err)
	}
	p := &RestorePlan{Backup: x.b, Target: x.dir, Files: x.b.Files, Bytes: x.b.Bytes, Objects: len(x.b.Objects), Free: -1}
	if _, left, ok := space(x.dir); ok {
		p.Free = left
	}
	for _, o := range x.b.Objects {
		p.Fetch += o.Size
	}
	if _, err := x.refuse(); err != nil {
		p.Problems = append(p.Problems, err.Error())
	}
	return p, nil
}

// Restore makes the files of a backup again below the folder dir, which must be
// missing or empty, or hold what a restore of the same backup that was cut off
// has left: that one goes on. An empty id is the newest backup that may be
// restored. What it wrote is durable and compared with the backup when the error
// is nil. After an error the file devops-restore-incomplete.json says that the
// folder is not to be used.
func (r *Reader) Restore(ctx context.Context, id, dir string, opts *RestoreOptions) (*RestoreReport, error) {
	began := time.Now()
	x, err := r.prepare(ctx, id, dir, opts)
	if err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	rep := &RestoreReport{Backup: x.b, Target: x.dir, Files: x.b.Files, Bytes: x.b.Bytes}
	if rep.Resumed, err = x.refuse(); err == nil {
		err = x.run(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("restore of backup %s: %w", x.b.ID, err)
	}
	rep.Fetched, rep.Duration = x.fetched, time.Since(began)
	return rep, nil
}
