package s3log_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/s3log"
)

// proxy stands between the log and the store. Once armed it lets one PUT of a
// record through, waits for the answer and cuts the connection instead of
// passing it on.
type proxy struct {
	net.Listener
	target string
	armed  atomic.Bool
	fired  atomic.Int64
	wg     sync.WaitGroup
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{Listener: l, target: target}
	p.wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.serve(client) })
		}
	})
	return p
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	var cut atomic.Bool
	p.wg.Go(func() {
		defer client.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			if err != nil {
				return
			}
			if cut.Load() {
				p.fired.Add(1)
				return
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
	})
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		text := string(buf[:n])
		if strings.HasPrefix(text, "PUT ") && strings.Contains(text, "/R/") && p.armed.CompareAndSwap(true, false) {
			cut.Store(true)
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

// Where the answer is lost, Append says that it failed, and a Read shows that
// the record is there. Where the SDK tries again, Append finds out by itself.
func TestLostAcknowledgement(t *testing.T) {
	s := server(t, false)
	p := newProxy(t, strings.TrimPrefix(s.Endpoint, "http://"))
	transport := &http.Transport{}
	t.Cleanup(func() {
		_ = p.Close()
		transport.CloseIdleConnections()
		p.wg.Wait()
	})
	endpoint := "http://" + p.Addr().String()
	through := func(o *s3.Options) {
		o.BaseEndpoint = &endpoint
		o.HTTPClient = &http.Client{Transport: transport}
	}
	once := newLog(t, client(s, through, func(o *s3.Options) { o.Retryer = aws.NopRetryer{} }))
	require.NoError(t, once.Append(t.Context(), "a", 1, rec(1)))
	p.armed.Store(true)
	err := once.Append(t.Context(), "a", 2, rec(2))
	require.Error(t, err)
	require.NotErrorIs(t, err, deploy.ErrConflict)
	require.EqualValues(t, 1, p.fired.Load())
	got, err := read(once, "a", 1)
	require.NoError(t, err)
	require.Equal(t, []string{string(rec(1)), string(rec(2))}, got)
	require.ErrorIs(t, once.Append(t.Context(), "a", 2, rec(2)), deploy.ErrConflict, "another Append, even of the same record")

	again := newLog(t, client(s, through))
	require.NoError(t, again.Probe(t.Context()))
	p.armed.Store(true)
	require.NoError(t, again.Append(t.Context(), "a", 3, rec(3)))
	require.EqualValues(t, 2, p.fired.Load())
	got, err = read(again, "a", 3)
	require.NoError(t, err)
	require.Equal(t, []string{string(rec(3))}, got)
}

// unsafeStore makes a correct store a broken one.
type unsafeStore struct {
	next  http.RoundTripper
	fault string
	puts  atomic.Int64
}

func (u *unsafeStore) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := u.next.RoundTrip(r)
	if err != nil || !strings.Contains(r.URL.String(), "P%2F") && !strings.Contains(r.URL.Path, "/P/") {
		return resp, err
	}
	answer := func(status int, body string) {
		_ = resp.Body.Close()
		resp.StatusCode, resp.Body, resp.ContentLength = status, io.NopCloser(strings.NewReader(body)), int64(len(body))
		resp.Header = http.Header{"Content-Type": {"application/xml"}}
	}
	switch {
	case r.Method == http.MethodPut && u.fault == "check, then write":
		if u.puts.Add(1) <= 4 {
			answer(http.StatusOK, "")
		}
	case r.URL.Query().Has("list-type") && u.fault == "late listing":
		answer(http.StatusOK, "<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>")
	case r.Method == http.MethodGet && !r.URL.Query().Has("list-type") && u.fault == "other content":
		answer(http.StatusOK, "other")
	}
	return resp, nil
}

// withoutCondition takes the header away before the request is signed, as a
// store that does not know it would.
func withoutCondition(o *s3.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Build.Add(middleware.BuildMiddlewareFunc("WithoutCondition", func(
			ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler,
		) (middleware.BuildOutput, middleware.Metadata, error) {
			if r, ok := in.Request.(*smithyhttp.Request); ok {
				r.Header.Del("If-None-Match")
			}
			return next.HandleBuild(ctx, in)
		}), middleware.After)
	})
}

