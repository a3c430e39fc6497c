package s3store_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/testenv"
)

// proxy stands between the client and the service, and does a fault to the
// requests that one is about.
type proxy struct {
	url    string
	client *http.Client
	to     *httputil.ReverseProxy

	mu    sync.Mutex
	fault *fault
}

// fault is done to the requests of a kind, so many times.
type fault struct {
	kind  string // as kindOf tells it
	times int
	fired int
	do    func(p *proxy, w http.ResponseWriter, r *http.Request)
}

const always = 1 << 30

func newProxy(t testing.TB, s *testenv.S3Server) *proxy {
	t.Helper()
	target, err := url.Parse(s.Endpoint)
	require.NoError(t, err)
	p := &proxy{to: &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
		Transport: s.Client().Transport,
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) {
			panic(http.ErrAbortHandler)
		},
	}}
	server := httptest.NewUnstartedServer(http.HandlerFunc(p.serve))
	transport := &http.Transport{}
	if target.Scheme == "https" {
		server.StartTLS()
		pool := x509.NewCertPool()
		pool.AddCert(server.Certificate())
		transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	t.Cleanup(transport.CloseIdleConnections)
	p.url, p.client = server.URL, &http.Client{Transport: transport}
	return p
}

// through makes a client go through the proxy.
func (p *proxy) through(o *s3.Options) { o.BaseEndpoint, o.HTTPClient = &p.url, p.client }

// arm makes the proxy do the fault from now on, and returns how often it did.
func (p *proxy) arm(kind string, times int, do func(p *proxy, w http.ResponseWriter, r *http.Request)) (fired func() int) {
	f := &fault{kind: kind, times: times, do: do}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
	return func() int {
		p.mu.Lock()
		defer p.mu.Unlock()
		return f.fired
	}
}

func (p *proxy) disarm() { p.arm("none", 0, nil) }

func (p *proxy) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	f := p.fault
	fire := f != nil && f.fired < f.times && kindOf(r) == f.kind
	if fire {
		f.fired++
	}
	p.mu.Unlock()
	if fire {
		f.do(p, w, r)
		return
	}
	p.to.ServeHTTP(w, r)
}

// kindOf names what a request asks for. That of a probe is of another kind.
func kindOf(r *http.Request) string {
	q := r.URL.Query()
	kind := strings.ToLower(r.Method)
	switch {
	case q.Has("list-type"):
		kind = "list"
	case q.Has("uploads"):
		kind = "create"
	case q.Has("partNumber"):
		kind = "part"
	case q.Has("uploadId") && r.Method == http.MethodPost:
		kind = "complete"
	case q.Has("uploadId"):
		kind = "abort"
	}
	if strings.Contains(r.URL.Path, ".probe-") || strings.Contains(q.Get("prefix"), ".probe-") {
		kind = "probe " + kind
	}
	return kind
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

const internalError = `<?xml version="1.0"?><Error><Code>InternalError</Code><Message>We had a problem.</Message></Error>`

// fails refuses, and does nothing.
func fails(_ *proxy, w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	answer(w, http.StatusServiceUnavailable, `<Error><Code>SlowDown</Code></Error>`)
}

// hangs answers nothing until the client goes.
func hangs(_ *proxy, _ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// cut ends the connection before anything is done.
func cut(*proxy, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// losesAnswer does what is asked for, and ends the connection.
func losesAnswer(p *proxy, _ http.ResponseWriter, r *http.Request) {
	p.to.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// succeedsInName answers 200, with an error in the body, and does nothing.
func succeedsInName(_ *proxy, w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	answer(w, http.StatusOK, internalError)
}

// failsInName does what is asked for, and answers 200 with an error in the body.
func failsInName(p *proxy, w http.ResponseWriter, r *http.Request) {
	p.to.ServeHTTP(httptest.NewRecorder(), r)
	answer(w, http.StatusOK, internalError)
}

// answered is the whole answer of the service.
func answered(p *proxy, r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	p.to.ServeHTTP(rec, r)
	return rec
}

// pass sends an answer on with another body.
func pass(w http.ResponseWriter, rec *httptest.ResponseRecorder, body []byte) {
	maps.Copy(w.Header(), rec.Header())
	w.WriteHeader(rec.Code)
	_, _ = w.Write(body)
}

// breaksOff sends half of the answer and ends the connection.
func breaksOff(p *proxy, w http.ResponseWriter, r *http.Request) {
	rec := answered(p, r)
	body := rec.Body.Bytes()
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	pass(w, rec, body[:len(body)/2])
	panic(http.ErrAbortHandler)
}

// stalls sends half of the answer, and nothing more until the client goes.
func stalls(p *proxy, w http.ResponseWriter, r *http.Request) {
	rec := answered(p, r)
	body := rec.Body.Bytes()
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	pass(w, rec, body[:len(body)/2])
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// truncates sends all but the last byte, and says that this is all.
func truncates(p *proxy, w http.ResponseWriter, r *http.Request) {
	rec := answered(p, r)
	body := rec.Body.Bytes()
	rec.Header().Set("Content-Length", strconv.Itoa(len(body)-1))
	pass(w, rec, body[:len(body)-1])
}

// flipsAnswer changes a bit of what is read.
func flipsAnswer(p *proxy, w http.ResponseWriter, r *http.Request) {
	rec := answered(p, r)
	body := rec.Body.Bytes()
	body[len(body)/2] ^= 1
	pass(w, rec, body)
}

// flipsRequest changes a bit of what is to be stored.
func flipsRequest(p *proxy, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	body[len(body)/2] ^= 1
	r.Body = io.NopCloser(bytes.NewReader(body))
	p.to.ServeHTTP(w, r)
}

// listsLate shows nothing of what is there.
func listsLate(_ *proxy, w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, "<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>")
}

// listsBackwards shows two names in the wrong order.
func listsBackwards(_ *proxy, w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, "<ListBucketResult><Contents><Key>b</Key></Contents><Contents><Key>a</Key></Contents></ListBucketResult>")
}

// forgetsCondition takes the condition for fulfilled.
func forgetsCondition(_ *proxy, w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	body := ""
	if r.Method == http.MethodPost {
		body = fmt.Sprintf("<CompleteMultipartUploadResult><Key>%s</Key></CompleteMultipartUploadResult>", r.URL.Path)
	}
	answer(w, http.StatusOK, body)
}
