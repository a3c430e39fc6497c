package backup

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"

	"filippo.io/age"
)

// defaultPart is how much plain content a part has at least, in bytes, but for
// the last: it ends behind the file that reaches it.
const defaultPart = 64 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Session is a backup in the making. A [Producer] gets it and adds files, on
// one goroutine; what it adds is compressed, encrypted and stored meanwhile.
type Session struct {
	ctx     context.Context
	stop    context.CancelCauseFunc
	store   Store
	writer  *Writer
	id      string
	content []age.Recipient // of parts
	meta    []age.Recipient // of the index
	packer  *packer
	slots   chan struct{} // for parts that are stored at the same time

	partSize int64

	part    *stream
	tar     *tar.Writer
	index   *stream
	entries *json.Encoder
	backup  *Backup
	paths   *paths
	parents map[string]bool
	foreign map[string]StoredObject // of parents, referred to

	waiting sync.WaitGroup
	mu      sync.Mutex
	stored  []StoredObject
	err     error // the first
	buffer  []byte
}

// ID is the name that the backup will have.
func (s *Session) ID() string { return s.id }

// fail keeps the first error and stops what runs.
func (s *Session) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil && err != nil {
		s.err = err
		s.stop(err)
	}
}

// cause is why the session cannot go on, or err where nothing else is known.
func (s *Session) cause(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	return err
}

// Add stores one file, directory or link. Of a file it reads exactly e.Size
// bytes from body, and fails where there are less; Add sets e.CRC32C and
// e.Object, and returns the entry as the index has it. After an error the
// session is over. Nothing is stored under its name until the Writer has the
// whole backup.
func (s *Session) Add(e Entry, body io.Reader) (Entry, error) { return s.AddChecked(e, body, nil) }

// AddChecked adds a file as [Session.Add] does, and asks check, when all of body
// was read, for the SHA-256 of the content in hex, which becomes e.SHA256. Where
// check has an error instead, the file is not in the backup: the error is
// returned as it is, the session goes on, and the path may be added again. Its
// bytes stay in the store with the part that holds them, and nothing lists them.
func (s *Session) AddChecked(e Entry, body io.Reader, check func() (sha256 string, err error)) (Entry, error) {
	err := e.validate()
	if err == nil {
		err = s.paths.add(&e)
	}
	if err != nil {
		return e, s.over(err)
	}
	if err := s.openPart(); err != nil {
		return e, s.over(err)
	}
	e.Object, e.CRC32C = s.part.name, ""
	if err := s.tar.WriteHeader(e.header()); err != nil {
		return e, s.over(fmt.Errorf("%s: %w", e.Path, err))
	}
	if e.Type == EntryFile {
		sum, err := s.copy(e, body)
		if err != nil {
			return e, s.over(err)
		}
		e.CRC32C = fmt.Sprintf("%08x", sum)
		if check != nil {
			if e.SHA256, err = check(); err != nil {
				return e, s.withdraw(&e, err)
			}
		}
	}
	if err := s.list(e); err != nil {
		return e, s.over(err)
	}
	if s.part.plain >= s.partSize {
		if err := s.closePart(); err != nil {
			return e, s.over(err)
		}
	}
	return e, nil
}

// withdraw leaves out a file whose content is in the open part. The part ends
// here, so that the next attempt is in another one: in one part a path stands for
// one file.
func (s *Session) withdraw(e *Entry, why error) error {
	s.paths.remove(e)
	if err := s.closePart(); err != nil {
		return s.over(err)
	}
	return why
}

// over notes that the session cannot go on, and returns the first cause.
func (s *Session) over(err error) error {
	err = s.cause(err)
	s.fail(err)
	return err
}

func (s *Session) copy(e Entry, body io.Reader) (uint32, error) {
	sum, left := uint32(0), e.Size
	for left > 0 {
		n, err := io.ReadFull(body, s.buffer[:min(left, int64(len(s.buffer)))])
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = fmt.Errorf("has %d bytes less than its size of %d: %w", left-int64(n), e.Size, io.ErrUnexpectedEOF)
			}
			return 0, fmt.Errorf("%s: %w", e.Path, err)
		}
		sum = crc32.Update(sum, castagnoli, s.buffer[:n])
		if _, err := s.tar.Write(s.buffer[:n]); err != nil {
			return 0, fmt.Errorf("%s: %w", e.Path, err)
		}
		left -= int64(n)
	}
	return sum, nil
}

// list writes the entry into the index.
func (s *Session) list(e Entry) error {
	if s.index == nil {
		s.index = newStream(s.ctx, s.packer, s.store, s.objectName(ObjectIndex), ObjectIndex, s.meta...)
		s.await(s.index, nil)
		s.entries = json.NewEncoder(s.index)
		s.entries.SetEscapeHTML(false)
	}
	if e.Type == EntryFile {
		s.backup.Files++
		s.backup.Bytes += e.Size
	}
	return s.entries.Encode(e)
}

// Refer lists a file that an earlier backup holds, with the content it has
// there: an entry that the index of the earlier one has. The object is one of
// those that its record names.
func (s *Session) Refer(e Entry, parent *Backup) error {
	err := e.validate()
	if err == nil {
		err = s.paths.add(&e)
	}
	if err == nil {
		err = s.refer(e, parent)
	}
	if err != nil {
		return s.over(err)
	}
	return nil
}

func (s *Session) refer(e Entry, parent *Backup) error {
	if parent.Repository != s.backup.Repository || parent.Epoch != s.backup.Epoch {
		return fmt.Errorf("%s: backup %s is of another repository", e.Path, parent.ID)
	}
	if _, known := s.foreign[e.Object]; !known {
		for _, o := range parent.Objects {
			if o.Role == ObjectPart {
				s.foreign[o.Name] = o
			}
		}
		if _, known = s.foreign[e.Object]; !known {
			return fmt.Errorf("%s: backup %s holds no part %q", e.Path, parent.ID, e.Object)
		}
	}
	s.parents[e.Object] = true
	return s.list(e)
}

// openPart begins a part where none is open.
func (s *Session) openPart() error {
	if s.part != nil {
		return nil
	}
	select {
	case s.slots <- struct{}{}:
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	}
	s.part = newStream(s.ctx, s.packer, s.store, s.objectName(ObjectPart), ObjectPart, s.content...)
	s.await(s.part, s.slots)
	s.tar = tar.NewWriter(s.part)
	return nil
}

func (s *Session) closePart() error {
	if s.part == nil {
		return nil
	}
	err := s.tar.Close()
	s.part.finish()
	s.part, s.tar = nil, nil
	return err
}

// await takes the result of a stream when it comes.
func (s *Session) await(st *stream, slots chan struct{}) {
	s.waiting.Go(func() {
		res := <-st.result
		if slots != nil {
			<-slots
		}
		if res.err != nil {
			s.fail(res.err)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.stored = append(s.stored, res.object)
	})
}

func (s *Session) objectName(role ObjectRole) string {
	suffix := ".tar.zst.age"
	if role == ObjectIndex {
		suffix = ".jsonl.zst.age"
	}
	return dataPrefix + s.id + "/" + randomName(16) + suffix
}

// finish ends all streams and waits for them.
func (s *Session) finish() error {
	err := s.closePart()
	if s.index != nil {
		s.index.finish()
	}
	if err != nil {
		s.fail(err)
	}
	s.waiting.Wait()
	s.packer.close()
	if err := s.cause(nil); err != nil {
		return err
	}
	return context.Cause(s.ctx)
}
