package storetest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/masaruk/devops/backup"
)

// memory is a correct store that keeps nothing, and the faults it can have.
type memory struct {
	fault string

	mu      sync.Mutex
	objects map[string][]byte
	order   []string // of the first Puts
	folders map[string]bool
	swept   bool
	puts    int
	second  chan struct{} // closed when the second Put begins
}

var _ backup.Sweeper = (*memory)(nil)

func newMemory(fault string) func() (backup.Store, error) {
	return func() (backup.Store, error) {
		return &memory{fault: fault, objects: map[string][]byte{}, folders: map[string]bool{}, second: make(chan struct{})}, nil
	}
}

func (m *memory) is(fault string) bool { return m.fault == fault }

func (m *memory) error(op, name string, err error) error {
	if err == nil || m.is("errors are bare") {
		return err
	}
	if m.is("errors tell another operation") {
		op = "do"
	}
	return &backup.StoreError{Op: op, Name: name, Err: err}
}

func (m *memory) check(ctx context.Context, name string) error {
	if err := context.Cause(ctx); err != nil && !m.is("ended context ignored") {
		if m.is("cause of the context lost") {
			return ctx.Err()
		}
		return err
	}
	if m.is("short names only") && len(name) > 60 {
		return backup.ErrName
	}
	if m.is("any name") {
		return nil
	}
	return backup.CheckName(name)
}

func (m *memory) Put(ctx context.Context, name string, body io.Reader) error {
	return m.error("put", name, m.put(ctx, name, body))
}

func (m *memory) put(ctx context.Context, name string, body io.Reader) error {
	if err := m.check(ctx, name); err != nil {
		return err
	}
	m.mu.Lock()
	_, taken := m.objects[name]
	m.puts++
	mine := m.puts
	m.mu.Unlock()
	if m.is("one of two at a time is lost") || m.is("check, then write") {
		if mine == 2 {
			close(m.second)
		}
		if mine == 1 && strings.Contains(name, "/c/") || mine < 3 && strings.HasSuffix(name, "/one") {
			<-m.second
		}
		if mine == 1 && m.is("one of two at a time is lost") {
			return nil
		}
	}
	content, err := io.ReadAll(body)
	if m.is("cut short is the end") && errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	if c, ok := body.(io.Closer); ok && m.is("closes the body") {
		_ = c.Close()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		if m.is("keeps the beginning of a body") {
			m.objects[name] = content
		}
		if m.is("error of the body lost") {
			return errors.New("no")
		}
		return err
	}
	if m.swept && m.is("sweep takes what is young") {
		return errors.New("it was swept")
	}
	if m.is("folders stay") && m.folders[name] {
		return errors.New("is a directory")
	}
	if !m.is("check, then write") {
		_, taken = m.objects[name]
	}
	if taken {
		return m.again(name, content)
	}
	m.keep(name, content)
	if m.is("nobody wins") && strings.HasSuffix(name, "/one") {
		return fs.ErrExist
	}
	return nil
}

// again is what a Put of a name that is taken does.
func (m *memory) again(name string, content []byte) error {
	switch m.fault {
	case "overwrites":
		m.keep(name, content)
		return nil
	case "overwrites large objects":
		if len(content) > 8<<20 {
			m.keep(name, content)
			return nil
		}
	case "refused and yet stored":
		m.keep(name, content)
	case "the loser is told that it won":
		return nil
	case "taken is not told":
		return errors.New("no")
	}
	return fs.ErrExist
}

func (m *memory) keep(name string, content []byte) {
	switch {
	case m.is("cut at 16 MiB"):
		content = content[:min(len(content), 16<<20)]
	case m.is("nothing is not stored") && len(content) == 0:
		return
	case m.is("last byte lost") && len(content) > 1:
		content = content[:len(content)-1]
	}
	m.objects[name] = content
	m.order = append(m.order, name)
	for i := range name {
		if name[i] == '/' {
			m.folders[name[:i]] = true
		}
	}
}