func TestUnsafeStores(t *testing.T) {
	s := server(t, false)
	faults := map[string]func(*s3.Options){"no condition": withoutCondition}
	for _, fault := range []string{"check, then write", "late listing", "other content"} {
		faults[fault] = over(&unsafeStore{next: s.Client().Transport, fault: fault})
	}
	for fault, change := range faults {
		l := newLog(t, client(s, change))
		require.ErrorIs(t, l.Append(t.Context(), "a", 1, rec(1)), s3log.ErrUnsafe, fault)
		got, err := read(l, "a", 1)
		require.NoError(t, err)
		require.Empty(t, got, "nothing is appended to a store that is not safe")
	}
	// The correct one passes, and nothing stays of all the probes.
	require.NoError(t, newLog(t, client(s)).Probe(t.Context()))
	bucket := "ops"
	out, err := client(s).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
	require.NoError(t, err)
	require.Empty(t, out.Contents)
}

// busyStore answers that another request for the key is under way.
type busyStore struct {
	next  http.RoundTripper
	times atomic.Int64
}

func (b *busyStore) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/R/") && b.times.Add(-1) >= 0 {
		_, _ = io.Copy(io.Discard, r.Body)
		body := "<Error><Code>ConditionalRequestConflict</Code></Error>"
		return &http.Response{
			StatusCode: http.StatusConflict, Request: r, Header: http.Header{}, ProtoMajor: 1, ProtoMinor: 1,
			Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
		}, nil
	}
	return b.next.RoundTrip(r)
}

func TestBusyStore(t *testing.T) {
	s := server(t, false)
	b := &busyStore{next: s.Client().Transport}
	l := newLog(t, client(s, over(b)))
	b.times.Store(2)
	require.NoError(t, l.Append(t.Context(), "a", 1, rec(1)))
	b.times.Store(1000)
	err := l.Append(t.Context(), "a", 2, rec(2))
	require.ErrorContains(t, err, "status 409")
	require.NotErrorIs(t, err, deploy.ErrConflict, "nobody has appended")
	require.EqualValues(t, 1000-6, b.times.Load())
	b.times.Store(0)
	require.NoError(t, l.Append(t.Context(), "a", 2, rec(2)))
}

func TestTimeouts(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer mute.Close()
	endpoint := "http://" + mute.Addr().String()
	c := s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: &endpoint, UsePathStyle: true, HTTPClient: &http.Client{Transport: &http.Transport{}},
		Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
	})
	l, err := s3log.New(c, "ops", &s3log.Options{Timeout: 100 * time.Millisecond})
	require.NoError(t, err)
	err = l.Append(t.Context(), "a", 1, rec(1))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "did not answer within 100ms")
	_, err = read(l, "a", 1)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	cause := errors.New("the test ended it")
	ctx, cancel := context.WithCancelCause(t.Context())
	patient := newLog(t, c)
	result := make(chan error, 1)
	go func() { result <- patient.Append(ctx, "a", 1, rec(1)) }()
	conn, err := mute.Accept()
	require.NoError(t, err)
	defer conn.Close()
	cancel(cause)
	require.ErrorIs(t, <-result, cause)
}

func TestErrorsHoldNoCredentials(t *testing.T) {
	s := server(t, false)
	const canary = "correct-horse-battery"
	closed := "http://127.0.0.1:1"
	for name, c := range map[string]struct {
		bucket, want string
		change       func(*s3.Options)
	}{
		"wrong secret": {"ops", "SignatureDoesNotMatch", func(o *s3.Options) {
			o.Credentials = credentials.NewStaticCredentialsProvider(s.AccessKey, canary, "")
		}},
		"no such key": {"ops", "access key", func(o *s3.Options) {
			o.Credentials = credentials.NewStaticCredentialsProvider("nobody", canary, "")
		}},
		"no such bucket": {"elsewhere", "NoSuchBucket", func(*s3.Options) {}},
		"nobody listens": {"ops", "connection refused", func(o *s3.Options) { o.BaseEndpoint = &closed }},
	} {
		l, err := s3log.New(client(s, c.change, func(o *s3.Options) { o.Retryer = aws.NopRetryer{} }), c.bucket, nil)
		require.NoError(t, err)
		_, readErr := read(l, "a", 1)
		for _, err := range []error{l.Append(t.Context(), "a", 1, []byte(`"`+canary+`"`)), l.Probe(t.Context()), readErr} {
			require.ErrorContains(t, err, c.want, name)
			require.NotContains(t, err.Error(), canary, name)
			require.NotContains(t, err.Error(), s.SecretKey, name)
			require.NotContains(t, err.Error(), "Signature=", name)
		}
	}
}
