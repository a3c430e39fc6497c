package awssecrets_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
	"github.com/masaruk/devops/secrets/source/awssecrets"
	"github.com/masaruk/devops/secrets/sourcetest"
)

func newManager(t *testing.T, s *service, o *awssecrets.SecretsManagerOptions) *awssecrets.SecretsManager {
	t.Helper()
	m, err := awssecrets.NewSecretsManager(s.secretsManager(), o)
	require.NoError(t, err)
	return m
}

// lookup checks what holds for each error.
func lookup(t *testing.T, from secrets.Source, name string) (string, error) {
	t.Helper()
	v, err := from.Lookup(t.Context(), name)
	if err != nil {
		require.True(t, v.IsZero())
		var failed *secrets.SourceError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, name, failed.Name)
		requireHidden(t, err)
	}
	return v.Reveal(), err
}

func TestContractOfSecretsManager(t *testing.T) {
	has := stored{
		"app/db":  {"AWSCURRENT": `{"password":"canary of the database","tls":"canary <of> \"TLS\"\n\u2603\n","empty":""}`},
		"app/api": {"AWSCURRENT": " canary of the API\n"},
		"app/bin": {"AWSCURRENT": []byte("canary \x00\xff\xfe of bytes")},
	}
	known := map[string]secrets.Value{
		"app/db":          secrets.New(has["app/db"]["AWSCURRENT"].(string)),
		"app/db#password": secrets.New("canary of the database"),
		"app/db#tls":      secrets.New("canary <of> \"TLS\"\n\u2603\n"),
		"app/db#empty":    secrets.New(""),
		"app/api":         secrets.New(" canary of the API\n"),
		"app/bin":         secrets.New("canary \x00\xff\xfe of bytes"),
	}
	s := newService(t, map[string]operation{getSecret: has.get})
	sourcetest.Run(t, known, func() (secrets.Source, error) { return awssecrets.NewSecretsManager(s.secretsManager(), nil) })
}

// The kit makes names of known ones that are no ARNs, and hold colons: those
// are refused and not looked for. So ARNs are proven here.
func TestARNsMustBeWhole(t *testing.T) {
	has := stored{"app/db": {"AWSCURRENT": `{"password":"canary"}`}}
	s := newService(t, map[string]operation{getSecret: has.get, batchSecrets: has.batch, describe: func(object) (int, object) {
		return http.StatusOK, object{"Name": "app/db", "ARN": arnOf("app/db")}
	}})
	m := newManager(t, s, nil)
	got, err := lookup(t, m, arnOf("app/db")+"#password")
	require.NoError(t, err)
	require.Equal(t, "canary", got)
	values, err := m.Batch(t.Context(), arnOf("app/db"))
	require.NoError(t, err)
	require.Len(t, values, 1)

	part := arnOf("app/db")[:len(arnOf("app/db"))-len("-a1b2c3")]
	_, err = lookup(t, m, part)
	require.ErrorContains(t, err, "give the whole name or the whole ARN")
	require.NotErrorIs(t, err, fs.ErrNotExist)
	_, err = m.Rotating(t.Context(), part)
	require.ErrorContains(t, err, "whole ARN")
	values, err = m.Batch(t.Context(), part)
	require.Error(t, err)
	require.Empty(t, values)
}

func TestStages(t *testing.T) {
	has := stored{"key": {"AWSCURRENT": "new", "AWSPREVIOUS": "old"}}
	s := newService(t, map[string]operation{getSecret: has.get})
	for stage, want := range map[string]string{"": "new", "AWSCURRENT": "new", "AWSPREVIOUS": "old"} {
		got, err := lookup(t, newManager(t, s, &awssecrets.SecretsManagerOptions{Stage: stage}), "key")
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	pending := newManager(t, s, &awssecrets.SecretsManagerOptions{Stage: "AWSPENDING"})
	_, err := lookup(t, pending, "key")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "AWSPENDING")

	previous := newManager(t, s, &awssecrets.SecretsManagerOptions{Stage: "AWSPREVIOUS"})
	values, err := previous.Batch(t.Context(), "key", "none")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Equal(t, "old", values["key"].Reveal(), "a batch would have given AWSCURRENT")
}