func (m *memory) Get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	content, err := m.get(ctx, name, offset, length)
	if err != nil {
		return nil, m.error("get", name, err)
	}
	return io.NopCloser(bytes.NewReader(content)), nil
}

func (m *memory) get(ctx context.Context, name string, offset, length int64) ([]byte, error) {
	if err := m.check(ctx, name); err != nil {
		return nil, err
	}
	m.mu.Lock()
	content, ok := m.objects[name]
	if m.is("any case") && !ok {
		for other := range m.objects {
			if strings.EqualFold(other, name) {
				content, ok = m.objects[other], true
			}
		}
	}
	folder := m.folders[name]
	m.mu.Unlock()
	switch {
	case !ok && (m.is("missing is empty") || m.is("folder is empty") && folder):
		return nil, nil
	case !ok && m.is("missing is not told"):
		return nil, errors.New("no")
	case !ok:
		return nil, fs.ErrNotExist
	case offset < 0 && m.is("negative offset taken"):
		offset = 0
	case offset < 0:
		return nil, errors.New("negative offset")
	case m.is("offset ignored"):
		offset = 0
	case offset >= int64(len(content)) && m.is("beyond the end is an error"):
		return nil, errors.New("range not satisfiable")
	case length == 0 && m.is("length zero is all"), m.is("length ignored"):
		length = -1
	case m.is("length is the last byte") && length > 0:
		length++
	}
	content = content[min(offset, int64(len(content))):]
	if length >= 0 {
		content = content[:min(length, int64(len(content)))]
	}
	return content, nil
}

func (m *memory) List(ctx context.Context, prefix string) iter.Seq2[backup.Object, error] {
	return func(yield func(backup.Object, error) bool) {
		if err := context.Cause(ctx); err != nil && !m.is("ended context ignored") {
			yield(backup.Object{}, m.error("list", prefix, err))
			return
		}
		for _, name := range m.names(prefix) {
			m.mu.Lock()
			o := backup.Object{Name: name, Size: int64(len(m.objects[name])), Created: time.Now()}
			m.mu.Unlock()
			if m.is("size unknown") {
				o.Size = 0
			}
			if m.is("time unknown") {
				o.Created = time.Time{}
			}
			if !yield(o, nil) {
				return
			}
		}
	}
}

// pageOf is how many names the faulty pages hold.
const pageOf = 20

func (m *memory) names(prefix string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.is("prefix is a folder") && prefix != "" && !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	var names []string
	for _, name := range m.order {
		_, there := m.objects[name]
		if strings.HasPrefix(name, prefix) && (there || m.is("lists what is deleted")) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	switch m.fault {
	case "order of the Puts":
		return names
	case "order of the folders":
		slices.SortFunc(names, func(a, b string) int { return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/")) })
		return names
	case "order without case":
		slices.SortFunc(names, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
		return names
	}
	slices.Sort(names)
	switch {
	case m.is("first page alone"):
		names = names[:min(len(names), pageOf)]
	case m.is("last of a page twice") && len(names) > pageOf:
		names = slices.Insert(names, pageOf, names[pageOf-1])
	case m.is("newest is not listed") && len(names) > 0 && len(m.order) > pageOf:
		names = slices.DeleteFunc(names, func(name string) bool { return name == m.order[len(m.order)-1] })
	}
	return names
}

func (m *memory) Delete(ctx context.Context, name string) error {
	return m.error("delete", name, m.delete(ctx, name))
}

func (m *memory) delete(ctx context.Context, name string) error {
	if err := m.check(ctx, name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_, there := m.objects[name]
	switch {
	case m.is("deletes nothing"):
		return nil
	case !there && m.is("nothing to delete is an error"):
		return fs.ErrNotExist
	case there && m.is("deleted can be read"):
		m.order = slices.DeleteFunc(m.order, func(other string) bool { return other == name })
		return nil
	}
	delete(m.objects, name)
	return nil
}

func (m *memory) Sweep(context.Context, time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.swept = true
	if m.is("sweep takes what is whole") {
		clear(m.objects)
	}
	return nil
}
