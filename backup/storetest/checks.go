package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/masaruk/devops/backup"
)

// content: what is stored comes back, of any length, also one that a bucket
// takes in several parts.
func content(ctx context.Context, s *store) error {
	for _, size := range []int{0, 1, 64<<10 + 1, 17<<20 + 3} {
		body, name := random(size), fmt.Sprint("size/", size)
		if err := s.put(ctx, name, body); err != nil {
			return err
		}
		if err := s.mustHold(ctx, name, body); err != nil {
			return err
		}
		for o, err := range s.List(ctx, s.prefix+name) {
			if err != nil {
				return err
			}
			if o.Name == s.prefix+name && (o.Size != int64(size) || o.Created.IsZero()) {
				return fmt.Errorf("List says that %s has %d bytes and is of %s; it has %d", name, o.Size, o.Created, size)
			}
		}
	}
	return nil
}

// missing: there is a standard error for what is not there.
func missing(ctx context.Context, s *store) error {
	if err := s.put(ctx, "a/b", []byte("x")); err != nil {
		return err
	}
	var errs []error
	for _, name := range []string{"none", "a", "a/b/c", "a/B"} {
		_, err := s.read(ctx, name, 0, -1)
		errs = append(errs, wantError("Get of "+name, err, fs.ErrNotExist, "get"))
	}
	return errors.Join(errs...)
}

// neverTwice: a name that is taken keeps its object.
func neverTwice(ctx context.Context, s *store) error {
	for _, size := range []int{10, 10 << 20} {
		first, name := random(size), fmt.Sprint("n", size)
		if err := s.put(ctx, name, first); err != nil {
			return err
		}
		for _, again := range []int{5, 12 << 20} {
			if err := wantError("Put of a name that is taken", s.put(ctx, name, random(again)), fs.ErrExist, "put"); err != nil {
				return err
			}
			if err := s.mustHold(ctx, name, first); err != nil {
				return fmt.Errorf("after a Put that was refused: %w", err)
			}
		}
	}
	return nil
}

// racing: of several that store under one name at the same time one does.
func racing(ctx context.Context, s *store) error {
	const racers = 8
	bodies, errs := make([][]byte, racers), make([]error, racers)
	var group sync.WaitGroup
	for i := range racers {
		bodies[i] = bytes.Repeat([]byte{byte(i)}, 1<<18)
		group.Go(func() { errs[i] = s.put(ctx, "one", bodies[i]) })
	}
	group.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner >= 0:
			return fmt.Errorf("two of the same name were stored, %d and %d", winner, i)
		case err == nil:
			winner = i
		case !errors.Is(err, fs.ErrExist):
			return err
		}
	}
	if winner < 0 {
		return errors.New("each was told that another had the name")
	}
	return s.mustHold(ctx, "one", bodies[winner])
}

// ranges: any part can be read, and none beyond the end.
func ranges(ctx context.Context, s *store) error {
	body := random(1000)
	if err := errors.Join(s.put(ctx, "o", body), s.put(ctx, "empty", nil)); err != nil {
		return err
	}
	for _, c := range []struct{ offset, length, from, to int64 }{
		{0, -1, 0, 1000},
		{0, 1000, 0, 1000},
		{0, 5000, 0, 1000},
		{0, 1, 0, 1},
		{10, 20, 10, 30},
		{990, 20, 990, 1000},
		{999, -1, 999, 1000},
		{1000, -1, 0, 0},
		{5000, 10, 0, 0},
		{10, 0, 0, 0},
		{0, 0, 0, 0},
	} {
		got, err := s.read(ctx, "o", c.offset, c.length)
		if err != nil {
			return fmt.Errorf("Get(offset %d, length %d): %w", c.offset, c.length, err)
		}
		if !bytes.Equal(got, body[c.from:c.to]) {
			return fmt.Errorf("Get(offset %d, length %d) gives %d bytes, want those from %d to %d", c.offset, c.length, len(got), c.from, c.to)
		}
		if got, err = s.read(ctx, "empty", c.offset, c.length); err != nil || len(got) != 0 {
			return fmt.Errorf("Get(offset %d, length %d) of an empty object: %d bytes, %w", c.offset, c.length, len(got), err)
		}
	}
	if _, err := s.read(ctx, "o", -1, 1); err == nil {
		return errors.New("Get takes a negative offset")
	}
	return nil
}

// list: by name, as bytes, and by any beginning.
func list(ctx context.Context, s *store) error {
	all := []string{"B", "a", "a-b", "a.b", "a0", "ab", "b/1", "b/10", "b/2", "b/c/d", "b-", "c"}
	slices.Sort(all)
	for _, name := range slices.Backward(all) {
		if err := s.put(ctx, name, []byte(name)); err != nil {
			return err
		}
	}
	var errs []error
	for _, prefix := range []string{"", "a", "b", "b/", "b/1", "b/c", "b/c/", "b/c/d", "none", "none/", "b/none/"} {
		want := slices.DeleteFunc(slices.Clone(all), func(name string) bool { return !strings.HasPrefix(name, prefix) })
		errs = append(errs, s.mustList(ctx, prefix, want...))
	}
	for o, err := range s.List(ctx, s.prefix) { // and can be left
		if err != nil || o.Name == "" {
			errs = append(errs, fmt.Errorf("List yields %q, %w", o.Name, err))
		}
		break
	}
	return errors.Join(errs...)
}

// longList: more than a page of a bucket.
func longList(ctx context.Context, s *store) error {
	objects := s.page + 50
	var mu sync.Mutex
	var errs []error
	var want []string
	slots := make(chan struct{}, 16)
	var group sync.WaitGroup
	for i := range objects {
		name := fmt.Sprintf("o%04d", i)
		want = append(want, name)
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if err := s.put(ctx, name, nil); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
		})
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	got, err := s.names(ctx, "")
	if err != nil {
		return err
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("List yields %d names, or in another order, of %d objects", len(got), objects)
	}
	return nil
}

