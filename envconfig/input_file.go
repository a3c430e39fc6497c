package envconfig

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/masaruk/devops/envconfig/dotenv"
	"github.com/masaruk/devops/secrets"
)

// file is a .env file, parsed.
type file struct {
	entries []dotenv.Entry
	last    map[string]int // the entry that counts
	closed  bool
}

func (f *file) lookup(name string) (string, int, bool) {
	i, ok := f.last[name]
	if !ok {
		return "", 0, false
	}
	return f.entries[i].Value, f.entries[i].Line, true
}

func (f *file) each(yield func(string, int)) {
	for i, e := range f.entries {
		if f.last[e.Name] == i {
			yield(e.Name, e.Line)
		}
	}
}

func openFile(path string, dialect dotenv.Dialect, o FileOptions) (reader, []*Problem) {
	open := o.Open
	if open == nil {
		open = openRegular
	}
	text, err := readBounded(path, open)
	if o.Optional && errors.Is(err, fs.ErrNotExist) {
		return &file{}, nil
	}
	if err != nil {
		return &file{}, []*Problem{{
			Rule: "can be read", Origin: Origin{Input: path}, Fix: "check the path and the file: " + why(err), cause: sentinel(err),
		}}
	}
	return parseFile(path, text, dialect, o.Closed)
}

func parseFile(name, text string, dialect dotenv.Dialect, closed bool) (reader, []*Problem) {
	entries, err := dotenv.Parse(text, dialect)
	f := &file{entries: entries, last: make(map[string]int, len(entries)), closed: closed}
	for i, e := range entries {
		f.last[e.Name] = i
	}
	return f, syntax(name, err)
}

// syntax turns what package dotenv says, which holds no value, into problems.
func syntax(name string, err error) []*Problem {
	if err == nil {
		return nil
	}
	list := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	}
	problems := make([]*Problem, len(list))
	for i, one := range list {
		p := &Problem{Rule: "is a text of the dialect", Origin: Origin{Input: name}, Fix: one.Error()}
		var at *dotenv.SyntaxError
		if errors.As(one, &at) {
			p.Variable, p.Rule, p.Origin.Line, p.Fix = at.Name, "is written as the dialect demands", at.Line, at.Problem
		}
		problems[i] = p
	}
	return problems
}

var (
	errTooLarge   = fmt.Errorf("it is larger than %d bytes", secrets.MaxSize)
	errNotRegular = errors.New("it is not a regular file")
)

// openRegular opens a file that will not block, as a pipe would.
func openRegular(name string) (fs.File, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errNotRegular
	}
	return os.Open(name)
}

func readBounded(path string, open func(string) (fs.File, error)) (string, error) {
	f, err := open(path)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(io.LimitReader(f, secrets.MaxSize+1))
	err = errors.Join(err, f.Close())
	if err == nil && len(b) > secrets.MaxSize {
		err = errTooLarge
	}
	return string(b), err
}

// why tells in our own words why a file cannot be read: the error itself may
// hold its path, and what somebody wrote in place of a path.
func why(err error) string {
	switch {
	case errors.Is(err, errTooLarge), errors.Is(err, errNotRegular):
		return err.Error()
	case errors.Is(err, fs.ErrNotExist):
		return "there is none"
	case errors.Is(err, fs.ErrPermission):
		return "this program may not read it"
	}
	return "reading failed"
}

// sentinel returns the standard error that err stands for, or nil.
func sentinel(err error) error {
	for _, known := range []error{fs.ErrNotExist, fs.ErrPermission} {
		if errors.Is(err, known) {
			return known
		}
	}
	return nil
}
