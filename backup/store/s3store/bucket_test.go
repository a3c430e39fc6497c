package s3store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/backup/store/s3store"
)

// A locked object stays, of whatever size, and Delete neither hides it nor says
// that it is gone.
func TestObjectLock(t *testing.T) {
	s := server(t, false)
	c := client(s)
	_, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("locked"), ObjectLockEnabledForBucket: aws.Bool(true)})
	require.NoError(t, err)
	for _, mode := range []types.ObjectLockMode{types.ObjectLockModeCompliance, types.ObjectLockModeGovernance} {
		store, err := s3store.New(c, "locked", &s3store.Options{Prefix: string(mode) + "/", LockMode: mode, LockDays: 2})
		require.NoError(t, err)
		for _, size := range []int{small, large} {
			name, body := fmt.Sprint("o", size), random(size)
			require.NoError(t, store.Put(t.Context(), name, stream(body)))
			err = store.Delete(t.Context(), name)
			require.ErrorIs(t, err, fs.ErrPermission)
			require.ErrorContains(t, err, "kept until "+time.Now().UTC().AddDate(0, 0, 2).Format(time.DateOnly))
			got, err := read(t.Context(), store, name, 0, -1)
			require.NoError(t, err)
			require.Equal(t, body, got)
			require.ErrorIs(t, store.Put(t.Context(), name, stream(nil)), fs.ErrExist)
			key := string(mode) + "/" + name
			held, err := c.GetObjectRetention(t.Context(), &s3.GetObjectRetentionInput{Bucket: aws.String("locked"), Key: &key})
			require.NoError(t, err)
			require.EqualValues(t, mode, held.Retention.Mode)
		}
	}
	// Without a lock the same bucket lets all its versions go.
	open, err := s3store.New(c, "locked", &s3store.Options{Prefix: "open/"})
	require.NoError(t, err)
	require.NoError(t, open.Put(t.Context(), "o", stream([]byte("1"))))
	_, err = s.Do(t.Context(), http.MethodPut, "/locked/open/held", []byte("x"))
	require.NoError(t, err)
	require.NoError(t, open.Delete(t.Context(), "held"))
	require.NoError(t, open.Delete(t.Context(), "o"))
	versions, err := c.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: aws.String("locked"), Prefix: aws.String("open/")})
	require.NoError(t, err)
	require.Empty(t, versions.Versions)
	require.Empty(t, versions.DeleteMarkers)
}

// Somebody who overwrites an object in a bucket with versions.
func TestDeleteOfManyVersions(t *testing.T) {
	s := server(t, false)
	keepVersions(t, s)
	store := newStore(t, client(s), nil)
	for range 3 {
		_, err := s.Do(t.Context(), http.MethodPut, "/backups/o", []byte("x"))
		require.NoError(t, err)
	}
	require.NoError(t, store.Delete(t.Context(), "o"))
	_, err := read(t.Context(), store, "o", 0, -1)
	require.ErrorIs(t, err, fs.ErrNotExist, "no older version comes back")
	requireNoVersions(t, s)
}

// Services that refuse the checksums of the SDK work with the client's setting.
func TestWithoutChecksums(t *testing.T) {
	for name, tls := range map[string]bool{"http": false, "https": true} {
		t.Run(name, func(t *testing.T) { withoutChecksums(t, tls) })
	}
}