func TestRotating(t *testing.T) {
	var stages map[string][]string
	s := newService(t, map[string]operation{describe: func(in object) (int, object) {
		if in["SecretId"] != "key" {
			return fault("AccessDeniedException", "no")
		}
		return http.StatusOK, object{"Name": "key", "ARN": arnOf("key"), "VersionIdsToStages": stages}
	}})
	m := newManager(t, s, nil)
	for _, c := range []struct {
		stages map[string][]string
		want   bool
	}{
		{nil, false},
		{map[string][]string{"1": {"AWSCURRENT"}, "0": {"AWSPREVIOUS"}}, false},
		{map[string][]string{"2": {"AWSPENDING"}, "1": {"AWSCURRENT"}, "0": {"AWSPREVIOUS"}}, true},
		{map[string][]string{"2": {"AWSPENDING", "AWSCURRENT"}, "1": {"AWSPREVIOUS"}}, false},
	} {
		stages = c.stages
		got, err := m.Rotating(t.Context(), "key#password")
		require.NoError(t, err)
		require.Equal(t, c.want, got, stages)
	}
	_, err := m.Rotating(t.Context(), "other")
	require.ErrorIs(t, err, fs.ErrPermission)
}

func TestBatch(t *testing.T) {
	has := stored{"denied": {}}
	names := []string{"denied", "none", "bad name"}
	for i := range 41 {
		name := fmt.Sprintf("key%d", i)
		has[name] = map[string]any{"AWSCURRENT": fmt.Sprintf(`{"a":"A%d","b":"B%d"}`, i, i)}
		names = append(names, name+"#a", name+"#b")
	}
	names = append(names, "key7#c", "key7#a", arnOf("key7"))
	s := newService(t, map[string]operation{batchSecrets: has.batch})
	values, err := newManager(t, s, nil).Batch(t.Context(), names...)
	requireHidden(t, err)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorIs(t, err, fs.ErrPermission)
	var failed []string
	for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
		var one *secrets.SourceError
		require.ErrorAs(t, e, &one)
		failed = append(failed, one.Name)
	}
	require.Equal(t, []string{"denied", "none", "bad name", "key7#c"}, failed, "in order, each by name")
	require.Len(t, values, 83)
	require.Equal(t, "A40", values["key40#a"].Reveal())
	require.Equal(t, "B0", values["key0#b"].Reveal())
	require.Equal(t, `{"a":"A7","b":"B7"}`, values[arnOf("key7")].Reveal())

	seen := map[any]int{}
	for _, in := range s.made(batchSecrets) {
		require.LessOrEqual(t, len(in["SecretIdList"].([]any)), 20)
		for _, id := range in["SecretIdList"].([]any) {
			seen[id]++
		}
	}
	require.Len(t, s.made(batchSecrets), 3, "44 different secrets")
	require.Len(t, seen, 44)
	for id, n := range seen {
		require.Equal(t, 1, n, id)
	}

	values, err = newManager(t, s, nil).Batch(t.Context())
	require.NoError(t, err)
	require.Empty(t, values)
	require.Len(t, s.made(batchSecrets), 3)
}

func TestBatchWithEmptyPages(t *testing.T) {
	pages := []object{
		{"NextToken": "1"},
		{"SecretValues": []object{entry("b", "AWSCURRENT", "B")}, "NextToken": "2"},
		{"NextToken": "3", "Errors": []object{}},
		{"SecretValues": []object{entry("a", "AWSCURRENT", "A")}},
	}
	var tokens []any
	s := newService(t, map[string]operation{batchSecrets: func(in object) (int, object) {
		tokens = append(tokens, in["NextToken"])
		return http.StatusOK, pages[len(tokens)-1]
	}})
	values, err := newManager(t, s, nil).Batch(t.Context(), "a", "b")
	require.NoError(t, err)
	require.Equal(t, "A", values["a"].Reveal())
	require.Equal(t, "B", values["b"].Reveal())
	require.Equal(t, []any{nil, "1", "2", "3"}, tokens)
}

