package artefact

import (
	"errors"
	"fmt"
)

// ErrDigest reports content that is not what its digest says.
var ErrDigest = errors.New("content does not have that digest; it was damaged or replaced")

// ErrSignature reports that no key that was given has signed the artefact.
var ErrSignature = errors.New("no signature by one of Keys")

// ErrUnsafe reports an entry that no archive may have.
var ErrUnsafe = errors.New("unsafe entry")

// ErrLimit reports an artefact that is larger than allowed.
var ErrLimit = errors.New("larger than allowed")

// ErrExists reports that something else is at the place of an Unpack.
var ErrExists = errors.New("there is something else already; remove it, or choose another Dir")

// Error tells what could not be done with which artefact.
type Error struct {
	// Op is "pack", "push", "pull", "unpack", "put", "get", "stat" or, for
	// signatures of a store, "sign".
	Op string
	// Path is the file or folder.
	Path string
	// Digest is empty where it is not known.
	Digest string
	Err    error
}

// Error names the operation, the path, the digest and the cause.
func (e *Error) Error() string {
	text := "artefact: " + e.Op + " " + e.Path
	if e.Digest != "" {
		text += " (" + e.Digest + ")"
	}
	return fmt.Sprintf("%s: %v", text, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// wrap makes an error of the package of err, unless it is nil or is one.
func wrap(err error, op, path, digest string) error {
	var already *Error
	if err == nil || errors.As(err, &already) && already.Op == op {
		return err
	}
	return &Error{Op: op, Path: path, Digest: digest, Err: err}
}
