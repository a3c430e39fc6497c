package s3log_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/s3log"
	"github.com/masaruk/devops/deploy/runlogtest"
	"github.com/masaruk/devops/internal/testenv"
)

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

func newLog(t testing.TB, c *s3.Client) *s3log.Log {
	t.Helper()
	l, err := s3log.New(c, "ops", &s3log.Options{Prefix: "runlog/"})
	require.NoError(t, err)
	return l
}

func rec(n int) []byte { return fmt.Appendf(nil, `{"n":%d}`, n) }

// read returns the records, and the error that ended them.
func read(l deploy.Log, stream string, from uint64) (recs []string, err error) {
	for r, err := range l.Read(context.Background(), stream, from) {
		if err != nil {
			return recs, err
		}
		recs = append(recs, string(r))
	}
	return recs, nil
}

// twins are two programs as one log: each call goes to the other one.
type twins struct {
	logs  [2]*s3log.Log
	calls atomic.Int64
}

func (w *twins) next() *s3log.Log { return w.logs[w.calls.Add(1)%2] }

func (w *twins) Append(ctx context.Context, stream string, seq uint64, rec []byte) error {
	return w.next().Append(ctx, stream, seq, rec)
}

func (w *twins) Prune(ctx context.Context, stream string, before uint64) error {
	return w.next().Prune(ctx, stream, before)
}

func (w *twins) Read(ctx context.Context, stream string, from uint64) iter.Seq2[[]byte, error] {
	return w.next().Read(ctx, stream, from)
}

func TestContract(t *testing.T) {
	s := server(t, false)
	w := &twins{logs: [2]*s3log.Log{newLog(t, client(s)), newLog(t, client(s))}}
	runlogtest.Run(t, func() (deploy.Log, error) { return w, nil })
}

// Over TLS the SDK sends bodies in another form.
func TestOverTLS(t *testing.T) {
	s := server(t, true)
	l := newLog(t, client(s))
	want := []string{"0", `"` + strings.Repeat("é", deploy.MaxRecord/2-1) + `"`, "  { }\r"}
	for i, r := range want {
		require.NoError(t, l.Append(t.Context(), "a", uint64(i+1), []byte(r)))
		require.ErrorIs(t, newLog(t, client(s)).Append(t.Context(), "a", uint64(i+1), []byte(r)), deploy.ErrConflict)
	}
	got, err := read(l, "a", 1)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// counter counts the requests that reach the store.
type counter struct {
	next  http.RoundTripper
	lists atomic.Int64
	gets  atomic.Int64
	rest  atomic.Int64
}

func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	switch {
	case r.URL.Query().Has("list-type"):
		c.lists.Add(1)
	case r.Method == http.MethodGet:
		c.gets.Add(1)
	default:
		c.rest.Add(1)
	}
	return c.next.RoundTrip(r)
}

func (c *counter) reset() { c.lists.Store(0); c.gets.Store(0); c.rest.Store(0) }

func over(rt http.RoundTripper) func(*s3.Options) {
	return func(o *s3.Options) { o.HTTPClient = &http.Client{Transport: rt} }
}

func TestManyRecords(t *testing.T) {
	const count = 1010 // more than one page of S3
	s := server(t, false)
	count1 := &counter{next: s.Client().Transport}
	l := newLog(t, client(s, over(count1)))
	require.NoError(t, l.Probe(t.Context()))
	count1.reset()
	for n := 1; n <= count; n++ {
		require.NoError(t, l.Append(t.Context(), "a", uint64(n), rec(n)))
	}
	require.EqualValues(t, count, count1.rest.Load(), "one request for each record")
	require.Zero(t, count1.lists.Load()+count1.gets.Load())
	require.NoError(t, l.Append(t.Context(), "a/b", 1, rec(1)))

	got, err := read(l, "a", 1)
	require.NoError(t, err)
	require.Len(t, got, count)
	for i, r := range got {
		require.Equal(t, string(rec(i+1)), r)
	}
	require.EqualValues(t, 2, count1.lists.Load())
	require.EqualValues(t, count, count1.gets.Load())

	// From a number on it looks at nothing before.
	count1.reset()
	got, err = read(l, "a", 1001)
	require.NoError(t, err)
	require.Len(t, got, 10)
	require.EqualValues(t, 1, count1.lists.Load())
	require.EqualValues(t, 10, count1.gets.Load())

	// A reader that stops has fetched no more than a handful.
	count1.reset()
	for range l.Read(t.Context(), "a", 1) {
		break
	}
	require.EqualValues(t, 8, count1.gets.Load())

	// Another Log asks once for the record before.
	count2 := &counter{next: s.Client().Transport}
	other := newLog(t, client(s, over(count2)))
	require.NoError(t, other.Probe(t.Context()))
	count2.reset()
	require.NoError(t, other.Append(t.Context(), "a", count+1, rec(count+1)))
	require.NoError(t, other.Append(t.Context(), "a", count+2, rec(count+2)))
	require.EqualValues(t, 3, count2.rest.Load())
	require.ErrorIs(t, l.Append(t.Context(), "a", count+1, rec(0)), deploy.ErrConflict)
}

func TestSmallPages(t *testing.T) {
	l := newLog(t, client(server(t, false)))
	l.SetPage(4)
	for n := 1; n <= 12; n++ {
		require.NoError(t, l.Append(t.Context(), "a", uint64(n), rec(n)))
		require.NoError(t, l.Append(t.Context(), "a/c", uint64(n), rec(-n)))
	}
	for from := 1; from <= 13; from++ {
		got, err := read(l, "a", uint64(from))
		require.NoError(t, err)
		require.Len(t, got, 13-from)
	}
}

