package release

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
)

// ErrID reports an id that is not 1 to 128 letters, digits, ".", "_", "-" and
// "+", the first a letter or digit.
var ErrID = errors.New(`id is not 1 to 128 letters, digits, ".", "_", "-" and "+", the first a letter or digit`)

// ErrSpec reports a [Spec] that cannot be staged.
var ErrSpec = errors.New("specification is not valid")

// ErrExists reports a release that has served and would be staged again with
// another content.
var ErrExists = errors.New("release has served and cannot be changed; stage it under another id")

// ErrProtected reports a release that may not be removed: it is live, or the
// one proven last.
var ErrProtected = errors.New("release may not be removed")

// ErrNeverActive reports a release that cannot be proven, since it was not
// activated after it was staged or failed.
var ErrNeverActive = errors.New("release was not active, so nothing can be proven of it")

// ErrVersion reports a record in a format newer than this program.
var ErrVersion = errors.New("record has a newer format; use a newer version of this program")

// Error tells what could not be done with which release.
type Error struct {
	// Op is what was tried; empty where an outer Error says it.
	Op string
	// Release is the id; empty where it is not about one.
	Release string
	// Path is the file or directory that it is about.
	Path string
	Err  error
}

// Error names the operation, the release, the path and the cause.
func (e *Error) Error() string {
	if e.Op == "" {
		return e.Path + ": " + e.Err.Error()
	}
	text := "release: " + e.Op
	if e.Release != "" {
		text += fmt.Sprintf(" %q", e.Release)
	}
	if e.Path != "" {
		text += " in " + e.Path
	}
	return text + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// explain adds what to do about errors of the operating system.
func explain(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w; let this user write there, or choose another root", err)
	}
	if errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("%w; this system cannot keep releases durable", err)
	}
	return err
}

// also adds a second error, if there is one, and keeps the type of the first
// otherwise.
func also(err, second error) error {
	if second == nil {
		return err
	}
	return errors.Join(err, second)
}

var idSyntax = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$`)

func checkID(id string) error {
	if !idSyntax.MatchString(id) {
		return ErrID
	}
	return nil
}
