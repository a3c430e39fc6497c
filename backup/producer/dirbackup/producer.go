package dirbackup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/masaruk/devops/backup"
)

// Kind is that of the backups.
const Kind = "directory"

// Options configure a [Producer]. The zero value is the default.
type Options struct {
	// Source names what is backed up: one folder on one machine. A backup refers
	// to the newest one of the same Source. Empty is the host's name and the
	// folder; name it where the host's name changes, as that of a container does.
	Source string
	// Full refers to no earlier backup.
	Full bool
	// TrustTimes takes a file for unchanged, and does not read it, when its size,
	// mtime, ctime and inode are those that the earlier backup recorded, and its
	// ctime lies before that one began. The default reads and hashes everything.
	TrustTimes bool
	// Exclude leaves out what one of the patterns matches, as [path.Match] has
	// them, and what is below it. One without a slash is matched with the name
	// alone, at any depth; any other one, such as "/cache" or "tmp/*.part", with
	// the path from the folder down.
	Exclude []string
	// OneFileSystem leaves out, and lists, what is mounted below the folder. The
	// default takes it as well.
	OneFileSystem bool
	// RefuseSpecial fails where there is a socket, a pipe or a device. The default
	// leaves them out and lists them.
	RefuseSpecial bool
	// KeepChanging keeps a file that changed each time it was read, as it was read
	// last, and lists it. The default fails.
	KeepChanging bool
	// Attempts is how often a file that changes is read at most; zero is three.
	Attempts int
	// Parallel is how many files are read at the same time; zero is four.
	Parallel int
	// Progress is told after each file, from one goroutine; nil is not.
	Progress func(Progress)
}

// Progress is how far a backup is. How much there is to do is not known.
type Progress struct {
	// Files and Bytes are done; Referred of the bytes are in an earlier backup.
	Files, Bytes, Referred int64
}

// Producer makes backups of one folder. It is safe for concurrent use.
type Producer struct {
	dir     string
	options Options

	margin time.Duration                  // of TrustTimes
	opened func(path string, attempt int) // of a test: a file is open, and nothing of it was read
}

var _ backup.Producer = (*Producer)(nil)

// New returns a Producer for the folder dir, or for the one that a link of that
// name leads to. It looks at no file.
func New(dir string, opts *Options) (*Producer, error) {
	p := &Producer{margin: trustMargin}
	if opts != nil {
		p.options = *opts
	}
	o := &p.options
	var errs []error
	if dir == "" {
		errs = append(errs, errors.New("the folder is empty"))
	}
	for i, pattern := range o.Exclude {
		if _, err := path.Match(pattern, ""); err != nil || strings.Trim(pattern, "/") == "" || strings.HasSuffix(pattern, "/") {
			errs = append(errs, fmt.Errorf("field Exclude[%d]: %q is no pattern of path.Match, or ends with a slash", i, pattern))
		}
	}
	if o.Attempts < 0 {
		errs = append(errs, fmt.Errorf("field Attempts is %d", o.Attempts))
	}
	if o.Parallel < 0 {
		errs = append(errs, fmt.Errorf("field Parallel is %d", o.Parallel))
	}
	var err error
	if p.dir, err = filepath.Abs(dir); err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("dirbackup.New: %w", err)
	}
	o.Attempts, o.Parallel = cmp.Or(o.Attempts, 3), cmp.Or(o.Parallel, 4)
	return p, nil
}

// Kind is [Kind].
func (p *Producer) Kind() string { return Kind }

// Details are what the record of a backup says of the folder.
type Details struct {
	Source string `json:"source"`
	Dir    string `json:"dir"`
	// Mode, UID, GID and Modified are those of the folder itself, as [backup.Entry]
	// has them for what is in it.
	Mode     int64     `json:"mode"`
	UID      int       `json:"uid,omitempty"`
	GID      int       `json:"gid,omitempty"`
	Modified time.Time `json:"modified"`
	// Earlier is the backup that this one was compared with; empty where there
	// was none. Referred and ReferredBytes are the files that earlier ones hold.
	Earlier       string `json:"earlier,omitempty"`
	Referred      int64  `json:"referred,omitempty"`
	ReferredBytes int64  `json:"referred_bytes,omitempty"`
	// HardLinked is the number of files that have further names; each name is a
	// file of its own in the backup.
	HardLinked int64 `json:"hard_linked,omitempty"`
	// Excluded is the number of names that a pattern left out, without what is
	// below them.
	Excluded int64 `json:"excluded,omitempty"`
	// Vanished were listed and gone when they were to be read; Special are
	// sockets, pipes and devices, Mounts other file systems, which are not in the
	// backup; Inconsistent changed each time they were read, and are in it.
	Vanished     Names `json:"vanished,omitzero"`
	Special      Names `json:"special,omitzero"`
	Mounts       Names `json:"mounts,omitzero"`
	Inconsistent Names `json:"inconsistent,omitzero"`
}

// Names are paths below the folder: how many there are, and the first thousand.
type Names struct {
	Count int64    `json:"count"`
	First []string `json:"first,omitempty"`
}

// mostNames bounds what a record holds.
const mostNames = 1000

func (n *Names) add(name string) {
	n.Count++
	if len(n.First) < mostNames {
		n.First = append(n.First, name)
	}
}

// ChangedError reports a file that changed each time it was read.
type ChangedError struct {
	Path     string
	Attempts int
	// Err is what was seen the last time.
	Err error
}

// Error names the file and what can be done.
func (e *ChangedError) Error() string {
	return fmt.Sprintf("%q changed each of the %d times it was read (%v): back up when it is at rest, exclude it, or set KeepChanging", e.Path, e.Attempts, e.Err)
}

// Unwrap returns the cause.
func (e *ChangedError) Unwrap() error { return e.Err }

// Produce implements [backup.Producer]. The result is a [Details].
func (p *Producer) Produce(ctx context.Context, s *backup.Session) (any, error) {
	d, err := p.produce(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("backup of the folder %s: %w", p.dir, cmp.Or(context.Cause(ctx), err))
	}
	return d, nil
}

func (p *Producer) produce(ctx context.Context, s *backup.Session) (*Details, error) {
	root, err := os.OpenRoot(p.dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }() // nothing was written
	info, err := root.Stat(".")
	if err != nil {
		return nil, err
	}
	own := entryOf("", info)
	x := &run{
		Producer: p, session: s, root: root, device: statusOf(info).device,
		details: &Details{Source: p.source(), Dir: p.dir, Mode: own.Mode, UID: own.UID, GID: own.GID, Modified: own.Modified},
	}
	if !p.options.Full {
		if err := x.compare(ctx); err != nil {
			return nil, err
		}
	}
	if err := x.all(ctx); err != nil {
		return nil, err
	}
	// What vanished is listed; that all did because the folder went is an error.
	if now, err := os.Stat(p.dir); err != nil || !os.SameFile(info, now) {
		return nil, errors.Join(errors.New("the folder was removed or exchanged while it was read"), err)
	}
	if !x.added {
		return nil, errors.New("there is nothing in it to back up: is it the point of a mount that is not there?")
	}
	return x.details, nil
}

// source is the name of what is backed up.
func (p *Producer) source() string {
	if p.options.Source != "" {
		return p.options.Source
	}
	host, _ := os.Hostname() // without it the folder must do
	return host + ":" + p.dir
}
