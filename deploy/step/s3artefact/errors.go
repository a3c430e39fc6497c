package s3artefact

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// ErrDigest reports content that is not what its digest says.
var ErrDigest = errors.New("content does not have that digest; it was damaged or replaced")

// ErrDamaged reports an object that is in the way of a Put and has another
// size or checksum.
var ErrDamaged = errors.New("the store has something else under that digest; delete the object and put it again")

// Error tells what could not be done with which archive.
type Error struct {
	// Op is "open", "put", "get", "stat" or, for signatures, "sign".
	Op     string
	Digest string
	Err    error
}

// Error names the operation, the digest and the cause.
func (e *Error) Error() string {
	text := "s3artefact: " + e.Op
	if e.Digest != "" {
		text += " " + e.Digest
	}
	return fmt.Sprintf("%s: %v", text, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// wrap makes an error of the package of err, unless it is nil.
func wrap(err error, op, digest string) error {
	if err == nil {
		return nil
	}
	return &Error{op, digest, err}
}

// status is the HTTP status of the store's answer, 0 where none came.
func status(err error) int {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) && response.Response != nil {
		return response.HTTPStatusCode()
	}
	return 0
}

// maxReason is how much of the store's message an error quotes, in bytes.
const maxReason = 300

// explain makes an error of one of the SDK, which itself is wrapped only where
// there was no answer: it would hold all of it.
func explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	code := status(err)
	if code == 0 {
		var outer *smithy.OperationError // says what ours says
		if errors.As(err, &outer) && outer.Err != nil {
			err = outer.Err
		}
		return fmt.Errorf("the store cannot be asked: %w", err)
	}
	name, message := http.StatusText(code), ""
	var api smithy.APIError
	if errors.As(err, &api) {
		name, message = api.ErrorCode(), api.ErrorMessage()
	}
	switch {
	case code == http.StatusNotFound && name != "NoSuchBucket":
		return fmt.Errorf("the store does not have it: %w", fs.ErrNotExist)
	case code == http.StatusForbidden:
		return fmt.Errorf("the store answers %.60s: %q (status %d); check the credentials, and grant what the manual of package s3artefact lists", name, message[:min(len(message), maxReason)], code)
	}
	return fmt.Errorf("the store answers %.60s: %q (status %d)", name, message[:min(len(message), maxReason)], code)
}
