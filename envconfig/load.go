package envconfig

import (
	"context"
	"fmt"
	"reflect"
	"strings"
)

// validator is what a struct implements for rules that concern several fields.
type validator interface{ Validate() error }

var validatorType = reflect.TypeFor[validator]()

// Loader loads values of the struct type T from variables. It holds what was
// learnt of the type in one walk, so that loading again costs little more than
// parsing. It is safe for concurrent use, except that fields with the option
// unset change the environment of the process.
//
// # Tags
//
// Every exported field has the key env, or env:"-" to be left alone:
//
//	env:"NAME"                the variable; of a struct, what stands before its fields' names
//	env:"NAME,option,..."     with options, see below
//	default:"8080"            used where the variable is not set; never for a secret
//	min:"1" max:"65535"       bounds: of numbers, durations, sizes and times the value;
//	                          of strings and secrets the length in characters; of
//	                          base64 the bytes; of lists and maps the items
//	oneof:"off,sandbox,live"  the texts that are allowed, of a list for each item
//	pattern:"[a-z]+"          a regular expression that the whole text matches, ditto
//	sep:";"                   what stands between items, in place of ","
//	layout:"2006-01-02"       of a time, in place of RFC 3339
//	desc:"the port"           for [Description]
//
// A field is required unless it has a default, the option optional, or a
// pointer type. A variable that is set and empty is not unset: it is refused
// unless the field has the option empty, and no default takes its place.
//
//	optional  the variable may be absent
//	empty     it may be empty
//	expand    ${NAME} is replaced by that variable, once; $${ is ${; nothing else is special
//	file      NAME_FILE may name a file with the value instead: at most 1 MiB, less one line ending
//	ref       "secret:name" is looked up in LoadOptions.Secrets; a default may be such a reference
//	secret    the value is hidden; secrets.Value and fields with ref always are
//	unset     the variable is removed from the process environment after a load without a problem
//
// Only fields that say so are expanded or looked up, so no value can trigger
// either by accident. A tag that is wrong, misspelt or contradictory is a
// problem of [NewLoader].
//
// # Structs
//
// Names of nested structs are joined by "_": DB with POOL with MAX is
// DB_POOL_MAX, and never anything shorter. An embedded struct without a tag adds
// no name. A pointer to a struct is nil if none of its variables is set. A
// slice of structs HOSTS is HOSTS_0_NAME, HOSTS_1_NAME and so on; a gap is a
// problem.
//
// A struct with a method Validate() error is asked after its fields were
// loaded without a problem. What it says is shown to people: the secrets that
// were loaded are replaced in it, whole and item by item, and all of it if one
// is too short to be found. A piece of a secret cannot be found. What a panic
// says is dropped. The method of an embedded pointer is Go's method of the
// struct around it as well, and called with nil where nothing of it is set.
//
// # Types
//
//	string, bool (true, false, 1, 0), integers and floats of every size
//	time.Duration, [Size], time.Time, *time.Location (IANA name)
//	url.URL and *url.URL: absolute, so that "localhost:8080" is refused, and with a
//	  host if it is for HTTP or WebSocket
//	secrets.Value; []byte in base64
//	encoding.TextUnmarshaler: what its error or panic says is dropped, since it may quote
//	  the value; it also reads defaults and the words of oneof, when the type is compiled
//	pointers to these, nil where nothing is set
//	lists of these: "a, b"; maps: "key:value, key:value", where values may hold ":"
type Loader[T any] struct {
	core *loader
}

// loader is a Loader without its type.
type loader struct {
	root   *group
	typ    reflect.Type
	opts   LoadOptions
	owned  []string
	leaves int
	lists  bool
	inputs []string
}

// NewLoader compiles the struct type T and its tags. It reads nothing. The
// error joins a [*Problem] for everything that is wrong with the tags and the
// options; its Origin is the type.
func NewLoader[T any](opts *LoadOptions) (*Loader[T], error) {
	core, err := newLoader(reflect.TypeFor[T](), opts)
	if err != nil {
		return nil, err
	}
	return &Loader[T]{core: core}, nil
}

func newLoader(t reflect.Type, opts *LoadOptions) (*loader, error) {
	ld := &loader{typ: t}
	if opts != nil {
		ld.opts = *opts
	}
	if ld.opts.Inputs == nil {
		ld.opts.Inputs = []Input{FromProcess()}
	}
	root, problems := compile(ld.typ, ld.opts.Prefix)
	problems = append(problems, ld.options()...)
	if err := joinProblems(problems); err != nil {
		return nil, fmt.Errorf("envconfig: %w", err)
	}
	ld.root = root
	ld.leaves, ld.lists = root.count()
	return ld, nil
}

// count returns the number of leaves outside lists, and whether there are
// lists.
func (g *group) count() (leaves int, lists bool) {
	for _, m := range g.members {
		switch {
		case m.leaf != nil:
			leaves++
		case m.list != nil:
			lists = true
		default:
			n, l := m.inner.count()
			leaves, lists = leaves+n, lists || l
		}
	}
	return leaves, lists
}

// Load loads a T once; a program that loads several times keeps a [Loader].
func Load[T any](ctx context.Context, opts *LoadOptions) (*Loaded[T], error) {
	l, err := NewLoader[T](opts)
	if err != nil {
		return nil, err
	}
	return l.Load(ctx)
}

// Load reads the inputs and returns a T, or an error that joins a [*Problem]
// for everything that is wrong; [Problems] lists them. A context that has
// ended before is returned as its cause.
//
// Only if there is no problem are the variables of fields with the option
// unset removed from the process environment.
func (l *Loader[T]) Load(ctx context.Context) (*Loaded[T], error) {
	out := &Loaded[T]{}
	r, err := l.core.load(ctx, reflect.ValueOf(&out.Value).Elem())
	if err != nil {
		return nil, err
	}
	out.report = func() *run { return r }
	return out, nil
}

func (ld *loader) load(ctx context.Context, v reflect.Value) (*run, error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("envconfig: %w", context.Cause(ctx))
	}
	r := &run{loader: ld}
	r.load(ctx, v)
	if err := joinProblems(r.problems); err != nil {
		return nil, fmt.Errorf("envconfig: %w", err)
	}
	return r, nil
}

// Loaded is a configuration and where it came from. Package fmt, log/slog and
// encoding/json show the [Explanation] in place of all of it, so that plain
// strings with the option secret stay hidden too; Value itself is the user's.
type Loaded[T any] struct {
	// Value is what was loaded.
	Value T

	// A function, because fmt and dumpers would print the texts in any other
	// kind of field.
	report func() *run
}

// owns tells whether the program declared the beginning of that name its own.
func (ld *loader) owns(name string) bool {
	for _, prefix := range ld.owned {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
