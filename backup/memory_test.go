package backup_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/internal/durable"
)

// generated is a Producer of size bytes in files of 16 MiB, which nobody holds.
type generated struct {
	size  int64
	block []byte // the content of each file; nil is generated
}

func (generated) Kind() string { return "generated" }

func (g generated) Produce(_ context.Context, s *backup.Session) (any, error) {
	const file = 16 << 20
	for i := range g.size / file {
		e := backup.Entry{Path: fmt.Sprint("file", i), Type: backup.EntryFile, Mode: 0o600, Size: file}
		body := io.Reader(&counting{})
		if g.block != nil {
			body = bytes.NewReader(g.block)
		}
		if _, err := s.Add(e, body); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// rows are 16 MiB that compress about as well as a table does.
func rows() []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	for b.Len() < 16<<20 {
		fmt.Fprintf(&b, "%d|%d|customer %d|%016x|pending payment\x00\x00\x00\x00", b.Len(), rng.IntN(1000), rng.IntN(1e6), rng.Uint64())
	}
	return b.Bytes()[:16<<20]
}

// counting yields bytes that compress well and are never the same for long.
type counting struct{ n uint64 }

func (c *counting) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		n += copy(p[n:], bytes.Repeat([]byte{byte(c.n)}, min(4096, len(p)-n)))
		c.n++
	}
	return n, nil
}

// discarding is a file system that keeps no content of the files.
type discarding struct {
	durable.OS
	wrote atomic.Int64
}

type discarded struct {
	durable.File
	of *discarding
}

func (d *discarding) OpenFile(name string, flag int, perm fs.FileMode) (durable.File, error) {
	f, err := d.OS.OpenFile(name, flag, perm)
	if err != nil || !strings.HasPrefix(filepath.Base(name), "file") {
		return f, err
	}
	return &discarded{f, d}, nil
}

func (d *discarded) Write(p []byte) (int, error) {
	d.of.wrote.Add(int64(len(p)))
	return len(p), nil
}

// peak returns the most bytes of heap that were in use while do ran.
func peak(do func()) uint64 {
	runtime.GC()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	done, most := make(chan struct{}), make(chan uint64)
	go func() {
		tick, high := time.NewTicker(2*time.Millisecond), uint64(0)
		defer tick.Stop()
		for {
			metrics.Read(sample)
			high = max(high, sample[0].Value.Uint64())
			select {
			case <-done:
				most <- high
				return
			case <-tick.C:
			}
		}
	}()
	do()
	close(done)
	return <-most
}

// Four times the content takes no more memory, neither to back up nor to restore.
func TestMemoryIsBounded(t *testing.T) {
	small := int64(32 << 20)
	if exhaustive() {
		small = 256 << 20
	}
	var made, restored [2]uint64
	for i, size := range []int64{small, 4 * small} {
		repo := newRepository(t)
		w, err := backup.OpenWriter(t.Context(), repo.store, repo.keys.Writer, &backup.WriterOptions{Workers: 2})
		require.NoError(t, err)
		w.SetPartSize(16 << 20)
		made[i] = peak(func() {
			b, err := w.Backup(t.Context(), generated{size: size})
			require.NoError(t, err)
			require.Equal(t, size, b.Bytes)
		})
		r, err := backup.OpenReader(t.Context(), repo.store, repo.identity, &backup.ReaderOptions{Parallel: 4})
		require.NoError(t, err)
		to := &discarding{}
		r.SetFS(to)
		restored[i] = peak(func() {
			_, err := r.Restore(t.Context(), "", filepath.Join(t.TempDir(), "new"), nil)
			require.NoError(t, err)
		})
		require.Equal(t, size, to.wrote.Load())
	}
	t.Logf("MiB of heap at %d and %d MiB: backup %d and %d, restore %d and %d", small>>20, 4*small>>20,
		made[0]>>20, made[1]>>20, restored[0]>>20, restored[1]>>20)
	for _, p := range [][2]uint64{made, restored} {
		require.Less(t, p[1], p[0]+p[0]/2+32<<20)
		require.Less(t, p[1], uint64(256<<20))
	}
}

// What a backup of n bytes costs beside a plain copy of them: see the ratio.
func BenchmarkBackup(b *testing.B) {
	repo := newRepository(b)
	for b.Loop() {
		w, err := backup.OpenWriter(b.Context(), discardStore{repo.store}, repo.keys.Writer, nil)
		require.NoError(b, err)
		_, err = w.Backup(b.Context(), generated{256 << 20, rows()})
		require.Error(b, err, "the store keeps nothing, which is found")
	}
	b.SetBytes(256 << 20)
}

// discardStore keeps no data.
type discardStore struct{ backup.Store }

func (d discardStore) Put(ctx context.Context, name string, body io.Reader) error {
	if strings.HasPrefix(name, "data/") {
		_, err := io.Copy(io.Discard, body)
		return err
	}
	return d.Store.Put(ctx, name, body)
}

func BenchmarkRestore(b *testing.B) {
	repo := newRepository(b)
	w, err := backup.OpenWriter(b.Context(), repo.store, repo.keys.Writer, nil)
	require.NoError(b, err)
	_, err = w.Backup(b.Context(), generated{256 << 20, rows()})
	require.NoError(b, err)
	r, err := backup.OpenReader(b.Context(), repo.store, repo.identity, nil)
	require.NoError(b, err)
	r.SetFS(&discarding{})
	for b.Loop() {
		_, err := r.Restore(b.Context(), "", filepath.Join(b.TempDir(), "new"), nil)
		require.NoError(b, err)
	}
	b.SetBytes(256 << 20)
}
