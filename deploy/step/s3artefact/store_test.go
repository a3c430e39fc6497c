package s3artefact_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/filelog"
	"github.com/masaruk/devops/deploy/step/artefact"
	"github.com/masaruk/devops/deploy/step/s3artefact"
	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/internal/testenv"
)

var _ artefact.Signatures = (*s3artefact.Store)(nil)

// server starts a store with the bucket "ops".
func server(t *testing.T, tls bool) *testenv.S3Server {
	t.Helper()
	s := testenv.S3(t, tls)
	_, err := s.Do(t.Context(), http.MethodPut, "/ops", nil)
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

func newStore(t testing.TB, c *s3.Client) *s3artefact.Store {
	t.Helper()
	s, err := s3artefact.New(c, "ops", &s3artefact.Options{Prefix: "artefacts/"})
	require.NoError(t, err)
	return s
}

func digestOf(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }

func object(digest string) string {
	return "artefacts/sha256/" + strings.TrimPrefix(digest, "sha256:") + ".tar.gz"
}

func get(t *testing.T, s *s3artefact.Store, digest string) ([]byte, error) {
	t.Helper()
	r, err := s.Get(t.Context(), digest)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(r)
	require.NoError(t, r.Close())
	return content, err
}

// TestStore holds the bucket to the contract of a store.
func TestStore(t *testing.T) {
	for _, tls := range []bool{false, true} {
		store := newStore(t, client(server(t, tls)))
		content := []byte(strings.Repeat("an archive ", 200_000))
		digest, other := digestOf(content), digestOf(nil)

		_, err := get(t, store, digest)
		require.ErrorIs(t, err, fs.ErrNotExist)
		_, err = store.Stat(t.Context(), digest)
		require.ErrorIs(t, err, fs.ErrNotExist)
		_, err = store.Signature(t.Context(), digest)
		require.ErrorIs(t, err, fs.ErrNotExist)

		require.ErrorIs(t, store.Put(t.Context(), other, bytes.NewReader(content)), s3artefact.ErrDigest)
		_, err = store.Stat(t.Context(), other)
		require.ErrorIs(t, err, fs.ErrNotExist)
		for range 2 {
			r := bytes.NewReader(content)
			_, err := r.Seek(5, io.SeekStart) // Put begins at the beginning
			require.NoError(t, err)
			require.NoError(t, store.Put(t.Context(), digest, r))
		}
		require.NoError(t, store.Put(t.Context(), other, bytes.NewReader(nil))) // an empty one
		got, err := get(t, store, digest)
		require.NoError(t, err)
		require.Equal(t, content, got)
		got, err = get(t, store, other)
		require.NoError(t, err)
		require.Empty(t, got)
		size, err := store.Stat(t.Context(), digest)
		require.NoError(t, err)
		require.EqualValues(t, len(content), size)

		for _, note := range []string{"one", "two\n"} {
			require.NoError(t, store.PutSignature(t.Context(), digest, note))
			got, err := store.Signature(t.Context(), digest)
			require.NoError(t, err)
			require.Equal(t, note, got)
		}
	}
}

func TestRefusals(t *testing.T) {
	store := newStore(t, client(&testenv.S3Server{Endpoint: "http://127.0.0.1:1"})) // nobody is asked
	hash := strings.Repeat("a", 64)
	for _, bad := range []string{"", hash, "sha256:" + hash[1:], "sha256:../" + hash[3:], "sha256:" + strings.ToUpper(hash), "sha256:" + hash + "\n"} {
		require.ErrorContains(t, store.Put(t.Context(), bad, strings.NewReader("")), "is no digest", bad)
		_, err := store.Get(t.Context(), bad)
		require.ErrorContains(t, err, "is no digest", bad)
		_, err = store.Stat(t.Context(), bad)
		require.ErrorContains(t, err, "is no digest", bad)
		_, err = store.Signature(t.Context(), bad)
		require.ErrorContains(t, err, "is no digest", bad)
		require.ErrorContains(t, store.PutSignature(t.Context(), bad, "x"), "is no digest", bad)
	}
	digest := digestOf(nil)
	for _, note := range []string{"", strings.Repeat("x", 64<<10+1)} {
		require.ErrorContains(t, store.PutSignature(t.Context(), digest, note), "a signature has")
	}
	cause := errors.New("the test ended it")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	require.ErrorIs(t, store.Put(ctx, digest, strings.NewReader("")), cause)
	_, err := store.Get(ctx, digest)
	require.ErrorIs(t, err, cause)
	_, err = store.Stat(ctx, digest)
	require.ErrorIs(t, err, cause)
	_, err = store.Signature(ctx, digest)
	require.ErrorIs(t, err, cause)
	require.ErrorIs(t, store.PutSignature(ctx, digest, "x"), cause)

	_, err = s3artefact.New(nil, "ops", nil)
	require.ErrorContains(t, err, "NewFromConfig")
	_, err = s3artefact.New(s3.New(s3.Options{}), "", nil)
	require.ErrorContains(t, err, "bucket")
	_, err = s3artefact.New(s3.New(s3.Options{}), "ops", &s3artefact.Options{Prefix: "/a"})
	require.ErrorContains(t, err, "Options.Prefix")
	s, err := s3artefact.New(s3.New(s3.Options{}), "ops", &s3artefact.Options{Prefix: "a/", Timeout: -time.Second})
	require.NoError(t, err)
	require.Equal(t, "s3://ops/a/", s.String())
}

// A bucket that is not there and credentials that do not fit are no answer.
func TestErrorsSayWhatToDo(t *testing.T) {
	server := server(t, false)
	digest := digestOf(nil)
	none, err := s3artefact.New(client(server), "no-such-bucket", nil)
	require.NoError(t, err)
	_, err = none.Get(t.Context(), digest)
	require.ErrorContains(t, err, "NoSuchBucket")
	require.NotErrorIs(t, err, fs.ErrNotExist)

	const wrong = "wrong-canary-0123456789"
	bad := newStore(t, client(server, func(o *s3.Options) {
		o.Credentials = credentials.NewStaticCredentialsProvider(server.AccessKey, wrong, "")
	}))
	for _, err := range []error{bad.Put(t.Context(), digest, strings.NewReader("")), bad.PutSignature(t.Context(), digest, "x"), second(bad.Get(t.Context(), digest)), second(bad.Signature(t.Context(), digest))} {
		require.ErrorContains(t, err, "check the credentials")
		require.ErrorContains(t, err, digest)
		require.NotContains(t, err.Error(), wrong)
		require.NotErrorIs(t, err, fs.ErrNotExist)
	}
	away := newStore(t, client(&testenv.S3Server{Endpoint: "http://127.0.0.1:1"}, func(o *s3.Options) { o.Retryer = aws.NopRetryer{} }))
	require.ErrorContains(t, away.Put(t.Context(), digest, strings.NewReader("")), "cannot be asked")
}

func second[T any](_ T, err error) error { return err }

// A bit that flips on the store's disk is found by whoever reads, and a Put
// does not take what is there for what it should be.
func TestFlippedBitInTheStore(t *testing.T) {
	s := server(t, false)
	store := newStore(t, client(s))
	content := []byte(strings.Repeat("an archive ", 1000))
	digest := digestOf(content)
	require.NoError(t, store.Put(t.Context(), digest, bytes.NewReader(content)))
	file := filepath.Join(s.Dir(), "objects", "ops", filepath.FromSlash(object(digest)))
	for _, at := range []int{0, len(content) / 2, len(content) - 1} {
		bad := bytes.Clone(content)
		bad[at] ^= 4
		overwrite(t, file, bad)
		_, err := get(t, store, digest)
		require.Error(t, err)
		require.NotErrorIs(t, err, io.EOF)
		err = pull(t, store, digest, filepath.Join(t.TempDir(), "a.tar.gz"), nil)
		require.Error(t, err)
	}
	overwrite(t, file, content[1:])
	require.ErrorIs(t, store.Put(t.Context(), digest, bytes.NewReader(content)), s3artefact.ErrDamaged)
	require.NoError(t, os.Remove(file))
	require.NoError(t, store.Put(t.Context(), digest, bytes.NewReader(content)))
	_, err := get(t, store, digest)
	require.NoError(t, err)
}

// overwrite changes the content of a file and nothing else of it.
func overwrite(t *testing.T, file string, content []byte) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_TRUNC, 0)
	require.NoError(t, err)
	_, err = f.Write(content)
	require.NoError(t, errors.Join(err, f.Close()))
}

