package s3store_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/backup/store/s3store"
	"github.com/masaruk/devops/internal/testenv"
)

// fast makes a client try three times without the waits of a real one.
func fast(o *s3.Options) {
	o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = 3
		o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return time.Millisecond, nil })
		o.RateLimiter = unlimited{}
	})
}

// unlimited lets a client try again however often others had to.
type unlimited struct{}

func (unlimited) GetToken(context.Context, uint) (func() error, error) {
	return func() error { return nil }, nil
}
func (unlimited) AddTokens(uint) error { return nil }

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// stream is nothing but a Reader.
func stream(b []byte) io.Reader { return struct{ io.Reader }{bytes.NewReader(b)} }

func read(ctx context.Context, s backup.Store, name string, offset, length int64) ([]byte, error) {
	r, err := s.Get(ctx, name, offset, length)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(r)
	return got, errors.Join(err, r.Close())
}

// uploads is how many uploads in parts there are that were not ended.
func uploads(t *testing.T, s *testenv.S3Server, prefix string) int {
	t.Helper()
	bucket := "backups"
	out, err := client(s).ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &bucket, Prefix: &prefix})
	require.NoError(t, err)
	return len(out.Uploads)
}

const (
	small = 1000
	large = 5<<20 + 1000 // two parts
)

// A Put under each fault stores the whole object or returns an error; what it
// makes up for is what passes by itself.
func TestPutUnderFaults(t *testing.T) {
	type outcome int
	const (
		stored  outcome = iota // and Put returns nil
		nothing                // is there, and Put returns an error
	)
	services := map[bool]*testenv.S3Server{false: server(t, false), true: server(t, true)}
	for _, c := range []struct {
		name  string
		kind  string
		size  int
		times int
		do    func(*proxy, http.ResponseWriter, *http.Request)
		want  outcome
		fired int  // 0 is as often as times says
		tls   bool // where bodies are sent in another form, too
	}{
		{"fails twice", "put", small, 2, fails, stored, 0, false},
		{"fails", "put", small, always, fails, nothing, 3, false},
		{"is cut", "put", small, 1, cut, stored, 0, false},
		{"loses the answer", "put", small, 1, losesAnswer, stored, 0, true},
		{"loses every answer", "put", small, always, losesAnswer, stored, 3, false},
		{"hangs once", "put", small, 1, hangs, stored, 0, false},
		{"hangs", "put", small, always, hangs, nothing, 3, false},
		{"flips a bit", "put", small, always, flipsRequest, nothing, 1, true},
		{"create fails twice", "create", large, 2, fails, stored, 0, false},
		{"create fails", "create", large, always, fails, nothing, 3, false},
		{"part fails twice", "part", large, 2, fails, stored, 0, false},
		{"part fails", "part", large, always, fails, nothing, 3, false},
		{"part hangs once", "part", large, 1, hangs, stored, 0, false},
		{"part loses the answer", "part", large, 1, losesAnswer, stored, 0, true},
		{"part flips a bit", "part", large, 1, flipsRequest, nothing, 1, true},
		{"complete fails twice", "complete", large, 2, fails, stored, 0, false},
		{"complete fails", "complete", large, always, fails, nothing, 3, false},
		{"complete loses the answer", "complete", large, 1, losesAnswer, stored, 0, true},
		{"complete loses every answer", "complete", large, always, losesAnswer, stored, 3, false},
		{"complete answers 200 with an error once", "complete", large, 1, succeedsInName, stored, 0, false},
		{"complete answers 200 with an error", "complete", large, always, succeedsInName, nothing, 3, true},
		{"complete is done and answers 200 with an error", "complete", large, always, failsInName, stored, 3, true},
		{"complete hangs", "complete", large, always, hangs, nothing, 3, false},
	} {
		for tls, s := range services {
			if tls && !c.tls {
				continue
			}
			t.Run(fmt.Sprintf("%s, tls %v", c.name, tls), func(t *testing.T) {
				t.Parallel()
				p := newProxy(t, s)
				store := newStore(t, client(s, p.through, fast), &s3store.Options{Prefix: t.Name() + "/", Timeout: patience(c.name)})
				require.NoError(t, store.Probe(t.Context()))
				body := random(c.size)
				fired := p.arm(c.kind, c.times, c.do)
				err := store.Put(t.Context(), "o", stream(body))
				want := c.fired
				if want == 0 {
					want = c.times
				}
				if c.kind == "part" && c.want == nothing {
					require.GreaterOrEqual(t, fired(), want)
				} else {
					require.Equal(t, want, fired(), "%v", err)
				}
				p.disarm()
				got, readErr := read(t.Context(), store, "o", 0, -1)
				if c.want == stored {
					require.NoError(t, err)
					require.NoError(t, readErr)
					require.True(t, bytes.Equal(body, got))
				} else {
					var e *backup.StoreError
					require.ErrorAs(t, err, &e)
					require.NotErrorIs(t, err, fs.ErrExist)
					if strings.Contains(c.name, "fails") {
						require.ErrorContains(t, err, "SlowDown")
					}
					if strings.Contains(c.name, "hangs") {
						require.ErrorContains(t, err, "stands still for 1s")
					}
					require.ErrorIs(t, readErr, fs.ErrNotExist)
					require.NoError(t, store.Put(t.Context(), "o", stream(nil)), "afterwards")
				}
				require.ErrorIs(t, store.Put(t.Context(), "o", stream(nil)), fs.ErrExist)
				require.Zero(t, uploads(t, s, t.Name()), "nothing is left of an upload")
			})
		}
	}
}

