package envconfig

import (
	"cmp"
	"io/fs"
	"os"
	"strings"

	"github.com/masaruk/devops/envconfig/dotenv"
)

// Input is where variables come from: the process environment, a map or a
// .env file. It is read anew by each load.
type Input struct {
	name string
	open func() (reader, []*Problem)
}

// FromProcess returns the process environment, named "environment".
func FromProcess() Input {
	return Input{name: "environment", open: func() (reader, []*Problem) { return process{}, nil }}
}

// FromMap returns the variables of a map, which is not copied and must not
// change during a load. The name stands in origins.
func FromMap(name string, variables map[string]string) Input {
	return Input{name: cmp.Or(name, "map"), open: func() (reader, []*Problem) { return table(variables), nil }}
}

// FileOptions are the options of [FromFile]; nil and the zero value are the
// defaults.
type FileOptions struct {
	// Optional says that the file may be absent; it then has no variables.
	Optional bool
	// Closed says that the file is for this program alone: a variable in it
	// that no field has is a problem.
	Closed bool
	// Open opens the file instead of os.Open, such as fs.FS.Open.
	Open func(name string) (fs.File, error)
}

// FromFile returns the variables of a .env file in a dialect of package
// dotenv, which has to be named because dialects disagree about values. The
// file is read, never run: nothing in it is expanded or executed. A file over
// 1 MiB is refused, and so is one with a line that the dialect passes over in
// silence. A variable that stands in it twice is a problem.
func FromFile(path string, dialect dotenv.Dialect, opts *FileOptions) Input {
	var o FileOptions
	if opts != nil {
		o = *opts
	}
	return Input{name: path, open: func() (reader, []*Problem) { return openFile(path, dialect, o) }}
}

// FromText is like [FromFile] for text that is at hand. The name stands in
// origins. Of the options only Closed counts.
func FromText(name, text string, dialect dotenv.Dialect, opts *FileOptions) Input {
	closed := opts != nil && opts.Closed
	name = cmp.Or(name, "text")
	return Input{name: name, open: func() (reader, []*Problem) { return parseFile(name, text, dialect, closed) }}
}

// reader is an input that is open.
type reader interface {
	// lookup returns the text and, in a file, the line.
	lookup(name string) (text string, line int, ok bool)
	// each calls yield for every variable with its line.
	each(yield func(name string, line int))
}

type process struct{}

func (process) lookup(name string) (string, int, bool) {
	text, ok := os.LookupEnv(name)
	return text, 0, ok
}

func (process) each(yield func(string, int)) {
	for _, one := range os.Environ() {
		if name, _, ok := strings.Cut(one, "="); ok && name != "" {
			yield(name, 0)
		}
	}
}

type table map[string]string

func (t table) lookup(name string) (string, int, bool) {
	text, ok := t[name]
	return text, 0, ok
}

func (t table) each(yield func(string, int)) {
	for name := range t {
		yield(name, 0)
	}
}