func TestBatchesThatGoWrong(t *testing.T) {
	t.Run("no answer for a name", func(t *testing.T) {
		s := newService(t, map[string]operation{batchSecrets: func(object) (int, object) {
			return http.StatusOK, object{"SecretValues": []object{entry("a", "AWSCURRENT", "A")}}
		}})
		values, err := newManager(t, s, nil).Batch(t.Context(), "a", "b")
		require.ErrorContains(t, err, `"b"`)
		require.NotErrorIs(t, err, fs.ErrNotExist)
		require.Len(t, values, 1)
	})
	t.Run("endless", func(t *testing.T) {
		s := newService(t, map[string]operation{batchSecrets: func(object) (int, object) {
			return http.StatusOK, object{"NextToken": "again"}
		}})
		_, err := newManager(t, s, nil).Batch(t.Context(), "a")
		require.ErrorContains(t, err, "page token")
		require.Len(t, s.made(batchSecrets), 2)
	})
	t.Run("call denied", func(t *testing.T) {
		has := stored{}
		var names []string
		for i := range 50 {
			names = append(names, fmt.Sprintf("key%d", i))
			has[names[i]] = map[string]any{"AWSCURRENT": "x"}
		}
		calls := 0
		s := newService(t, map[string]operation{batchSecrets: func(in object) (int, object) {
			if calls++; calls == 1 {
				return has.batch(in)
			}
			return fault("AccessDeniedException", "not authorized to perform: secretsmanager:BatchGetSecretValue")
		}})
		values, err := newManager(t, s, nil).Batch(t.Context(), names...)
		require.ErrorIs(t, err, fs.ErrPermission)
		require.Len(t, values, 20)
		require.Len(t, err.(interface{ Unwrap() []error }).Unwrap(), 30)
		require.Len(t, s.made(batchSecrets), 2, "no more after one that failed")
	})
	t.Run("second page denied", func(t *testing.T) {
		s := newService(t, map[string]operation{batchSecrets: func(in object) (int, object) {
			if in["NextToken"] != nil {
				return fault("AccessDeniedException", "no")
			}
			return http.StatusOK, object{"NextToken": "1", "SecretValues": []object{entry("a", "AWSCURRENT", "A")}}
		}})
		values, err := newManager(t, s, nil).Batch(t.Context(), "a", "b")
		require.ErrorIs(t, err, fs.ErrPermission)
		require.Len(t, err.(interface{ Unwrap() []error }).Unwrap(), 1)
		require.Equal(t, "A", values["a"].Reveal())
	})
	t.Run("context", func(t *testing.T) {
		ctx, end := context.WithCancelCause(t.Context())
		why := errors.New("the program stops")
		end(why)
		for _, stage := range []string{"", "AWSPREVIOUS"} {
			m := newManager(t, newService(t, nil), &awssecrets.SecretsManagerOptions{Stage: stage})
			_, err := m.Batch(ctx, "a")
			require.ErrorIs(t, err, why)
		}
	})
}

func TestThrottlingIsRepeated(t *testing.T) {
	has := stored{"key": {"AWSCURRENT": "x"}}
	calls := 0
	throttled := func(then operation) operation {
		return func(in object) (int, object) {
			if calls++; calls < 3 {
				return fault("ThrottlingException", "Rate exceeded")
			}
			return then(in)
		}
	}
	s := newService(t, map[string]operation{getSecret: throttled(has.get), batchSecrets: throttled(has.batch)})
	m := newManager(t, s, nil)
	got, err := lookup(t, m, "key")
	require.NoError(t, err)
	require.Equal(t, "x", got)
	require.Equal(t, 3, calls)
	calls = 0
	_, err = m.Batch(t.Context(), "key")
	require.NoError(t, err)
	require.Equal(t, 3, calls)

	calls = -100
	_, err = lookup(t, m, "key")
	require.ErrorContains(t, err, "ThrottlingException")
	require.NotErrorIs(t, err, fs.ErrNotExist)
	require.Equal(t, -97, calls, "as often as the client is configured")
}

func TestContextEndsTheRepeating(t *testing.T) {
	ctx, end := context.WithCancelCause(t.Context())
	why := errors.New("the program stops")
	s := newService(t, map[string]operation{getSecret: func(object) (int, object) {
		end(why)
		return fault("ThrottlingException", "Rate exceeded")
	}})
	_, err := newManager(t, s, nil).Lookup(ctx, "key")
	require.ErrorIs(t, err, why)
	require.Len(t, s.made(getSecret), 1)
}

func TestFailures(t *testing.T) {
	for name, c := range map[string]struct {
		code, message string
		want          error
	}{
		"missing":         {"ResourceNotFoundException", "can't find", fs.ErrNotExist},
		"deleted":         {"InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion.", fs.ErrNotExist},
		"deletion":        {"InvalidRequestException", "An error occurred: You can't perform this operation on the secret because it was already scheduled for deletion.", fs.ErrNotExist},
		"state":           {"InvalidRequestException", "the parameter is not valid for the current state of the resource", nil},
		"denied":          {"AccessDeniedException", "User: x is not authorized", fs.ErrPermission},
		"key":             {"UnrecognizedClientException", "The security token included in the request is invalid.", fs.ErrPermission},
		"expired":         {"ExpiredTokenException", "The security token included in the request is expired", fs.ErrPermission},
		"signature":       {"InvalidSignatureException", "does not match", fs.ErrPermission},
		"decryption":      {"DecryptionFailure", "can't decrypt", nil},
		"internal":        {"InternalServiceError", "try again", nil},
		"unknown":         {"SomethingNewException", "new", nil},
		"unknown invalid": {"InvalidParameterException", "bad", nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, map[string]operation{getSecret: func(object) (int, object) { return fault(c.code, c.message) }})
			_, err := lookup(t, newManager(t, s, nil), "key")
			require.ErrorContains(t, err, c.code)
			require.ErrorContains(t, err, c.message)
			require.ErrorContains(t, err, "request-1")
			for _, kind := range []error{fs.ErrNotExist, fs.ErrPermission} {
				require.Equal(t, kind == c.want, errors.Is(err, kind), err)
			}
		})
	}
}

