package secrets

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// MaxSize is the size in bytes of the largest value that a folder or a command
// gives: 1 MiB, which is also what systemd and Kubernetes allow.
const MaxSize = 1 << 20

// Source gives secrets by name: a folder, a vault, the environment.
//
// A program asks when it starts, and whatever renews secrets asks again later
// from a goroutine of its own. So implementations are safe for concurrent use,
// and what one caller does, such as to end its context, has no effect on
// another. Package sourcetest proves one.
type Source interface {
	// Lookup returns the secret of that name as it is now. It keeps nothing
	// from earlier calls and does not repeat what failed; a caller that wants
	// either puts it around. A protocol's own answer to throttling may be
	// repeated within ctx.
	//
	// Names are exact: nothing is trimmed, cleaned or folded. What they may
	// look like is the source's business, except that none is empty. A name is
	// no secret and stands in errors.
	//
	// A secret that is there and empty is an empty Value and no error: whether
	// that will do is for the caller to say. Beside an error the Value is the
	// zero Value.
	//
	// An error that wraps [fs.ErrNotExist] is an answer: the source was asked
	// and has no such secret, and asking again soon is of no use. After any
	// other error nobody knows whether it has one, so the caller must not take
	// the secret from elsewhere; that holds too where the source itself is
	// missing, such as a folder that is not mounted, and for a name that the
	// source refuses. An error that wraps [fs.ErrPermission] says that this
	// program may not ask. Where ctx had ended, the error wraps its cause.
	//
	// An error names the source and the secret, mostly as a [*SourceError]. No
	// error, also none that it wraps, holds a value or a part of one.
	Lookup(ctx context.Context, name string) (Value, error)
}

// SourceFunc is a function as a [Source].
type SourceFunc func(ctx context.Context, name string) (Value, error)

var _ Source = SourceFunc(nil)

// Lookup calls f.
func (f SourceFunc) Lookup(ctx context.Context, name string) (Value, error) {
	if f == nil {
		return Value{}, &SourceError{Source: "function", Name: name, Err: errNilSource}
	}
	return f(ctx, name)
}

// SourceError tells which source could not give which secret.
type SourceError struct {
	// Source is the kind of the source and where it looks, such as
	// "folder /run/secrets".
	Source string
	// Name is the name that this source was asked for, which is not the
	// caller's where a [Prefix] or [Rename] stands between.
	Name string
	Err  error
}

// Error names the source, the secret and the cause.
func (e *SourceError) Error() string {
	return fmt.Sprintf("%s: secret %q: %v", e.Source, e.Name, e.Err)
}

// Unwrap returns the cause.
func (e *SourceError) Unwrap() error { return e.Err }

var (
	errNilSource = errors.New("the source is nil")
	errNoName    = errors.New("the name is empty")
)

// source is what the sources of this package have in common: a kind for the
// errors, and the questions that need no look.
type source struct {
	kind string
	get  func(ctx context.Context, name string) (Value, error)
}

// Lookup returns the secret, and every error as a [*SourceError].
func (s *source) Lookup(ctx context.Context, name string) (Value, error) {
	v, err := s.lookup(ctx, name)
	if err != nil {
		return Value{}, &SourceError{Source: s.kind, Name: name, Err: err}
	}
	return v, nil
}

func (s *source) lookup(ctx context.Context, name string) (Value, error) {
	if ctx.Err() != nil {
		return Value{}, context.Cause(ctx)
	}
	if name == "" {
		return Value{}, errNoName
	}
	return s.get(ctx, name)
}

// ask asks a source that came from outside, which may be nil.
func ask(ctx context.Context, from Source, name string) (Value, error) {
	if from == nil {
		return Value{}, errNilSource
	}
	return from.Lookup(ctx, name)
}

// loaded makes a Value of what a file or a command holds: without the line
// ending that editors and commands add, and never of a [Placeholder].
func loaded(text string) (Value, error) {
	if rest, ok := strings.CutSuffix(text, "\n"); ok {
		text = strings.TrimSuffix(rest, "\r")
	}
	var v Value
	err := v.UnmarshalText([]byte(text))
	return v, err
}
