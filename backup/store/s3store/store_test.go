package s3store_test

import (
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/backup/store/s3store"
	"github.com/masaruk/devops/backup/storetest"
	"github.com/masaruk/devops/internal/testenv"
)

// server starts a service with the bucket "backups".
func server(t testing.TB, tls bool) *testenv.S3Server {
	t.Helper()
	s := testenv.S3(t, tls)
	_, err := s.Do(t.Context(), http.MethodPut, "/backups", nil)
	require.NoError(t, err)
	return s
}

// client returns a client for the server, changed by the functions.
func client(s *testenv.S3Server, change ...func(*s3.Options)) *s3.Client {
	o := s3.Options{
		Region: s.Region, BaseEndpoint: &s.Endpoint, UsePathStyle: true, HTTPClient: s.Client(),
		Credentials: credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey, ""),
	}
	for _, f := range change {
		f(&o)
	}
	return s3.New(o)
}

func newStore(t testing.TB, c *s3.Client, opts *s3store.Options) *s3store.Store {
	t.Helper()
	s, err := s3store.New(c, "backups", opts)
	require.NoError(t, err)
	return s
}

func TestContract(t *testing.T) {
	for _, c := range []struct {
		name          string
		tls, versions bool
	}{{"http", false, false}, {"https, versions", true, true}} {
		t.Run(c.name, func(t *testing.T) {
			s := server(t, c.tls)
			if c.versions {
				keepVersions(t, s)
			}
			store := newStore(t, client(s), &s3store.Options{Prefix: "db1/"})
			store.SetPage(30)
			storetest.Run(t, func() (backup.Store, error) { return store, nil }, &storetest.Options{Page: 30})
			requireNoVersions(t, s)
			requireEmpty(t, s, "")
		})
	}
}

// keepVersions makes the bucket one with versions.
func keepVersions(t *testing.T, s *testenv.S3Server) {
	t.Helper()
	_, err := client(s).PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: aws.String("backups"), VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	require.NoError(t, err)
}

func requireNoVersions(t *testing.T, s *testenv.S3Server) {
	t.Helper()
	versions, err := client(s).ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: aws.String("backups")})
	require.NoError(t, err)
	require.Empty(t, versions.Versions)
	require.Empty(t, versions.DeleteMarkers)
}
