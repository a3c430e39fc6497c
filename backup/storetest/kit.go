package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/masaruk/devops/backup"
)

// Options adjust [Run].
type Options struct {
	// Page is how many objects the store gets to know by one request of a list;
	// 1000, which is what S3 gives, if 0. The long list stores more than that.
	Page int
}

const defaultPage = 1000

// Run proves the stores that newStore makes, each check in a subtest with a
// store of its own; they may share storage, such as a user's real bucket: every
// object has a name that begins with "storetest/" and random letters, and is
// deleted at the end, which nothing may forbid. It reports what a store does
// wrong, and goes on with the next check. It stores some 100 small objects more
// than a page has, and 60 MiB. Nil options mean the defaults.
func Run(t *testing.T, newStore func() (backup.Store, error), opts *Options) {
	t.Helper()
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			if err := c.prove(t.Context(), newStore, opts); err != nil {
				t.Error(err)
			}
		})
	}
}

// check is one promise of the contract.
type check struct {
	name string
	run  func(ctx context.Context, s *store) error
}

func (c check) prove(ctx context.Context, newStore func() (backup.Store, error), opts *Options) error {
	from, err := newStore()
	if err != nil {
		return fmt.Errorf("new store: %w", err)
	}
	if from == nil {
		return errors.New("new store: it is nil")
	}
	s := &store{Store: from, prefix: "storetest/" + strings.ToLower(rand.Text()[:12]) + "/", page: defaultPage}
	if opts != nil && opts.Page > 0 {
		s.page = opts.Page
	}
	return errors.Join(c.run(ctx, s), s.sweep(context.WithoutCancel(ctx)))
}

func checks() []check {
	return []check{
		{"content", content},
		{"missing", missing},
		{"never twice", neverTwice},
		{"racing", racing},
		{"ranges", ranges},
		{"list", list},
		{"long list", longList},
		{"delete", deletes},
		{"failing body", failingBody},
		{"ended context", endedContext},
		{"names", names},
		{"concurrent", concurrent},
		{"sweep", sweep},
	}
}

// store is the one that is proven, and what the names of a check begin with.
type store struct {
	backup.Store
	prefix string
	page   int
}

// sweep deletes what a check has left.
func (s *store) sweep(ctx context.Context) error {
	var errs []error
	for o, err := range s.List(ctx, s.prefix) {
		if err != nil {
			return errors.Join(append(errs, fmt.Errorf("sweep: %w", err))...)
		}
		errs = append(errs, s.Delete(ctx, o.Name))
	}
	return errors.Join(errs...)
}

// put stores bytes by a Reader that cannot seek, does not tell how long it is,
// and must not be closed.
func (s *store) put(ctx context.Context, name string, body []byte) error {
	r := &stream{from: bytes.NewReader(body)}
	err := s.Put(ctx, s.prefix+name, r)
	if r.closed {
		err = errors.Join(err, fmt.Errorf("Put of %s closed the body", name))
	}
	return err
}

type stream struct {
	from   io.Reader
	closed bool
}

func (s *stream) Read(p []byte) (int, error) { return s.from.Read(p) }

func (s *stream) Close() error {
	s.closed = true
	return nil
}

// mustHold compares the whole object.
func (s *store) mustHold(ctx context.Context, name string, want []byte) error {
	got, err := s.read(ctx, name, 0, -1)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%s: it holds %d bytes other than the %d that were stored", name, len(got), len(want))
	}
	return nil
}

func (s *store) read(ctx context.Context, name string, offset, length int64) ([]byte, error) {
	r, err := s.Get(ctx, s.prefix+name, offset, length)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, errors.New("Get returned neither a Reader nor an error")
	}
	got, err := io.ReadAll(r)
	return got, errors.Join(err, r.Close())
}

// names returns the names below the check's prefix and another one.
func (s *store) names(ctx context.Context, prefix string) ([]string, error) {
	var all []string
	for o, err := range s.List(ctx, s.prefix+prefix) {
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(o.Name, s.prefix+prefix) {
			return nil, fmt.Errorf("List(%q) yields %q", s.prefix+prefix, o.Name)
		}
		all = append(all, strings.TrimPrefix(o.Name, s.prefix))
	}
	return all, nil
}

func (s *store) mustList(ctx context.Context, prefix string, want ...string) error {
	got, err := s.names(ctx, prefix)
	if err != nil {
		return err
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("List of %q yields %q, want %q", prefix, got, want)
	}
	return nil
}

// wantError tells that an error must wrap target and be a [*backup.StoreError]
// of the operation.
func wantError(what string, err, target error, op string) error {
	var e *backup.StoreError
	switch {
	case err == nil:
		return fmt.Errorf("%s: no error, want one that wraps %q", what, target)
	case !errors.Is(err, target):
		return fmt.Errorf("%s: the error %q does not wrap %q", what, err, target)
	case !errors.As(err, &e) || e.Op != op:
		return fmt.Errorf("%s: the error %q is no StoreError of the operation %q", what, err, op)
	}
	return nil
}

// random returns n bytes that no compression makes shorter.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}