// patience is the Options.Timeout of a case: short where something hangs.
func patience(name string) time.Duration {
	if strings.Contains(name, "hangs") {
		return time.Second
	}
	return 0
}

// A Get under each fault gives the bytes, or an error other than io.EOF.
func TestGetUnderFaults(t *testing.T) {
	body := random(300 << 10)
	s := server(t, true)
	p := newProxy(t, s)
	store := newStore(t, client(s, p.through, fast), &s3store.Options{Prefix: t.Name() + "/", Timeout: time.Second})
	require.NoError(t, store.Put(t.Context(), "o", stream(body)))
	for _, c := range []struct {
		name  string
		times int
		do    func(*proxy, http.ResponseWriter, *http.Request)
		ok    bool
		fired int
	}{
		{"fails twice", 2, fails, true, 2},
		{"fails", always, fails, false, 3},
		{"hangs once", 1, hangs, true, 1},
		{"stalls once", 1, stalls, true, 1},
		{"breaks off once", 1, breaksOff, true, 1},
		{"breaks off, always in the middle of the rest", 6, breaksOff, true, 6},
		{"truncates once", 1, truncates, true, 1},
		{"is cut", always, cut, false, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			fired := p.arm("get", c.times, c.do)
			defer p.disarm()
			got, err := read(t.Context(), store, "o", 1, 299<<10)
			require.GreaterOrEqual(t, fired(), c.fired)
			require.LessOrEqual(t, fired(), c.fired+1, "net/http itself may ask again where a connection was open already")
			if !c.ok {
				var e *backup.StoreError
				require.ErrorAs(t, err, &e)
				require.NotErrorIs(t, err, fs.ErrNotExist)
				return
			}
			require.NoError(t, err)
			require.True(t, bytes.Equal(body[1:1+299<<10], got))
		})
	}
	// One byte that never comes.
	fired := p.arm("get", always, func(p *proxy, w http.ResponseWriter, r *http.Request) {
		rec := answered(p, r)
		rec.Header().Set("Content-Length", "0")
		pass(w, rec, nil)
	})
	_, err := read(t.Context(), store, "o", 0, 10)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, 3, fired())
	p.disarm()
}

// Objects never change, so one that does while it is read was exchanged.
func TestObjectThatIsExchangedWhileItIsRead(t *testing.T) {
	s := server(t, false)
	p := newProxy(t, s)
	store := newStore(t, client(s, p.through, fast), &s3store.Options{Prefix: t.Name() + "/"})
	require.NoError(t, store.Put(t.Context(), "o", stream(random(100<<10))))
	fired := p.arm("get", 1, func(p *proxy, w http.ResponseWriter, r *http.Request) {
		_, err := s.Do(r.Context(), http.MethodPut, "/backups/"+t.Name()+"/o", random(100<<10))
		if err == nil {
			breaksOff(p, w, r)
		}
	})
	r, err := store.Get(t.Context(), "o", 0, -1)
	require.NoError(t, err)
	_, err = s.Do(t.Context(), http.MethodPut, "/backups/"+t.Name()+"/o", random(100<<10))
	require.NoError(t, err)
	_, err = io.ReadAll(r)
	require.ErrorContains(t, err, "exchanged")
	require.NoError(t, r.Close())
	require.Equal(t, 1, fired())
}

