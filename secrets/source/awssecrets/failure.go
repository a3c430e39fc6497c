package awssecrets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// maxReason is how much of AWS's message an error quotes, in bytes.
const maxReason = 300

var errEndless = errors.New("AWS answers with the same page token again and again")

// failure makes an error of one of the SDK. Once there was an answer the SDK's
// own is not wrapped: it may hold a part of the answer.
func failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	status, id := 0, ""
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) && response.Response != nil {
		status = response.HTTPStatusCode()
	}
	var request interface{ ServiceRequestID() string }
	if errors.As(err, &request) {
		id = request.ServiceRequestID()
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		return apiFailure(api.ErrorCode(), api.ErrorMessage(), status, id)
	}
	var unread *smithy.DeserializationError
	if response != nil || errors.As(err, &unread) {
		return fmt.Errorf("the answer of AWS cannot be read (status %d, request id %.40q)", status, id)
	}
	var outer *smithy.OperationError // says what the SourceError says
	if errors.As(err, &outer) && outer.Err != nil {
		err = outer.Err
	}
	if errors.Is(err, fs.ErrNotExist) { // a file of credentials, not the secret
		return fmt.Errorf("AWS cannot be asked: %v", err)
	}
	return fmt.Errorf("AWS cannot be asked: %w", err)
}

// apiFailure makes an error of what a service of AWS said.
func apiFailure(code, message string, status int, id string) error {
	text := fmt.Sprintf("%.60s: %q", code, message[:min(len(message), maxReason)])
	if status != 0 {
		text += fmt.Sprintf(" (status %d, request id %.40q)", status, id)
	}
	switch code {
	case "ResourceNotFoundException", "ParameterNotFound", "ParameterVersionNotFound", "ParameterVersionLabelNotFound":
		return fmt.Errorf("%s: %w", text, fs.ErrNotExist)
	case "InvalidRequestException":
		// The only way in which AWS says it.
		if strings.Contains(message, "marked for deletion") || strings.Contains(message, "scheduled for deletion") {
			return fmt.Errorf("it is scheduled for deletion and can be restored until then: %s: %w", text, fs.ErrNotExist)
		}
	case "AccessDeniedException", "AccessDenied", "UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException",
		"IncompleteSignature", "IncompleteSignatureException", "MissingAuthenticationToken", "MissingAuthenticationTokenException",
		"ExpiredToken", "ExpiredTokenException", "NotAuthorized":
		return fmt.Errorf("%s: %w", text, fs.ErrPermission)
	}
	return errors.New(text)
}
