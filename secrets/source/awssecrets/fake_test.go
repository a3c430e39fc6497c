package awssecrets_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/stretchr/testify/require"
)

// TestMain keeps the machine's own AWS out: no variable of it, no file, no
// metadata service.
func TestMain(m *testing.M) {
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AWS_") {
			_ = os.Unsetenv(name)
		}
	}
	_ = os.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	_ = os.Setenv("AWS_CONFIG_FILE", os.DevNull)
	_ = os.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	os.Exit(m.Run())
}

// object is JSON.
type object = map[string]any

// operation answers a call with a status and a body.
type operation func(in object) (int, object)

// service is a fake of a service of AWS on loopback, as no account is here to
// be asked. It speaks the protocol that AWS publishes as awsJson1_1: POST /, the
// operation in X-Amz-Target, an error's code in __type. The shapes are those of
// the API references of Secrets Manager (2017-10-17) and Systems Manager
// (2014-11-06). The clients are the SDK's own.
type service struct {
	*httptest.Server
	t          *testing.T
	mu         sync.Mutex
	operations map[string]operation
	calls      []call
}

type call struct {
	operation string
	in        object
}

func newService(t *testing.T, operations map[string]operation) *service {
	t.Helper()
	s := &service{t: t, operations: operations}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone in the middle of it
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	target, in := r.Header.Get("X-Amz-Target"), object{}
	if err := json.Unmarshal(body, &in); err != nil {
		s.t.Errorf("body: %v", err)
	}
	if r.Method != http.MethodPost || r.URL.Path != "/" || r.Header.Get("Content-Type") != "application/x-amz-json-1.1" ||
		!strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKID/") {
		s.t.Errorf("%s is not of the protocol: %s %s %v", target, r.Method, r.URL, r.Header)
	}
	s.calls = append(s.calls, call{target, in})
	do := s.operations[target]
	if do == nil {
		s.t.Errorf("unexpected operation %q", target)
		do = func(object) (int, object) { return fault("UnknownOperationException", "") }
	}
	status, out := do(in)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-Requestid", "request-"+strconv.Itoa(len(s.calls)))
	w.WriteHeader(status)
	if raw, ok := out["raw"].(string); ok {
		_, _ = w.Write([]byte(raw))
		return
	}
	_ = json.NewEncoder(w).Encode(out)
}

// made are the calls of an operation.
func (s *service) made(operation string) []object {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []object
	for _, c := range s.calls {
		if c.operation == operation {
			all = append(all, c.in)
		}
	}
	return all
}

func fault(code, message string) (int, object) {
	return http.StatusBadRequest, object{"__type": code, "Message": message, "message": message}
}

// quick is the SDK's retryer with waits that do not hold up a test.
func quick() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = time.Millisecond })
}

func (s *service) secretsManager() *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region: "eu-central-1", BaseEndpoint: &s.URL, Retryer: quick(),
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "aws-canary", ""),
	})
}

func (s *service) ssm() *ssm.Client {
	return ssm.New(ssm.Options{
		Region: "eu-central-1", BaseEndpoint: &s.URL, Retryer: quick(),
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "aws-canary", ""),
	})
}

const (
	getSecret    = "secretsmanager.GetSecretValue"
	batchSecrets = "secretsmanager.BatchGetSecretValue"
	describe     = "secretsmanager.DescribeSecret"
	getParameter = "AmazonSSM.GetParameter"
	byPath       = "AmazonSSM.GetParametersByPath"
)

// stored has secrets of Secrets Manager by name and stage.
type stored map[string]map[string]any // a string, or []byte

func arnOf(name string) string {
	return "arn:aws:secretsmanager:eu-central-1:123456789012:secret:" + name + "-a1b2c3"
}

// find takes a name, an ARN or, as AWS does, an ARN without its end.
func (s stored) find(id string) (name string, ok bool) {
	for name := range s {
		if id == name || id == arnOf(name) || id == strings.TrimSuffix(arnOf(name), "-a1b2c3") {
			return name, true
		}
	}
	return "", false
}

func (s stored) get(in object) (int, object) {
	stage, _ := in["VersionStage"].(string)
	name, ok := s.find(in["SecretId"].(string))
	if !ok {
		return fault("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
	}
	value, ok := s[name][stage]
	if !ok {
		return fault("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label: "+stage)
	}
	return http.StatusOK, entry(name, stage, value)
}

func entry(name, stage string, value any) object {
	e := object{"ARN": arnOf(name), "Name": name, "VersionId": "v-" + stage, "VersionStages": []string{stage}, "CreatedDate": 1.7e9}
	if bytes, ok := value.([]byte); ok {
		e["SecretBinary"] = bytes // base64 by encoding/json
	} else {
		e["SecretString"] = value
	}
	return e
}

func (s stored) batch(in object) (int, object) {
	values, errs := []object{}, []object{}
	for _, id := range in["SecretIdList"].([]any) {
		name, ok := s.find(id.(string))
		switch value := s[name]["AWSCURRENT"]; {
		case !ok:
			errs = append(errs, object{"SecretId": id, "ErrorCode": "ResourceNotFoundException", "Message": "Secrets Manager can't find the specified secret."})
		case value == nil:
			errs = append(errs, object{"SecretId": arnOf(name), "ErrorCode": "AccessDeniedException", "Message": "is not authorized"})
		default:
			values = append(values, entry(name, "AWSCURRENT", value))
		}
	}
	slices.Reverse(values) // no order is promised
	return http.StatusOK, object{"SecretValues": values, "Errors": errs}
}

// requireHidden looks for a canary in err and all that it wraps.
func requireHidden(t *testing.T, err error) {
	t.Helper()
	for _, format := range []string{"%v", "%+v", "%#v", "%q"} {
		text := fmt.Sprintf(format, err)
		require.NotContains(t, text, "canary")
		require.NotContains(t, text, "0x63, 0x61, 0x6e, 0x61, 0x72, 0x79", "as bytes")
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if e.Unwrap() != nil {
			requireHidden(t, e.Unwrap())
		}
	case interface{ Unwrap() []error }:
		for _, below := range e.Unwrap() {
			requireHidden(t, below)
		}
	}
}
