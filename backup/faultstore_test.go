package backup_test

import (
	"bytes"
	"context"
	"io"
	"iter"
	"sync"

	"github.com/masaruk/devops/backup"
)

// operation is one call of a store.
type operation struct {
	kind string // put, get, list or delete
	name string
	n    int // how many came before
}

// faultStore wraps a store and gets in its way. A function that is nil does
// nothing.
type faultStore struct {
	backup.Store
	// before is called first; its error is the result.
	before func(context.Context, operation) error
	// after is called when the operation was done, and may lose its success.
	after func(context.Context, operation) error
	// got changes what is read, listed what is listed.
	got    func(operation, []byte) []byte
	listed func(operation, []backup.Object) []backup.Object

	mu sync.Mutex
	n  int
}

func (f *faultStore) begin(ctx context.Context, kind, name string) (operation, error) {
	f.mu.Lock()
	o := operation{kind, name, f.n}
	f.n++
	f.mu.Unlock()
	if f.before == nil {
		return o, nil
	}
	return o, f.before(ctx, o)
}

func (f *faultStore) end(ctx context.Context, o operation, err error) error {
	if err == nil && f.after != nil {
		err = f.after(ctx, o)
	}
	return err
}

// count is how many operations there were.
func (f *faultStore) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}

func (f *faultStore) Put(ctx context.Context, name string, body io.Reader) error {
	o, err := f.begin(ctx, "put", name)
	if err == nil {
		err = f.end(ctx, o, f.Store.Put(ctx, name, body))
	}
	return err
}

func (f *faultStore) Get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	o, err := f.begin(ctx, "get", name)
	if err != nil {
		return nil, err
	}
	r, err := f.Store.Get(ctx, name, offset, length)
	if err = f.end(ctx, o, err); err != nil || f.got == nil {
		return r, err
	}
	content, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(f.got(o, content))), r.Close()
}

func (f *faultStore) List(ctx context.Context, prefix string) iter.Seq2[backup.Object, error] {
	return func(yield func(backup.Object, error) bool) {
		o, err := f.begin(ctx, "list", prefix)
		var all []backup.Object
		for object, listErr := range f.Store.List(ctx, prefix) {
			if listErr != nil {
				yield(backup.Object{}, listErr)
				return
			}
			all = append(all, object)
		}
		if f.listed != nil {
			all = f.listed(o, all)
		}
		if err != nil && len(all) > 1 { // it ends in the middle
			all = all[:len(all)/2]
		}
		for _, object := range all {
			if !yield(object, nil) {
				return
			}
		}
		if err != nil {
			yield(backup.Object{}, err)
		}
	}
}

func (f *faultStore) Delete(ctx context.Context, name string) error {
	o, err := f.begin(ctx, "delete", name)
	if err == nil {
		err = f.end(ctx, o, f.Store.Delete(ctx, name))
	}
	return err
}