// What a service lacks is found before anything is stored in it.
func TestUnsafeServices(t *testing.T) {
	s := server(t, false)
	for _, c := range []struct {
		kind  string
		skip  int // of these requests, which are done well
		do    func(*proxy, http.ResponseWriter, *http.Request)
		lacks string
	}{
		{"probe put", 0, forgetsCondition, "conditional put"},
		{"probe put", 4, forgetsCondition, "conditional put"},
		{"probe put", 5, forgetsCondition, "checksums"},
		{"probe complete", 0, forgetsCondition, "conditional complete"},
		{"probe get", 0, flipsAnswer, "read after write"},
		{"probe get", 0, func(_ *proxy, w http.ResponseWriter, _ *http.Request) {
			answer(w, http.StatusNotFound, "<Error><Code>NoSuchKey</Code></Error>")
		}, "read after write"},
		{"probe list", 0, listsLate, "list after write"},
	} {
		p := newProxy(t, s)
		prefix := t.Name() + "/"
		store := newStore(t, client(s, p.through, fast, withChecksums), &s3store.Options{Prefix: prefix})
		skip := c.skip
		fired := p.arm(c.kind, always, func(p *proxy, w http.ResponseWriter, r *http.Request) {
			p.mu.Lock()
			skip--
			well := skip >= 0
			p.mu.Unlock()
			if well {
				p.to.ServeHTTP(w, r)
				return
			}
			c.do(p, w, r)
		})
		err := store.Put(t.Context(), "o", stream([]byte("x")))
		require.ErrorIs(t, err, s3store.ErrUnsafe, c.lacks)
		require.ErrorContains(t, err, c.lacks)
		require.Greater(t, fired(), c.skip)
		p.disarm()
		for o, err := range store.List(t.Context(), "") {
			require.NoError(t, err)
			t.Errorf("%s was stored", o.Name)
		}
		// The next Put asks again.
		require.NoError(t, store.Put(t.Context(), "o", stream([]byte("x"))))
		require.NoError(t, store.Delete(t.Context(), "o"))
		requireEmpty(t, s, prefix)
	}
}

// withChecksums is what clients do that come from config.LoadDefaultConfig.
func withChecksums(o *s3.Options) {
	o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenSupported
}

// requireEmpty looks for keys, also those that are no names.
func requireEmpty(t *testing.T, s *testenv.S3Server, prefix string) {
	t.Helper()
	bucket := "backups"
	out, err := client(s).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
	require.NoError(t, err)
	require.Empty(t, out.Contents)
}

func TestListInTheWrongOrder(t *testing.T) {
	s := server(t, false)
	p := newProxy(t, s)
	store := newStore(t, client(s, p.through, fast), nil)
	fired := p.arm("list", always, listsBackwards)
	var names []string
	var last error
	for o, err := range store.List(t.Context(), "") {
		if last = err; err == nil {
			names = append(names, o.Name)
		}
	}
	require.ErrorIs(t, last, s3store.ErrUnsafe)
	require.Equal(t, []string{"b"}, names)
	require.Equal(t, 1, fired())
	p.arm("list", always, fails)
	for _, err := range store.List(t.Context(), "") {
		last = err
	}
	require.ErrorContains(t, last, "SlowDown")
}

// The service asks for patience while another request for the key is at work.
func TestConflict(t *testing.T) {
	s := server(t, false)
	p := newProxy(t, s)
	store := newStore(t, client(s, p.through, fast), &s3store.Options{Prefix: t.Name() + "/"})
	require.NoError(t, store.Probe(t.Context()))
	conflict := func(_ *proxy, w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		answer(w, http.StatusConflict, "<Error><Code>ConditionalRequestConflict</Code></Error>")
	}
	fired := p.arm("put", 2, conflict)
	require.NoError(t, store.Put(t.Context(), "o", stream([]byte("content"))))
	require.Equal(t, 2, fired())
	got, err := read(t.Context(), store, "o", 0, -1)
	require.NoError(t, err)
	require.Equal(t, "content", string(got))
	fired = p.arm("put", always, conflict)
	err = store.Put(t.Context(), "p", stream([]byte("content")))
	require.ErrorContains(t, err, "status 409")
	require.NotErrorIs(t, err, fs.ErrExist)
	require.Equal(t, 6, fired())
}
