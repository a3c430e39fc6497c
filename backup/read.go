package backup

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"path"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
)

// read opens an object, hands its plain content to use, and then makes sure
// that what was stored is what the record says, to the last byte.
func (r *Reader) read(ctx context.Context, o StoredObject, use func(*bufio.Reader) error) error {
	body, err := r.store.Get(ctx, o.Name, 0, -1)
	if err != nil {
		return err
	}
	sum := &hashed{from: body, sum: sha256.New(), name: o.Name}
	err = r.decode(ctx, sum, use)
	if err == nil { // the rest, which is none unless somebody has added it
		_, err = io.Copy(io.Discard, io.LimitReader(sum, 1<<20))
	}
	if err = errors.Join(err, body.Close()); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.sum.Sum(nil)); got != o.SHA256 || sum.n != o.Size {
		return fmt.Errorf("%w: it has %d bytes with the SHA-256 %s, stored were %d with %s", ErrDamaged, sum.n, got, o.Size, o.SHA256)
	}
	return nil
}

func (r *Reader) decode(ctx context.Context, from io.Reader, use func(*bufio.Reader) error) error {
	plain, err := age.Decrypt(bufio.NewReaderSize(from, 256<<10), r.content)
	if err != nil {
		return err
	}
	dec, err := r.decoder(plain)
	if err != nil {
		return err
	}
	defer func() {
		if dec.Reset(nil) == nil { // it lets go of what it has read from
			r.decoders.Put(dec)
		}
	}()
	content := bufio.NewReaderSize(&stopped{ctx, dec}, 256<<10)
	if err := use(content); err != nil {
		return err
	}
	// To the end: only there the last frame and the last chunk are checked.
	switch n, err := io.Copy(io.Discard, io.LimitReader(content, maxPadding+1)); {
	case err != nil:
		return err
	case n > maxPadding:
		return errors.New("something follows its content")
	}
	return nil
}

// decoder returns one that was used before, or a new one: each holds a window
// of some MiB.
func (r *Reader) decoder(from io.Reader) (*zstd.Decoder, error) {
	if dec, ok := r.decoders.Get().(*zstd.Decoder); ok {
		return dec, dec.Reset(from)
	}
	return zstd.NewReader(from, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(2*chunkSize), zstd.WithDecoderLowmem(true))
}

// maxPadding is what may follow the last entry of an archive: its end marker,
// filled up as some writers do.
const maxPadding = 1 << 20

// readPart hands each of the entries that the part holds to use, and makes sure
// that none is missing. What else is in the part belongs to the backup that made
// it, and is read over.
func (r *Reader) readPart(ctx context.Context, o StoredObject, entries []Entry, use func(Entry, io.Reader) error) error {
	want := make(map[string]Entry, len(entries))
	for _, e := range entries {
		want[e.Path] = e
	}
	err := r.read(ctx, o, func(content *bufio.Reader) error {
		archive := tar.NewReader(content)
		for {
			h, err := archive.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			e, ok := want[path.Clean(h.Name)]
			if !ok { // of the backup that made the part, and not of this one
				continue
			}
			if !e.matches(h) {
				return fmt.Errorf("%s is not what the index says", e.Path)
			}
			delete(want, e.Path)
			sum := &checked{from: archive}
			if err := use(e, sum); err != nil {
				return fmt.Errorf("%s: %w", e.Path, err)
			}
			if err := sum.matches(e); err != nil {
				return err
			}
		}
		for name := range want {
			return fmt.Errorf("%s is missing, and %d in all", name, len(want))
		}
		return nil
	})
	if err != nil {
		return damaged(o.Name, err)
	}
	return nil
}

// hashed hashes and counts what is read through it, and marks errors as the
// store's.
type hashed struct {
	name string
	from io.Reader
	sum  hash.Hash
	n    int64
}

func (h *hashed) Read(p []byte) (int, error) {
	n, err := h.from.Read(p)
	h.sum.Write(p[:n])
	h.n += int64(n)
	var store *StoreError
	if err != nil && err != io.EOF && !errors.As(err, &store) {
		err = &StoreError{Op: "get", Name: h.name, Err: err}
	}
	return n, err
}

// checked computes the checksum of a file's content.
type checked struct {
	from io.Reader
	sum  uint32
	n    int64
}

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.sum = crc32.Update(c.sum, castagnoli, p[:n])
	c.n += int64(n)
	return n, err
}

// matches tells whether all of the content was read and is that of the entry.
func (c *checked) matches(e Entry) error {
	if e.Type != EntryFile {
		return nil
	}
	if got := fmt.Sprintf("%08x", c.sum); c.n != e.Size || got != e.CRC32C {
		return fmt.Errorf("%w: %s has %d bytes with the checksum %s, the index says %d with %s", ErrDamaged, e.Path, c.n, got, e.Size, e.CRC32C)
	}
	return nil
}

// stopped ends with the cause of its context.
type stopped struct {
	ctx  context.Context
	from io.Reader
}

func (s *stopped) Read(p []byte) (int, error) {
	if err := context.Cause(s.ctx); err != nil {
		return 0, err
	}
	return s.from.Read(p)
}