// deletes: what is deleted is gone at once, and to delete nothing is no error.
func deletes(ctx context.Context, s *store) error {
	if err := errors.Join(s.put(ctx, "d/one", nil), s.put(ctx, "d/two", []byte("2"))); err != nil {
		return err
	}
	for range 2 {
		if err := s.Delete(ctx, s.prefix+"d/one"); err != nil {
			return err
		}
	}
	if err := errors.Join(s.Delete(ctx, s.prefix+"never"), s.Delete(ctx, s.prefix+"d/two/three")); err != nil {
		return err
	}
	_, err := s.read(ctx, "d/one", 0, -1)
	if err := wantError("Get of what was deleted", err, fs.ErrNotExist, "get"); err != nil {
		return err
	}
	if err := s.mustList(ctx, "", "d/two"); err != nil {
		return err
	}
	if err := s.Delete(ctx, s.prefix+"d/two"); err != nil {
		return err
	}
	// No folder is in the way of anything.
	if err := s.put(ctx, "d", []byte("d")); err != nil {
		return err
	}
	return s.mustHold(ctx, "d", []byte("d"))
}

var errBody = errors.New("storetest: the body ends here")

// failingBody: of an object that cannot be read to its end nothing is stored.
func failingBody(ctx context.Context, s *store) error {
	for i, size := range []int{0, 100, 100, 6 << 20, 9<<20 + 1} {
		want := []error{errBody, io.ErrUnexpectedEOF}[i%2] // the latter is no end either
		body := io.MultiReader(bytes.NewReader(random(size)), failing{want})
		if err := wantError(fmt.Sprintf("Put of a body that fails after %d bytes", size), s.Put(ctx, s.prefix+"f", body), want, "put"); err != nil {
			return err
		}
		if err := s.mustList(ctx, ""); err != nil {
			return fmt.Errorf("after a body that failed: %w", err)
		}
	}
	if err := s.put(ctx, "f", []byte("whole")); err != nil {
		return fmt.Errorf("after bodies that failed: %w", err)
	}
	return s.mustHold(ctx, "f", []byte("whole"))
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

var errEnded = errors.New("storetest: the context has ended")

// endedContext: nothing happens any more, and the cause is told.
func endedContext(ctx context.Context, s *store) error {
	if err := s.put(ctx, "there", []byte("x")); err != nil {
		return err
	}
	ended, cancel := context.WithCancelCause(ctx)
	cancel(errEnded)
	_, getErr := s.read(ended, "there", 0, -1)
	_, listErr := s.names(ended, "")
	return errors.Join(
		wantError("Put", s.put(ended, "new", []byte("x")), errEnded, "put"),
		wantError("Get", getErr, errEnded, "get"),
		wantError("List", listErr, errEnded, "list"),
		wantError("Delete", s.Delete(ended, s.prefix+"there"), errEnded, "delete"),
		s.mustList(ctx, "", "there"),
	)
}

// names: what is no name is refused everywhere, and never leads elsewhere.
func names(ctx context.Context, s *store) error {
	var errs []error
	for _, name := range []string{"", "/", "a/", "/a", "a//b", ".", "..", "../a", "a/../b", ".a", "a/.b", "a b", "a\\b", "ä", "a\x00", strings.Repeat("a", 201)} {
		_, err := s.Get(ctx, name, 0, -1)
		errs = append(errs,
			wantError(fmt.Sprintf("Put of %q", name), s.Put(ctx, name, strings.NewReader("x")), backup.ErrName, "put"),
			wantError(fmt.Sprintf("Get of %q", name), err, backup.ErrName, "get"),
			wantError(fmt.Sprintf("Delete of %q", name), s.Delete(ctx, name), backup.ErrName, "delete"))
	}
	for _, name := range []string{"A_z-0.9", strings.Repeat("x/", 20) + "y", "-", "_", "con", "a..b"} {
		if err := s.put(ctx, name, []byte(name)); err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, s.mustHold(ctx, name, []byte(name)))
	}
	return errors.Join(errs...)
}

// concurrent: several use it at the same time.
func concurrent(ctx context.Context, s *store) error {
	errs := make([]error, 16)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() {
			name, body := fmt.Sprintf("c/%d", i), random(1000*i)
			errs[i] = errors.Join(s.put(ctx, name, body), s.mustHold(ctx, name, body), s.Delete(ctx, s.prefix+name))
		})
	}
	group.Wait()
	return errors.Join(append(errs, s.mustList(ctx, ""))...)
}

// sweep: of a store that can, it disturbs nothing that is whole or young.
func sweep(ctx context.Context, s *store) error {
	sweeper, ok := s.Store.(backup.Sweeper)
	if !ok {
		return nil
	}
	old, young := random(100), random(6<<20)
	if err := s.put(ctx, "old", old); err != nil {
		return err
	}
	body, w := io.Pipe()
	put := make(chan error, 1)
	go func() {
		err := s.Put(ctx, s.prefix+"young", body)
		put <- errors.Join(err, body.CloseWithError(errors.New("storetest: Put has returned")))
	}()
	_, err := w.Write(young) // the Put is at work
	if err == nil {
		err = sweeper.Sweep(ctx, time.Now().Add(-time.Hour))
	}
	_ = w.CloseWithError(err) // a nil error is the end
	if err = errors.Join(err, <-put); err != nil {
		return fmt.Errorf("a Put during a Sweep: %w", err)
	}
	return errors.Join(s.mustHold(ctx, "old", old), s.mustHold(ctx, "young", young))
}