func TestAnswersThatCannotBeRead(t *testing.T) {
	const half = `{"Name":"key","ARN":"` + "arn" + `","SecretString":"canary of the datab`
	for name, c := range map[string]struct {
		status int
		raw    string
	}{
		"cut":          {200, half},
		"page":         {200, "<html>canary</html>"},
		"type":         {200, `{"Name":"key","SecretString":{"a":"canary"}}`},
		"empty":        {200, ""},
		"no value":     {200, `{"Name":"key","ARN":"arn"}`},
		"other secret": {200, `{"Name":"other","ARN":"arn","SecretString":"canary"}`},
		"error page":   {400, "<html>canary</html>"},
		"error cut":    {400, half},
		"404 page":     {404, "<html>canary</html>"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, map[string]operation{getSecret: func(object) (int, object) { return c.status, object{"raw": c.raw} }})
			_, err := lookup(t, newManager(t, s, nil), "key")
			require.Error(t, err)
			require.NotErrorIs(t, err, fs.ErrNotExist)
		})
	}
}

func TestFieldsAndNames(t *testing.T) {
	has := stored{
		"key":  {"AWSCURRENT": `{"port":5432,"big":1152921504606846977,"on":true,"null":null,"list":["canary"],"map":{"a":"canary"}}`},
		"text": {"AWSCURRENT": "canary}"}, "array": {"AWSCURRENT": `["canary"]`}, "null": {"AWSCURRENT": "null"}, "hidden": {"AWSCURRENT": secrets.Placeholder},
	}
	s := newService(t, map[string]operation{getSecret: has.get})
	m := newManager(t, s, nil)
	for name, want := range map[string]string{"key#port": "5432", "key#big": "1152921504606846977", "key#on": "true"} {
		got, err := lookup(t, m, name)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, name := range []string{"key#null", "key#list", "key#map", "text#a", "array#a", "null#a"} {
		_, err := lookup(t, m, name)
		require.Error(t, err, name)
		require.NotErrorIs(t, err, fs.ErrNotExist, name)
	}
	_, err := lookup(t, m, "key#none")
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = lookup(t, m, "hidden")
	require.ErrorIs(t, err, secrets.ErrRedacted)
	asked := len(s.made(getSecret))
	for _, name := range []string{"", "#", "#a", "key#", " key", "key\n", "key\x00", "k\u00e4y", "a:b", "key?x"} {
		_, err := lookup(t, m, name)
		require.Error(t, err, name)
		require.NotErrorIs(t, err, fs.ErrNotExist, name)
	}
	require.Len(t, s.made(getSecret), asked, "such names are not asked for")
}

func TestServiceOutOfReach(t *testing.T) {
	s := newService(t, nil)
	m := newManager(t, s, nil)
	s.Close()
	_, err := lookup(t, m, "key")
	require.Error(t, err)
	require.NotErrorIs(t, err, fs.ErrNotExist)

	none, err := awssecrets.NewSecretsManager(secretsmanager.New(secretsmanager.Options{
		Region: "eu-central-1", BaseEndpoint: &s.URL,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{}, &fs.PathError{Op: "open", Path: "credentials", Err: fs.ErrNotExist}
		}),
	}), nil)
	require.NoError(t, err)
	_, err = lookup(t, none, "key")
	require.ErrorContains(t, err, "credentials")
	require.NotErrorIs(t, err, fs.ErrNotExist, "it is not the secret that is missing")
}

func TestClientAsCallersMakeIt(t *testing.T) {
	has := stored{"key": {"AWSCURRENT": "x"}}
	s := newService(t, map[string]operation{getSecret: has.get})
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion("eu-central-1"), config.WithBaseEndpoint(s.URL),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("AKID", "aws-canary", "")))
	require.NoError(t, err)
	m, err := awssecrets.NewSecretsManager(secretsmanager.NewFromConfig(cfg), nil)
	require.NoError(t, err)
	got, err := lookup(t, m, "key")
	require.NoError(t, err)
	require.Equal(t, "x", got)

	_, err = awssecrets.NewSecretsManager(nil, nil)
	require.Error(t, err)
	_, err = awssecrets.NewParameterStore(nil, nil)
	require.Error(t, err)
}
