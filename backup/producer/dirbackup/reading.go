package dirbackup

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"time"

	"github.com/masaruk/devops/backup"
)

// reading is one attempt at a file. It gives exactly entry.Size bytes, with zeros
// for those that are missing, so that a part can be ended in order.
type reading struct {
	file     *os.File
	entry    backup.Entry
	names    uint64
	sum      hash.Hash
	left     int64
	short    int64 // bytes that were missing
	restless bool  // it changed just before it was read
}

// begin takes the status. A change that follows in the same step of the clock
// would not be seen, so it waits for the next step; a file that changed again
// meanwhile has changed, whatever is seen later.
func (r *reading) begin(ctx context.Context, name string) error {
	for try := 0; ; try++ {
		info, err := r.file.Stat()
		if err != nil {
			return err
		}
		r.entry, r.names = entryOf(name, info), statusOf(info).names
		r.left = r.entry.Size
		age := time.Since(cmp.Or(r.entry.Changed, r.entry.Modified))
		if age < 0 || age >= clockStep {
			return nil
		}
		if try > 0 {
			r.restless = true
			return nil
		}
		if err := wait(ctx, clockStep-age); err != nil {
			return err
		}
	}
}

// Read reads up to the size that the file had.
func (r *reading) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), r.left)]
	n, err := 0, error(nil)
	if r.short == 0 {
		n, err = r.file.Read(p)
	}
	switch {
	case n == 0 && (err == nil || errors.Is(err, io.EOF)) && len(p) > 0: // it was cut
		clear(p)
		n = len(p)
		r.short += int64(n)
		err = nil
	case errors.Is(err, io.EOF):
		err = nil
	}
	r.sum.Write(p[:n])
	r.left -= int64(n)
	return n, err
}

// finish compares the file with what it was when it was opened, and sets the
// hash of what was read.
func (r *reading) finish() error {
	r.entry.SHA256 = hex.EncodeToString(r.sum.Sum(nil))
	if r.restless {
		return fmt.Errorf("%w: it was written to at that moment", errChanged)
	}
	if r.short > 0 {
		return fmt.Errorf("%w: %d bytes of %d were missing", errChanged, r.short, r.entry.Size)
	}
	var more [1]byte
	if n, err := r.file.Read(more[:]); n > 0 {
		return fmt.Errorf("%w: it has more than the %d bytes that it had", errChanged, r.entry.Size)
	} else if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	now := entryOf(r.entry.Path, info)
	if now.Size != r.entry.Size || !now.Modified.Equal(r.entry.Modified) || !now.Changed.Equal(r.entry.Changed) {
		return fmt.Errorf("%w: size %d and then %d, mtime %s and then %s", errChanged, r.entry.Size, now.Size, r.entry.Modified.Format(time.RFC3339Nano), now.Modified.Format(time.RFC3339Nano))
	}
	return nil
}