func withoutChecksums(t *testing.T, tls bool) {
	s := server(t, tls)
	p := newProxy(t, s)
	store := newStore(t, client(s, p.through, func(o *s3.Options) {
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	}), nil)
	sent := 0
	fired := p.arm("part", always, func(p *proxy, w http.ResponseWriter, r *http.Request) {
		for name := range r.Header {
			if strings.Contains(strings.ToLower(name), "checksum") || strings.EqualFold(name, "X-Amz-Trailer") {
				sent++
			}
		}
		p.to.ServeHTTP(w, r)
	})
	body := random(large)
	require.NoError(t, store.Put(t.Context(), "o", stream(body)))
	require.NoError(t, store.Put(t.Context(), "small", stream(body[:small])))
	require.Equal(t, 2, fired())
	require.Zero(t, sent)
	got, err := read(t.Context(), store, "o", 0, -1)
	require.NoError(t, err)
	require.Equal(t, body, got)
	fired = p.arm("put", always, flipsRequest)
	require.Error(t, store.Put(t.Context(), "p", stream(body[:small])), "the signature covers the body")
	require.Positive(t, fired())
	p.disarm()
	_, err = read(t.Context(), store, "p", 0, -1)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// Each part says which checksum it has, and the last request repeats them all.
func TestChecksumsAreNamed(t *testing.T) {
	s := server(t, false)
	p := newProxy(t, s)
	store := newStore(t, client(s, p.through), nil)
	require.NoError(t, store.Probe(t.Context()))
	see := func(look func(r *http.Request, body string)) func(*proxy, http.ResponseWriter, *http.Request) {
		return func(p *proxy, w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			look(r, string(body))
			p.to.ServeHTTP(w, r)
		}
	}
	for kind, look := range map[string]func(r *http.Request, body string){
		"create": func(r *http.Request, _ string) {
			require.Equal(t, "CRC32", r.Header.Get("X-Amz-Checksum-Algorithm"))
		},
		"part": func(r *http.Request, _ string) { require.NotEmpty(t, r.Header.Get("X-Amz-Checksum-Crc32")) },
		"complete": func(r *http.Request, body string) {
			require.Equal(t, 2, strings.Count(body, "<ChecksumCRC32>"))
			require.Equal(t, "*", r.Header.Get("If-None-Match"))
		},
	} {
		fired := p.arm(kind, always, see(look))
		require.NoError(t, store.Put(t.Context(), kind, stream(random(large))))
		require.Positive(t, fired())
	}
}

// A killed process leaves parts; who sweeps removes those that are old, below
// the prefix.
func TestSweep(t *testing.T) {
	s := server(t, false)
	c := client(s)
	bucket := "backups"
	for _, key := range []string{"db1/a", "db1/b/c", "db2/a"} {
		_, err := c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key})
		require.NoError(t, err)
	}
	store := newStore(t, c, &s3store.Options{Prefix: "db1/"})
	require.NoError(t, store.Sweep(t.Context(), time.Now().Add(-time.Hour)))
	require.Equal(t, 3, uploads(t, s, ""))
	require.NoError(t, store.Sweep(t.Context(), time.Now().Add(time.Hour)))
	require.Equal(t, 1, uploads(t, s, ""))
	require.Equal(t, 1, uploads(t, s, "db2/"))
	require.NoError(t, store.Sweep(t.Context(), time.Now().Add(time.Hour)))
	ended, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("the test ended it")
	cancel(cause)
	require.ErrorIs(t, store.Sweep(ended, time.Now()), cause)
}

// What a Put of many parts began is removed when its body or its context ends.
func TestPutThatIsCutOff(t *testing.T) {
	s := server(t, false)
	p := newProxy(t, s)
	store := newStore(t, client(s, p.through, fast), nil)
	require.NoError(t, store.Probe(t.Context()))
	broken := errors.New("the disk broke")
	body := io.MultiReader(stream(random(large)), errorReader{broken})
	require.ErrorIs(t, store.Put(t.Context(), "o", body), broken)
	require.Zero(t, uploads(t, s, ""))

	cause := errors.New("the test ended it")
	ctx, cancel := context.WithCancelCause(t.Context())
	fired := p.arm("part", always, func(p *proxy, w http.ResponseWriter, r *http.Request) {
		cancel(cause)
		hangs(p, w, r)
	})
	source := &counted{}
	require.ErrorIs(t, store.Put(ctx, "o", source), cause)
	require.Positive(t, fired())
	require.LessOrEqual(t, source.n, int64(2*5<<20), "no more is held than the manual says")
	require.Zero(t, uploads(t, s, ""))
	requireEmpty(t, s, "")
}

