package backup

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/masaruk/devops/secrets"
)

// Producer gives a backup its content: it adds everything to the session, and
// returns what a restore should know besides, as a value for encoding/json
// without secrets. It returns when nothing more comes, or soon after ctx ends.
// Where it returns an error there is no backup.
type Producer interface {
	// Kind names what is produced, such as "postgresql": lower-case letters,
	// digits and "-".
	Kind() string
	Produce(ctx context.Context, s *Session) (details any, err error)
}

// CorruptError is what a [Producer] returns when it has added everything and
// the source itself is corrupt: the backup is kept as evidence, marked as void,
// and is none that may be restored.
type CorruptError struct{ Err error }

// Error tells what is corrupt.
func (e *CorruptError) Error() string { return "the source is corrupt: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *CorruptError) Unwrap() error { return e.Err }

// WriterOptions configure a [Writer]. The zero value is the default.
type WriterOptions struct {
	// Workers is how many goroutines compress; zero is one for each processor.
	Workers int
	// Parts is how many parts are stored at the same time; zero is four.
	Parts int
	// Host is the name that the record tells; empty is the host's.
	Host string
}

// Writer adds backups to a repository. It reads no content and removes nothing.
// It is safe for concurrent use, also with others of the same key: names are
// never used twice.
type Writer struct {
	records *records
	key     key
	options WriterOptions

	partSize int64
}

// OpenWriter opens a repository with the key that [Init] made. It is refused,
// with an error that wraps [ErrKey], where the store holds another repository.
func OpenWriter(ctx context.Context, store Store, text secrets.Value, opts *WriterOptions) (*Writer, error) {
	k, err := parseKey(text, RoleWriter)
	if err != nil {
		return nil, fmt.Errorf("open writer: %w", err)
	}
	recs, err := openRecords(ctx, store, k)
	if err != nil {
		return nil, fmt.Errorf("open writer: %w", err)
	}
	w := &Writer{records: recs, key: k, partSize: defaultPart}
	if opts != nil {
		w.options = *opts
	}
	if w.options.Host == "" {
		w.options.Host, _ = os.Hostname() // for people; a record can do without
	}
	return w, nil
}

func openRecords(ctx context.Context, store Store, k key) (*records, error) {
	e, _, err := loadEpoch(ctx, store, k.Fingerprint)
	if err != nil {
		return nil, err
	}
	id, err := k.identity()
	if err != nil {
		return nil, err
	}
	if e.Signers[k.Role] != publicText(k.signing()) {
		return nil, fmt.Errorf("%w: the repository does not know it as the %s's", ErrKey, k.Role)
	}
	return newRecords(store, e, id)
}

// List yields all backups, oldest first. An error with a Listing concerns that
// backup alone, of which only the ID is sure, and the next one follows; an error
// without one ends the list.
func (w *Writer) List(ctx context.Context) iter.Seq2[*Listing, error] { return w.records.list(ctx) }

// Backup makes one. It exists, whole and durable, when the error is nil. After
// an error there is none, but for an [*UncertainError]; what was stored of it is
// found by the Keeper as belonging to nothing.
func (w *Writer) Backup(ctx context.Context, p Producer) (*Backup, error) {
	now := time.Now().UTC()
	id := now.Format("20060102T150405Z") + "-" + randomName(8)
	b, corrupt, err := w.produce(ctx, p, id, now)
	if err == nil && corrupt != nil { // first, so that it is never taken for good
		err = w.void(ctx, id, corrupt)
	}
	if err == nil {
		err = w.commit(ctx, b)
	}
	if corrupt != nil {
		err = errors.Join(corrupt, err)
	}
	if err != nil {
		return nil, fmt.Errorf("backup %s: %w", id, err)
	}
	return b, nil
}

// produce stores the content. An error of the source, which then is corrupt, is
// told apart.
func (w *Writer) produce(ctx context.Context, p Producer, id string, now time.Time) (b *Backup, corrupt, err error) {
	s, err := w.begin(ctx, p.Kind(), id, now)
	if err != nil {
		return nil, nil, err
	}
	defer s.stop(nil)
	details, err := p.Produce(s.ctx, s)
	var damage *CorruptError
	if errors.As(err, &damage) {
		corrupt = err
	} else if err != nil {
		s.fail(err)
	}
	if cause := context.Cause(ctx); cause != nil { // whatever else came of it
		s.fail(cause)
	}
	if err := s.finish(); err != nil {
		return nil, nil, err
	}
	b = s.backup
	if s.index == nil {
		return nil, nil, errors.New("the producer has added nothing")
	}
	if b.Details, err = json.Marshal(details); err != nil {
		return nil, nil, fmt.Errorf("details: %w", err)
	}
	for _, o := range s.stored {
		b.Stored += o.Size
	}
	for name := range maps.Keys(s.parents) {
		s.stored = append(s.stored, s.foreign[name])
		parent, _, _ := strings.Cut(strings.TrimPrefix(name, dataPrefix), "/")
		if !slices.Contains(b.Parents, parent) {
			b.Parents = append(b.Parents, parent)
		}
	}
	slices.Sort(b.Parents)
	slices.SortFunc(s.stored, func(a, b StoredObject) int { return cmp.Compare(a.Name, b.Name) })
	b.Objects, b.Ended = s.stored, time.Now().UTC()
	return b, corrupt, nil
}

func (w *Writer) begin(ctx context.Context, kind, id string, now time.Time) (*Session, error) {
	if nameElement.FindString(kind) == "" {
		return nil, fmt.Errorf("the producer's kind %q is no name", kind)
	}
	e := w.records.epoch
	content, err := age.ParseX25519Recipient(e.Content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", epochName, err)
	}
	packer, err := newPacker(w.options.Workers)
	if err != nil {
		return nil, err
	}
	s := &Session{
		store: w.records.store, writer: w, id: id, packer: packer, partSize: w.partSize, paths: newPaths(),
		content: []age.Recipient{content}, meta: []age.Recipient{content, w.records.recipient},
		slots: make(chan struct{}, cmp.Or(w.options.Parts, 4)), buffer: make([]byte, 256<<10),
		parents: map[string]bool{}, foreign: map[string]StoredObject{},
		backup: &Backup{
			Format: formatVersion, Repository: e.Repository, Epoch: e.Epoch, ID: id, Kind: kind,
			Host: w.options.Host, Started: now,
		},
	}
	s.ctx, s.stop = context.WithCancelCause(ctx)
	return s, nil
}

// MaxDuration is how long a backup may take: after it what was stored of it may
// be taken for abandoned, and the Writer does not commit it.
const MaxDuration = 7 * 24 * time.Hour

// commitTime bounds the commit. It is less than any sensible grace of a Keeper:
// a record that is stored after the Keeper has looked is stored by a Writer that
// still looks for the tombstone, or has been killed in this time.
const commitTime = time.Hour

// commit makes the backup exist, unless what it refers to is going.
func (w *Writer) commit(ctx context.Context, b *Backup) error {
	if took := b.Ended.Sub(b.Started); took > MaxDuration {
		return fmt.Errorf("it took %s, more than %s", took, MaxDuration)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, commitTime, fmt.Errorf("the commit took more than %s", commitTime))
	defer cancel()
	if err := errors.Join(present(ctx, w.records.store, b)...); err != nil {
		return fmt.Errorf("the store does not hold what it has taken: %w", err)
	}
	if err := w.parentsStay(ctx, b); err != nil {
		return err
	}
	if err := w.records.put(ctx, recordName(b.ID, recordBackup), recordBackup, w.key.signing(), b); err != nil {
		return &UncertainError{ID: b.ID, Err: err}
	}
	// The Keeper writes a tombstone, waits, and reads the records again before it
	// deletes. So either it sees this record, or this sees the tombstone.
	if err := w.parentsStay(ctx, b); err != nil {
		// Also where the caller has no more time: the record is there.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), voidTime)
		defer cancel()
		if voidErr := w.void(ctx, b.ID, err); voidErr != nil {
			return &UncertainError{ID: b.ID, Err: errors.Join(err, voidErr)}
		}
		return err
	}
	return nil
}

// voidTime bounds how long a Writer tries to take a backup back.
const voidTime = time.Minute

// void says that a backup is worthless, and why.
func (w *Writer) void(ctx context.Context, id string, reason error) error {
	v := void{Backup: id, Time: time.Now().UTC(), Reason: reason.Error()}
	return w.records.put(ctx, recordName(id, recordVoid), recordVoid, w.key.signing(), v)
}

// UncertainError reports a record whose Put failed, so that nobody knows
// whether the backup exists, or whether it was taken back; [Writer.List] tells,
// once the store answers again.
type UncertainError struct {
	ID  string
	Err error
}

// Error names the backup and the cause.
func (e *UncertainError) Error() string {
	return fmt.Sprintf("it may or may not exist, list the backups to see: %v", e.Err)
}

// Unwrap returns the cause.
func (e *UncertainError) Unwrap() error { return e.Err }

// parentsStay refuses parents that are gone, or that the Keeper has given up.
func (w *Writer) parentsStay(ctx context.Context, b *Backup) error {
	for _, id := range b.Parents {
		for _, kind := range []recordKind{recordTombstone, recordVoid} {
			_, err := getSmall(ctx, w.records.store, recordName(id, kind))
			if err == nil {
				return fmt.Errorf("backup %s, which it refers to, has a %s: make a full one", id, kind)
			}
			if !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		if _, err := getSmall(ctx, w.records.store, recordName(id, recordBackup)); err != nil {
			return fmt.Errorf("backup %s, which it refers to: %w", id, err)
		}
	}
	return nil
}
