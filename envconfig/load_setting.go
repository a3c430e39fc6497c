package envconfig

import (
	"reflect"
	"strings"

	"github.com/masaruk/devops/secrets"
)

// setting is what became of one leaf. The text is as it was decoded.
type setting struct {
	leaf   *leaf
	in     *element // nil outside of lists
	text   string
	input  int32 // index of the input, or one of the below
	line   int32
	via    via
	hidden bool
}

// element is the place of an element of a list: what stands before the names
// and the paths of its leaves.
type element struct{ pre, at string }

// via is what stood between a variable and its value.
type via uint8

const (
	viaNothing via = iota
	viaFile
	viaSource
)

func (s *setting) name() string { return s.in.name(s.leaf.name) }
func (s *setting) path() string { return s.in.path(s.leaf.path) }

func (e *element) name(name string) string {
	if e == nil {
		return name
	}
	return e.pre + name
}

func (e *element) path(path string) string {
	if e == nil {
		return path
	}
	return dotted(e.at, path)
}

const (
	nowhere     = -1
	fromDefault = -2
)

func (s *setting) decode(dst reflect.Value) *fault {
	if s.hidden && strings.Contains(s.text, secrets.Placeholder) {
		return notSecret
	}
	return s.leaf.decode(dst, s.text)
}

// source returns the name of the variable that was read.
func (s *setting) source() string {
	if s.via == viaFile {
		return s.name() + fileSuffix
	}
	return s.name()
}

func (r *run) refuse(s *setting, f *fault) {
	r.problem(&Problem{Variable: s.name(), Field: s.path(), Rule: f.rule, Origin: r.loader.origin(s), Fix: f.fix})
}

func (ld *loader) origin(s *setting) Origin {
	if s.input == nowhere {
		return Origin{}
	}
	o := Origin{Input: "default"}
	if s.input >= 0 {
		o = Origin{Input: ld.inputs[s.input], Line: int(s.line)}
	}
	switch s.via {
	case viaFile:
		o.Via = s.source()
	case viaSource:
		o.Via = "secret source"
	}
	return o
}