func TestDamagedObjects(t *testing.T) {
	s := server(t, false)
	const third = "/ops/runlog/a/R/00000000000000000003"
	do := func(method, path, body string) {
		t.Helper()
		_, err := s.Do(t.Context(), method, path, []byte(body))
		require.NoError(t, err)
	}
	fresh := func() *s3log.Log {
		t.Helper()
		l := newLog(t, client(s))
		for n := 1; n <= 4; n++ {
			if err := l.Append(t.Context(), "a", uint64(n), rec(n)); n != 3 {
				require.ErrorIs(t, err, deploy.ErrConflict)
			} else {
				require.NoError(t, err)
			}
		}
		return l
	}
	l := newLog(t, client(s))
	for n := 1; n <= 4; n++ {
		require.NoError(t, l.Append(t.Context(), "a", uint64(n), rec(n)))
	}
	do(http.MethodDelete, third, "")
	for from, want := range map[uint64]int{1: 2, 2: 1, 3: 0} {
		got, err := read(l, "a", from)
		require.ErrorIs(t, err, s3log.ErrMissing)
		require.ErrorContains(t, err, `"a" record 3`)
		require.Len(t, got, want)
	}
	l = fresh()
	do(http.MethodPut, third, `{"n":3`) // without metadata
	got, err := read(l, "a", 1)
	require.ErrorIs(t, err, s3log.ErrForeign)
	require.ErrorContains(t, err, `"a" record 3`)
	require.Len(t, got, 2)
	require.ErrorIs(t, newLog(t, client(s)).Append(t.Context(), "a", 4, rec(4)), s3log.ErrForeign, "it cannot say what the record before is")
	require.ErrorIs(t, newLog(t, client(s)).Append(t.Context(), "a", 3, rec(3)), deploy.ErrConflict)

	do(http.MethodDelete, third, "")
	l = fresh()
	do(http.MethodPut, "/ops/runlog/a/R/note.txt", "hello")
	_, err = read(l, "a", 1)
	require.ErrorIs(t, err, s3log.ErrForeign)
	require.ErrorContains(t, err, "note.txt")
	do(http.MethodDelete, "/ops/runlog/a/R/note.txt", "")

	for _, metadata := range []string{"1 4 x", "1 80 x", "2 8 x", "x", ""} {
		key, name := strings.TrimPrefix(third, "/ops/"), "ops"
		_, err := client(s).PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: &name, Key: &key, Body: strings.NewReader(`{"n":3}`), Metadata: map[string]string{"devops-runlog": metadata},
		})
		require.NoError(t, err)
		got, err := read(l, "a", 3)
		require.ErrorIs(t, err, s3log.ErrForeign, metadata)
		require.Empty(t, got)
	}
}

func TestRefusedRecords(t *testing.T) {
	l := newLog(t, client(&testenv.S3Server{Endpoint: "http://127.0.0.1:1"})) // nobody is asked
	for name, bad := range map[string][]byte{
		"empty": nil, "line feed": []byte("1\n2"), "zero": []byte("\"\x00\""),
		"too big": []byte(`"` + strings.Repeat("x", deploy.MaxRecord-1) + `"`),
	} {
		require.ErrorIs(t, l.Append(t.Context(), "a", 1, bad), deploy.ErrRecord, name)
	}
}

func TestAnchor(t *testing.T) {
	s := server(t, false)
	a, err := s3log.NewAnchor(client(s), "ops", nil)
	require.NoError(t, err)
	head, err := a.Last(t.Context(), "stg/api")
	require.NoError(t, err)
	require.Empty(t, head)
	for _, want := range []string{"first\nsigned\n", "second", "first\nsigned\n"} {
		require.NoError(t, a.Keep(t.Context(), "stg/api", want))
		require.NoError(t, a.Keep(t.Context(), "stg", "other"))
		head, err := a.Last(t.Context(), "stg/api")
		require.NoError(t, err)
		require.Equal(t, want, head)
	}
	require.ErrorIs(t, a.Keep(t.Context(), "../a", "x"), deploy.ErrStreamName)
	_, err = a.Last(t.Context(), "A")
	require.ErrorIs(t, err, deploy.ErrStreamName)

	cause := errors.New("the test ended it")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	require.ErrorIs(t, a.Keep(ctx, "stg/api", "x"), cause)
	_, err = a.Last(ctx, "stg/api")
	require.ErrorIs(t, err, cause)

	none, err := s3log.NewAnchor(client(s), "no-such-bucket", nil)
	require.NoError(t, err)
	_, err = none.Last(t.Context(), "a")
	require.ErrorContains(t, err, "NoSuchBucket", "no bucket is not no head")
	require.ErrorContains(t, none.Keep(t.Context(), "a", "x"), "NoSuchBucket")
}

func TestOptions(t *testing.T) {
	_, err := s3log.New(nil, "ops", nil)
	require.ErrorContains(t, err, "NewFromConfig")
	c := s3.New(s3.Options{})
	_, err = s3log.New(c, "", nil)
	require.ErrorContains(t, err, "bucket")
	_, err = s3log.NewAnchor(c, "ops", &s3log.Options{Prefix: "/a"})
	require.ErrorContains(t, err, "Options.Prefix")
	_, err = s3log.New(c, "ops", &s3log.Options{Timeout: -time.Second})
	require.NoError(t, err)
}
