package awssecrets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strings"

	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
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
	var call *smithy.OperationError // says what the SourceError says
	if errors.As(err, &call) && call.Err != nil {
		err = call.Err
	}
	if strings.HasPrefix(err.Error(), "get identity: ") { // of the SDK's resolveAuthScheme; it has no type
		err = credentialsFailure(err)
	} else if answered := answerFailure(err); answered != nil {
		return answered
	}
	if errors.Is(err, fs.ErrNotExist) { // of the credentials, not the secret
		return fmt.Errorf("AWS cannot be asked: %v", err)
	}
	return fmt.Errorf("AWS cannot be asked: %w", err)
}

// answerFailure makes an error of one that came with an answer, or returns nil.
func answerFailure(err error) error {
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
	return nil
}

// credentialsFailure makes an error of one that the SDK met when it fetched the
// credentials, which are secrets too, from a program or another service.
func credentialsFailure(err error) error {
	var program *processcreds.ProviderError // may hold what the program printed
	var exit *exec.ExitError
	switch {
	case errors.As(err, &program) && errors.As(program, &exit):
		return fmt.Errorf("get credentials: credential_process: %w", exit)
	case errors.As(err, &program):
		return errors.New("get credentials: credential_process did not print what AWS describes")
	}
	from := "a service"
	var call *smithy.OperationError
	if errors.As(err, &call) {
		from = call.ServiceID
	}
	if answered := answerFailure(err); answered != nil {
		return fmt.Errorf("get credentials: %s answers: %w", from, answered)
	}
	return err
}

// apiFailure makes an error of what a service of AWS said.
func apiFailure(code, message string, status int, id string) error {
	text := fmt.Sprintf("%.60s: %q", code, message[:min(len(message), maxReason)])
	if code == "" { // then the message is the answer as it came
		text = "an error without a code"
	}
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
		"ExpiredToken", "ExpiredTokenException", "NotAuthorized", "UnauthorizedException":
		return fmt.Errorf("%s: %w", text, fs.ErrPermission)
	}
	return errors.New(text)
}
