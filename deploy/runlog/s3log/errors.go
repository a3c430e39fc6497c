package s3log

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// ErrMissing reports a record that was removed from the middle of a stream.
var ErrMissing = errors.New("record is missing though later ones are there; somebody removed it")

// ErrForeign reports an object that is not as Append wrote it.
var ErrForeign = errors.New("object was not written by this log, or was changed")

// ErrUnsafe reports a store that overwrites objects in spite of the header
// If-None-Match, or does not show what was written. It cannot hold a log.
var ErrUnsafe = errors.New("the store does not keep the promises of S3's conditional writes; use another store")

// Error tells what could not be done with which stream.
type Error struct {
	Op     string
	Stream string
	// Seq is the number of the record, counted from 1; 0 where it is not about
	// one.
	Seq uint64
	Err error
}

// Error names the operation, the stream, the number and the cause.
func (e *Error) Error() string {
	text := "s3log: " + e.Op
	if e.Stream != "" {
		text += fmt.Sprintf(" %q", e.Stream)
	}
	if e.Seq != 0 {
		text += fmt.Sprintf(" record %d", e.Seq)
	}
	return fmt.Sprintf("%s: %v", text, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

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

// explain makes an error of one of the SDK. Once there was an answer the SDK's
// own is not wrapped, for it holds all of the answer.
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
	reason := http.StatusText(code)
	var api smithy.APIError
	if errors.As(err, &api) {
		message := api.ErrorMessage()
		reason = fmt.Sprintf("%.60s: %q", api.ErrorCode(), message[:min(len(message), maxReason)])
	}
	err = fmt.Errorf("the store answers %s (status %d)", reason, code)
	if code == http.StatusForbidden {
		err = fmt.Errorf("%w; check the credentials, and grant what the manual of package s3log lists", err)
	}
	return err
}
