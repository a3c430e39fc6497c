package s3store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// ErrUnsafe reports a service that lacks something that backups rely on.
var ErrUnsafe = errors.New("the service does not keep a promise of S3 that backups rely on; use another one")

// status is the HTTP status of the service's answer, 0 where none came.
func status(err error) int {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) && response.Response != nil {
		return response.HTTPStatusCode()
	}
	return 0
}

// code is what the service calls its error.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// missing tells whether there is no such object or upload. A bucket or an
// account that is missing is another matter.
func missing(err error) bool {
	switch code(err) {
	case "NoSuchKey", "NoSuchUpload", "NoSuchVersion", "NotFound": // the last where an answer has no body
		return status(err) == http.StatusNotFound
	}
	return false
}

// maxReason is how much of the service's message an error quotes, in bytes.
const maxReason = 300

// explain makes an error of one of the SDK. Once there was an answer the SDK's
// own is not wrapped, for it holds all of the answer.
func explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	number := status(err)
	if number == 0 {
		var outer *smithy.OperationError // says what ours says
		if errors.As(err, &outer) && outer.Err != nil {
			err = outer.Err
		}
		return fmt.Errorf("the service cannot be asked: %w", err)
	}
	reason := http.StatusText(number)
	var api smithy.APIError
	if errors.As(err, &api) {
		message := api.ErrorMessage()
		reason = fmt.Sprintf("%.60s: %q", api.ErrorCode(), message[:min(len(message), maxReason)])
	}
	text := fmt.Sprintf("the service answers %s (status %d)", reason, number)
	switch {
	case number == http.StatusForbidden:
		return fmt.Errorf("%w: %s; check the credentials, and grant what the manual of package s3store lists", fs.ErrPermission, text)
	case number == http.StatusPreconditionFailed:
		return fmt.Errorf("%w: %s", fs.ErrExist, text)
	case api != nil && (api.ErrorCode() == "BadRequest" || api.ErrorCode() == "NotImplemented"):
		return fmt.Errorf("%s; where it does not know checksums, set AWS_REQUEST_CHECKSUM_CALCULATION to when_required", text)
	}
	return errors.New(text)
}
