package main

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/testenv"
)

func TestBucketURL(t *testing.T) {
	for text, want := range map[string]bucketURL{
		"s3://b":                      {bucket: "b"},
		"s3://b/":                     {bucket: "b"},
		"s3://b/p/q?region=eu-west-1": {bucket: "b", prefix: "p/q/", region: "eu-west-1"},
		"s3://b/p/?endpoint=https://h:1&region=r&path-style=true": {bucket: "b", prefix: "p/", endpoint: "https://h:1", region: "r", pathStyle: true},
		"s3://b?endpoint=http%3A%2F%2F127.0.0.1%3A9000":           {bucket: "b", endpoint: "http://127.0.0.1:9000", pathStyle: true},
		"s3://b?path-style=false&endpoint=https://h":              {bucket: "b", endpoint: "https://h"},
	} {
		u, err := url.Parse(text)
		require.NoError(t, err)
		got, err := parseBucketURL(u)
		require.NoError(t, err, text)
		require.Equal(t, want, *got, text)
	}
	for text, want := range map[string]string{
		"s3:///p":                         "names no bucket",
		"s3://b?regoin=x":                 `"regoin" is unknown`,
		"s3://b?region=x&region=y":        `"region" 2 times`,
		"s3://b?region=":                  `"region" 1 times, or nothing`,
		"s3://b?path-style=maybe":         "neither true nor false",
		"s3://b?endpoint=h:1":             "endpoint is not of the form",
		"s3://b?endpoint=ftp://h":         "endpoint is not of the form",
		"s3://b?endpoint=http://u:hush@h": "endpoint is not of the form",
		"s3://key:hush@b/p":               "holds no credentials",
		"s3://b?a;b":                      "not of the form key=value",
	} {
		u, err := url.Parse(text)
		require.NoError(t, err)
		_, err = parseBucketURL(u)
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, err.Error(), "hush")
	}
}

// pgops calls the tool, as a user does.
func pgops(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), args, &stdout, &stderr)
	return code, stdout.String() + stderr.String()
}

// A repository in a bucket, over TLS, with all that it needs from the AWS
// environment.
func TestRepositoryInABucket(t *testing.T) {
	s := testenv.S3(t, true)
	_, err := s.Do(t.Context(), http.MethodPut, "/backups", nil)
	require.NoError(t, err)
	t.Setenv("AWS_ACCESS_KEY_ID", s.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s.SecretKey)
	t.Setenv("AWS_CA_BUNDLE", s.CAFile)
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	id, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	identity := filepath.Join(t.TempDir(), "identity")
	require.NoError(t, os.WriteFile(identity, []byte(id.String()), 0o600))
	keys := t.TempDir()

	repo := "s3://backups/db1?endpoint=" + s.Endpoint
	code, out := pgops(t, "init", "-repo", repo, "-keys", keys, "-recipient", id.Recipient().String())
	require.Zero(t, code, out)
	listed, err := s.Do(t.Context(), http.MethodGet, "/backups", nil)
	require.NoError(t, err)
	require.Contains(t, string(listed), "<Key>db1/")

	code, out = pgops(t, "list", "-repo", repo, "-keys", keys, "-json")
	require.Zero(t, code, out)
	code, out = pgops(t, "verify", "-repo", repo, "-identity", identity)
	require.NotZero(t, code, "there is no backup")
	require.NotContains(t, out, s.SecretKey)

	t.Setenv("AWS_SECRET_ACCESS_KEY", "another")
	code, out = pgops(t, "list", "-repo", repo, "-keys", keys)
	require.NotZero(t, code)
	require.Contains(t, out, "SignatureDoesNotMatch")
	code, out = pgops(t, "list", "-repo", repo+"&regoin=x", "-keys", keys)
	require.NotZero(t, code)
	require.Contains(t, out, `"regoin" is unknown`)
}