// Around the size of a part, and where the end comes with the last bytes.
func TestSizesAroundAPart(t *testing.T) {
	s := server(t, false)
	p := newProxy(t, s)
	store := newStore(t, client(s, p.through), nil)
	require.NoError(t, store.Probe(t.Context()))
	for _, c := range []struct{ size, parts, atOnce int }{{5<<20 - 1, 0, 0}, {5 << 20, 1, 0}, {10 << 20, 2, 2}} {
		body := random(c.size)
		for name, r := range map[string]io.Reader{"end behind": stream(body), "end with": iotest.DataErrReader(stream(body))} {
			fired := p.arm("part", always, func(p *proxy, w http.ResponseWriter, r *http.Request) { p.to.ServeHTTP(w, r) })
			key := fmt.Sprintf("%d-%s", c.size, strings.ReplaceAll(name, " ", "-"))
			require.NoError(t, store.Put(t.Context(), key, r))
			want := c.parts
			if name == "end with" {
				want = c.atOnce
			}
			require.Equal(t, want, fired(), key)
			got, err := read(t.Context(), store, key, 0, -1)
			require.NoError(t, err)
			require.True(t, bytes.Equal(body, got), key)
		}
	}
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

// counted is an endless body.
type counted struct{ n int64 }

func (c *counted) Read(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

// Who may not abort is told what is left, beside why the Put failed.
func TestAbortThatFails(t *testing.T) {
	s := server(t, false)
	p := newProxy(t, s)
	store := newStore(t, client(s, p.through, fast), nil)
	require.NoError(t, store.Put(t.Context(), "o", stream(nil)))
	fired := p.arm("abort", always, func(_ *proxy, w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusForbidden, "<Error><Code>AccessDenied</Code></Error>")
	})
	err := store.Put(t.Context(), "o", stream(random(large)))
	require.ErrorIs(t, err, fs.ErrExist)
	require.NotErrorIs(t, err, fs.ErrPermission)
	require.ErrorContains(t, err, "AccessDenied")
	require.Equal(t, 1, fired())
}

func TestKeysThatAreNoNames(t *testing.T) {
	s := server(t, false)
	for _, key := range []string{"db1/a/.hidden", "db1/.probe-x", "db10/a"} {
		_, err := s.Do(t.Context(), http.MethodPut, "/backups/"+key, []byte("x"))
		require.NoError(t, err)
	}
	store := newStore(t, client(s), &s3store.Options{Prefix: "db1/"})
	require.NoError(t, store.Put(t.Context(), "a/b", stream(nil)))
	var names []string
	for o, err := range store.List(t.Context(), "") {
		require.NoError(t, err)
		names = append(names, o.Name)
	}
	require.Equal(t, []string{"a/b"}, names)
}

func TestErrorsHoldNoCredentials(t *testing.T) {
	s := server(t, false)
	const canary = "correct-horse-battery"
	closed := "http://127.0.0.1:1"
	for name, c := range map[string]struct {
		bucket, want string
		change       func(*s3.Options)
		is           error
	}{
		"wrong secret": {"backups", "SignatureDoesNotMatch", func(o *s3.Options) {
			o.Credentials = credentials.NewStaticCredentialsProvider(s.AccessKey, canary, "")
		}, fs.ErrPermission},
		"no such key": {"backups", "access key", func(o *s3.Options) {
			o.Credentials = credentials.NewStaticCredentialsProvider("nobody", canary, "")
		}, nil},
		"no such bucket": {"elsewhere", "NoSuchBucket", func(*s3.Options) {}, nil},
		"nobody listens": {"backups", "connection refused", func(o *s3.Options) { o.BaseEndpoint = &closed }, nil},
	} {
		store, err := s3store.New(client(s, c.change, fast), c.bucket, nil)
		require.NoError(t, err)
		_, getErr := read(t.Context(), store, "o", 0, -1)
		var listErr error
		for _, listErr = range store.List(t.Context(), "") {
		}
		for _, err := range []error{store.Put(t.Context(), "o", stream([]byte(canary))), getErr, listErr, store.Sweep(t.Context(), time.Now())} {
			var e *backup.StoreError
			require.ErrorAs(t, err, &e, name)
			require.ErrorContains(t, err, c.want, name)
			require.NotErrorIs(t, err, fs.ErrNotExist, name)
			if c.is != nil {
				require.ErrorIs(t, err, c.is, name)
			}
			require.NotContains(t, err.Error(), canary, name)
			require.NotContains(t, err.Error(), s.SecretKey, name)
			require.NotContains(t, err.Error(), "Signature=", name)
		}
	}
}

func TestOptions(t *testing.T) {
	c := s3.New(s3.Options{Region: "r"})
	for want, o := range map[string]s3store.Options{
		"begins with a slash":               {Prefix: "/a"},
		"LockDays is set without":           {LockDays: 1},
		"LockDays is 0":                     {LockMode: types.ObjectLockModeCompliance},
		"neither GOVERNANCE nor COMPLIANCE": {LockMode: "forever", LockDays: 1},
	} {
		_, err := s3store.New(c, "b", &o)
		require.ErrorContains(t, err, want)
	}
	_, err := s3store.New(c, "", nil)
	require.ErrorContains(t, err, "bucket is empty")
	_, err = s3store.New(nil, "b", nil)
	require.ErrorContains(t, err, "client is nil")
}