// An object that somebody put there in our place is not taken for ours.
func TestForeignObject(t *testing.T) {
	s := server(t, false)
	store := newStore(t, client(s))
	content := []byte("an archive")
	digest := digestOf(content)
	key, bucket := object(digest), "ops"
	foreign := func(body string) {
		t.Helper()
		_, err := client(s).PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: &bucket, Key: &key, Body: strings.NewReader(body), ChecksumAlgorithm: "SHA256",
		})
		require.NoError(t, err)
	}
	for _, body := range []string{"another size", "AN ARCHIVE"} {
		foreign(body)
		require.ErrorIs(t, store.Put(t.Context(), digest, bytes.NewReader(content)), s3artefact.ErrDamaged, body)
		_, err := get(t, store, digest)
		require.ErrorIs(t, err, s3artefact.ErrDigest, body)
	}
}

// roundTrip is a function as a transport.
type roundTrip func(r *http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func through(s *testenv.S3Server, f func(next http.RoundTripper, r *http.Request) (*http.Response, error)) func(*s3.Options) {
	next := s.Client().Transport
	return func(o *s3.Options) {
		o.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) { return f(next, r) })}
	}
}

// Where the answer to a PUT is lost, the SDK tries again, is told that the
// object exists, and Put finds that it is the right one.
func TestLostAnswer(t *testing.T) {
	s := server(t, false)
	var lost atomic.Int64
	store := newStore(t, client(s, through(s, func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
		res, err := next.RoundTrip(r)
		if err == nil && r.Method == http.MethodPut && lost.Add(1) == 1 {
			return nil, errors.Join(errors.New("connection reset"), res.Body.Close())
		}
		return res, err
	})))
	content := []byte("an archive")
	require.NoError(t, store.Put(t.Context(), digestOf(content), bytes.NewReader(content)))
	require.EqualValues(t, 2, lost.Load())
	got, err := get(t, store, digestOf(content))
	require.NoError(t, err)
	require.Equal(t, content, got)
}

