package awssecrets_test

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
	"github.com/masaruk/devops/secrets/source/awssecrets"
)

// refuses is a provider of credentials for which another service answers.
func refuses(service, code string) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, &smithy.OperationError{ServiceID: service, OperationName: "Get", Err: &smithy.GenericAPIError{Code: code, Message: "no role"}}
	})
}

// What goes wrong with the credentials, which are secrets too, says nothing
// about the secret: neither that it is not there nor what it is.
func TestCredentialsThatCannotBeHad(t *testing.T) {
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refused" {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = w.Write([]byte(`{"SecretAccessKey": "canary", "AccessKeyId": 5, "Token": "canary"}`))
	}))
	t.Cleanup(endpoint.Close)
	down := errors.New("the token service is down")
	for name, c := range map[string]struct {
		provider aws.CredentialsProvider
		says     string
		wraps    error
	}{
		"role is not there":   {refuses("SSO", "ResourceNotFoundException"), `SSO answers: ResourceNotFoundException: "no role"`, nil},
		"session has expired": {refuses("SSO", "UnauthorizedException"), "SSO answers: UnauthorizedException", fs.ErrPermission},
		"role is denied":      {refuses("STS", "AccessDenied"), "STS answers: AccessDenied", fs.ErrPermission},
		"program prints more": {processcreds.NewProvider(`echo canary {}`), "credential_process did not print", nil},
		"program fails":       {processcreds.NewProvider(`exit 3`), "credential_process: exit status 3", nil},
		"endpoint refuses":    {endpointcreds.New(endpoint.URL + "/refused"), "an error without a code", nil},
		"endpoint is another": {endpointcreds.New(endpoint.URL), "cannot be read", nil},
		"provider of another": {aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, down }), "down", down},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, nil)
			provider := aws.NewCredentialsCache(c.provider)
			m, err := awssecrets.NewSecretsManager(secretsmanager.New(secretsmanager.Options{
				Region: "eu-central-1", BaseEndpoint: &s.URL, Credentials: provider, Retryer: quick(),
			}), nil)
			require.NoError(t, err)
			p, err := awssecrets.NewParameterStore(ssm.New(ssm.Options{
				Region: "eu-central-1", BaseEndpoint: &s.URL, Credentials: provider, Retryer: quick(),
			}), nil)
			require.NoError(t, err)
			for _, from := range []secrets.Source{m, p} {
				_, err = lookup(t, from, "key")
				require.ErrorContains(t, err, "AWS cannot be asked: ")
				require.ErrorContains(t, err, c.says)
				require.NotErrorIs(t, err, fs.ErrNotExist)
				require.Equal(t, c.wraps == fs.ErrPermission, errors.Is(err, fs.ErrPermission))
				if c.wraps != nil {
					require.ErrorIs(t, err, c.wraps)
				}
			}
		})
	}
}
