package backup

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"runtime"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
)

// chunkSize is how much plain content one zstd frame holds, in bytes. Frames
// are compressed at the same time and follow each other in order, which any
// zstd reads as one stream.
const chunkSize = 4 << 20

// chunk is the content of one frame on its way.
type chunk struct {
	plain  []byte
	packed []byte
	err    error
	ready  chan struct{} // closed when packed or err is set
}

// packer compresses chunks on several goroutines. It has a fixed number of
// chunks, which bounds its memory: who wants one waits until one is free.
type packer struct {
	free chan *chunk
	jobs chan *chunk
	done chan struct{} // closed when all goroutines have ended
}

// newPacker starts the goroutines; close ends them.
func newPacker(workers int) (*packer, error) {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	chunks := 3*workers + 4
	p := &packer{free: make(chan *chunk, chunks), jobs: make(chan *chunk, chunks), done: make(chan struct{})}
	for range chunks {
		p.free <- &chunk{}
	}
	ended := make(chan struct{}, workers)
	for range workers {
		f, err := newFramer()
		if err != nil {
			close(p.jobs)
			return nil, err
		}
		go func() {
			defer func() { ended <- struct{}{} }()
			for c := range p.jobs {
				c.packed, c.err = f.pack(c.packed[:0], c.plain)
				close(c.ready)
			}
		}()
	}
	go func() {
		for range workers {
			<-ended
		}
		close(p.done)
	}()
	return p, nil
}

func (p *packer) close() {
	close(p.jobs)
	<-p.done
}

// take returns an empty chunk.
func (p *packer) take(ctx context.Context) (*chunk, error) {
	select {
	case c := <-p.free:
		if c.plain == nil {
			c.plain = make([]byte, 0, chunkSize)
		}
		c.plain, c.ready = c.plain[:0], make(chan struct{})
		return c, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// framer makes frames, and reads each again before it is believed: a
// compressor with a bug would otherwise be found at the restore.
type framer struct {
	enc   *zstd.Encoder
	dec   *zstd.Decoder
	check []byte
}

func newFramer() (*framer, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(true))
	if err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(2*chunkSize))
	if err != nil {
		return nil, err
	}
	return &framer{enc: enc, dec: dec}, nil
}

var errEncoder = errors.New("what was compressed is not what comes out again: the compressor or the memory is faulty; nothing of it was stored")

func (f *framer) pack(dst, plain []byte) ([]byte, error) {
	dst = f.enc.EncodeAll(plain, dst)
	var err error
	if f.check, err = f.dec.DecodeAll(dst, f.check[:0]); err != nil || !bytes.Equal(f.check, plain) {
		return dst, errors.Join(errEncoder, err)
	}
	return dst, nil
}

// stream is one object in the making: what is written to it is cut into
// chunks, compressed, encrypted in order, and stored. It is used by one
// goroutine.
type stream struct {
	ctx    context.Context
	packer *packer
	name   string
	now    *chunk
	order  chan *chunk
	result chan streamResult
	plain  int64
	broken chan struct{} // closed when nothing more is taken
	err    error         // why, once broken is closed
}

type streamResult struct {
	object StoredObject
	err    error
}

// newStream begins to store an object.
func newStream(ctx context.Context, p *packer, store Store, name string, role ObjectRole, to ...age.Recipient) *stream {
	s := &stream{
		ctx: ctx, packer: p, name: name,
		order: make(chan *chunk, cap(p.free)), result: make(chan streamResult, 1), broken: make(chan struct{}),
	}
	go func() {
		object, err := s.store(store, to)
		object.Role = role
		if err != nil {
			err = fmt.Errorf("object %s: %w", name, err)
		}
		s.err = cmp.Or(err, errBroken)
		close(s.broken)
		for c := range s.order { // what nobody takes any more
			<-c.ready
			p.free <- c
		}
		s.result <- streamResult{object, err}
	}()
	return s
}

// Write takes content; it fails, with the cause, when the object cannot be
// stored any more.
func (s *stream) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		if s.now == nil {
			select {
			case <-s.broken:
				return n, s.err
			default:
			}
			if s.now, err = s.packer.take(s.ctx); err != nil {
				return n, err
			}
		}
		took := min(len(p), chunkSize-len(s.now.plain))
		s.now.plain = append(s.now.plain, p[:took]...)
		n, p, s.plain = n+took, p[took:], s.plain+int64(took)
		if len(s.now.plain) == chunkSize {
			s.send()
		}
	}
	return n, nil
}

var errBroken = errors.New("the object cannot be stored")

// send hands the chunk on. The channels hold as many as there are.
func (s *stream) send() {
	c := s.now
	s.now = nil
	s.packer.jobs <- c
	s.order <- c
}

// finish ends the content. The result follows on s.result.
func (s *stream) finish() {
	if s.now != nil {
		s.send()
	}
	close(s.order)
}

// store reads the chunks in order, encrypts them, and stores the result.
func (s *stream) store(store Store, to []age.Recipient) (StoredObject, error) {
	ctx, cancel := context.WithCancelCause(s.ctx)
	defer cancel(nil)
	r, w := io.Pipe()
	put := make(chan error, 1)
	go func() {
		err := store.Put(ctx, s.name, r)
		if err == nil { // a Put that ends before its body does has not stored it
			if n, _ := r.Read(make([]byte, 1)); n > 0 {
				err = errors.New("the store took a part of the object for the whole")
			}
		}
		_ = r.CloseWithError(errors.Join(errBroken, err))
		put <- err
	}()
	sum := &summed{to: w, sum: sha256.New()}
	err := s.encrypt(sum, to)
	if err != nil {
		_ = w.CloseWithError(err)
		cancel(err)
	} else {
		_ = w.Close()
	}
	object := StoredObject{Name: s.name, Size: sum.n, SHA256: hex.EncodeToString(sum.sum.Sum(nil))}
	if putErr := <-put; putErr != nil {
		if err == nil && errors.Is(putErr, fs.ErrExist) {
			putErr = sameObject(s.ctx, store, object, putErr)
		}
		err = cmp.Or(putErr, err) // the cause, where the pipe broke
	}
	return object, err
}

func (s *stream) encrypt(to io.Writer, recipients []age.Recipient) error {
	sealed, err := age.Encrypt(to, recipients...)
	if err != nil {
		return err
	}
	for {
		var c *chunk
		var ok bool
		select {
		case c, ok = <-s.order:
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		}
		if !ok {
			return sealed.Close()
		}
		<-c.ready
		if err = c.err; err == nil {
			_, err = sealed.Write(c.packed)
		}
		s.packer.free <- c
		if err != nil {
			return err
		}
	}
}

// summed hashes and counts what goes through it.
type summed struct {
	to  io.Writer
	sum hash.Hash
	n   int64
}

func (s *summed) Write(p []byte) (int, error) {
	n, err := s.to.Write(p)
	s.sum.Write(p[:n])
	s.n += int64(n)
	return n, err
}