// What changes on its way is refused by the store: nobody sees it.
func TestChangedOnTheWay(t *testing.T) {
	s := server(t, false)
	content := []byte(strings.Repeat("an archive ", 1000))
	digest := digestOf(content)
	for name, change := range map[string]func(body []byte) []byte{
		"flipped": func(body []byte) []byte { b := bytes.Clone(body); b[100] ^= 1; return b },
		"cut":     func(body []byte) []byte { return body[:100] },
	} {
		fired := 0
		store := newStore(t, client(s, func(o *s3.Options) { o.Retryer = aws.NopRetryer{} }, through(s, func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPut {
				fired++
				body, err := io.ReadAll(r.Body)
				if err != nil {
					return nil, err
				}
				r.Body = io.NopCloser(bytes.NewReader(change(body)))
			}
			return next.RoundTrip(r)
		})))
		require.Error(t, store.Put(t.Context(), digest, bytes.NewReader(content)), name)
		require.Equal(t, 1, fired, name)
		_, err := store.Stat(t.Context(), digest)
		require.ErrorIs(t, err, fs.ErrNotExist, name)
	}
}

// Those that race for an object all succeed, and it is whole.
func TestRace(t *testing.T) {
	s := server(t, false)
	content := []byte(strings.Repeat("an archive ", 10_000))
	digest := digestOf(content)
	var all sync.WaitGroup
	for range 6 {
		store := newStore(t, client(s))
		all.Go(func() {
			if err := store.Put(context.Background(), digest, bytes.NewReader(content)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	got, err := get(t, newStore(t, client(s)), digest)
	require.NoError(t, err)
	require.Equal(t, content, got)
}

// A store that is killed while it gets an archive has all of it or nothing,
// also when it is back.
func TestKilledStore(t *testing.T) {
	s := server(t, false)
	content := bytes.Repeat([]byte("an archive "), 500_000)
	digest := digestOf(content)
	killed := 0
	store := newStore(t, client(s, func(o *s3.Options) { o.Retryer = aws.NopRetryer{} }, through(s, func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPut {
			r.Body = &killing{ReadCloser: r.Body, after: 1 << 20, kill: func() {
				killed++
				if err := s.Kill(9); err != nil {
					t.Error(err)
				}
				<-s.Gone()
			}}
		}
		return next.RoundTrip(r)
	})))
	require.Error(t, store.Put(t.Context(), digest, bytes.NewReader(content)))
	require.Equal(t, 1, killed)
	require.NoFileExists(t, filepath.Join(s.Dir(), "objects", "ops", filepath.FromSlash(object(digest))))
}

// killing calls a function when so much was read.
type killing struct {
	io.ReadCloser
	after int
	kill  func()
}

func (k *killing) Read(p []byte) (int, error) {
	n, err := k.ReadCloser.Read(p)
	if k.after > 0 && k.after-n <= 0 {
		k.kill()
	}
	k.after -= n
	return n, err
}

func run(t *testing.T, steps ...deploy.Step) error {
	t.Helper()
	log, err := filelog.New(filepath.Join(t.TempDir(), "log"), nil)
	require.NoError(t, err)
	r, err := deploy.New(log, &deploy.Options{Initiator: "ada"})
	require.NoError(t, err)
	_, err = r.Run(t.Context(), "1", deploy.Plan{Service: "api", Env: envconfig.Staging(), Steps: steps})
	return err
}

func pull(t *testing.T, store artefact.Store, digest, file string, keys []deploy.VerifyingKey) error {
	t.Helper()
	return run(t, deploy.Step{Name: "pull", InFlight: deploy.Repeat, Do: &artefact.Pull{Store: store, Digest: digest, Archive: file, Keys: keys}})
}

// The whole way: packed and signed here, pushed, pulled and unpacked there.
func TestPromotion(t *testing.T) {
	store := newStore(t, client(server(t, true)))
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, name) }
	require.NoError(t, os.Mkdir(at("build"), 0o700))
	require.NoError(t, os.WriteFile(at("build/app.js"), []byte("serve()"), 0o600))
	seed := sha256.Sum256([]byte("ci"))
	private := ed25519.NewKeyFromSeed(seed[:])
	digest, err := (&artefact.Pack{Dir: at("build"), Archive: at("a.tar.gz"), Signer: &deploy.SigningKey{Name: "ci", Key: private}}).Make(t.Context())
	require.NoError(t, err)
	keys := []deploy.VerifyingKey{{Name: "ci", Key: private.Public().(ed25519.PublicKey)}}
	require.NoError(t, run(t,
		deploy.Step{Name: "push", InFlight: deploy.Repeat, Do: &artefact.Push{Archive: at("a.tar.gz"), Digest: digest, Store: store}},
		deploy.Step{Name: "pull", InFlight: deploy.Repeat, Do: &artefact.Pull{Store: store, Digest: digest, Archive: at("b.tar.gz"), Keys: keys}},
		deploy.Step{Name: "unpack", InFlight: deploy.Repeat, Do: &artefact.Unpack{Archive: at("b.tar.gz"), Digest: digest, Dir: at("v1"), Keys: keys}},
	))
	content, err := os.ReadFile(at("v1/app.js"))
	require.NoError(t, err)
	require.Equal(t, "serve()", string(content))
	note, err := store.Signature(t.Context(), digest)
	require.NoError(t, err)
	require.NoError(t, store.PutSignature(t.Context(), digest, strings.Replace(note, "ci", "xx", 1)))
	require.ErrorIs(t, pull(t, store, digest, at("c.tar.gz"), keys), artefact.ErrSignature)
	require.NoFileExists(t, at("c.tar.gz"))
}
