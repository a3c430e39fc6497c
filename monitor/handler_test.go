package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func get(h http.Handler, target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func newHandler(t *testing.T, m *Monitor, opts *HandlerOptions) *Handler {
	t.Helper()
	h, err := NewHandler(m, opts)
	require.NoError(t, err)
	return h
}

func critical(name string, c Check) Definition {
	d := definition(name, c)
	d.Critical = true
	return d
}

func TestProbesFollowTheCriticalChecks(t *testing.T) {
	db, web := passing(), passing()
	db.set(Fail)
	web.set(Fail)
	inBubble(t, Options{}, []Definition{critical("db", db), critical("queue", passing()), definition("web", web)}, func(m *Monitor, _ *recorder, _ func() error) {
		h := newHandler(t, m, nil)
		code := func(target string) int { return get(h, target).Code }
		require.Equal(t, []int{200, 503, 503}, []int{code("/livez"), code("/readyz"), code("/startupz")}, "nothing is known yet")
		advance(time.Minute)
		require.Equal(t, []int{200, 503, 503}, []int{code("/livez"), code("/readyz"), code("/startupz")})
		w := get(h, "/readyz")
		require.Equal(t, "[+]ping ok\n[-]db failed: reason withheld\n[+]queue ok\nreadyz check failed\n", w.Body.String())
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		require.Equal(t, []int{503, 200, 404, 404}, []int{code("/readyz/db"), code("/readyz/queue"), code("/readyz/web"), code("/livez/db")})

		db.set(Pass)
		advance(30 * time.Second)
		require.Equal(t, []int{200, 200, 200}, []int{code("/livez"), code("/readyz"), code("/startupz")}, "web is not critical")
		require.Equal(t, "ok", get(h, "/readyz").Body.String())
		require.Equal(t, "[+]ping ok\n[+]db ok\n[+]queue ok\nreadyz check passed\n", get(h, "/readyz?verbose").Body.String())

		db.set(Fail)
		advance(40 * time.Second)
		require.Equal(t, []int{200, 503, 200}, []int{code("/livez"), code("/readyz"), code("/startupz")}, "startup is over for good")
		require.Equal(t, 200, code("/readyz?exclude=db&exclude=db"))
		require.Equal(t, 503, code("/readyz?exclude=queue"))
		require.Contains(t, get(h, "/readyz?exclude=db&exclude=nobody&verbose").Body.String(), `no matches for ["nobody"]`)

		require.NoError(t, m.Add(critical("new", passing())))
		db.set(Pass)
		advance(50 * time.Second)
		require.Equal(t, 200, code("/readyz"))
	})
}

func TestANewCriticalCheckTakesNothingOutOfService(t *testing.T) {
	inBubble(t, Options{StartWithin: -1}, []Definition{critical("db", passing())}, func(m *Monitor, _ *recorder, _ func() error) {
		h := newHandler(t, m, nil)
		advance(20 * time.Second)
		require.Equal(t, 200, get(h, "/readyz").Code)
		d := critical("new", passing())
		d.Interval = 24 * time.Hour
		require.NoError(t, m.Add(d))
		advance(time.Second)
		require.Equal(t, Unknown, stateOf(t, m, "new").Status)
		require.Equal(t, 200, get(h, "/readyz").Code)
		require.Equal(t, Warn, m.Snapshot().Status)
	})
}

func TestReadinessEndsBeforeTheProgramDoes(t *testing.T) {
	inBubble(t, Options{}, []Definition{critical("db", passing())}, func(m *Monitor, _ *recorder, stop func() error) {
		h := newHandler(t, m, nil)
		advance(20 * time.Second)
		require.Equal(t, 200, get(h, "/readyz").Code)
		m.Drain()
		require.Equal(t, 503, get(h, "/readyz?exclude=shutdown").Code, "at once")
		require.Contains(t, get(h, "/readyz").Body.String(), "[-]shutdown failed")
		require.Equal(t, []int{200, 200, 200}, []int{get(h, "/livez").Code, get(h, "/startupz").Code, get(h, "/health").Code})
		runs := stateOf(t, m, "db").Runs
		advance(20 * time.Second)
		require.Equal(t, runs+2, stateOf(t, m, "db").Runs, "the checks go on")
		require.False(t, m.Snapshot().Ready)
		require.NoError(t, stop())
		require.Equal(t, 200, get(h, "/livez").Code)
		require.Equal(t, 503, get(h, "/health").Code, "nobody keeps it up to date any more")
	})
}

// While the end waits for what runs still, those who read the snapshot know.
func TestTheSnapshotIsNotReadyFromTheEndOn(t *testing.T) {
	var hang gate
	stubborn := &knob{status: Pass}
	inBubble(t, Options{Grace: time.Hour}, []Definition{definition("stubborn", stubborn)}, func(m *Monitor, _ *recorder, stop func() error) {
		advance(10 * time.Second)
		require.True(t, m.Snapshot().Ready)
		stubborn.does(func(context.Context) { hang.wait() })
		advance(10 * time.Second)
		ended := make(chan error, 1)
		go func() { ended <- stop() }()
		advance(time.Second)
		require.False(t, m.Snapshot().Ready)
		hang.release()
		require.NoError(t, <-ended)
	})
}

func TestAMonitorThatDoesNotRunIsNotReady(t *testing.T) {
	m, _ := newMonitor(t, Options{})
	h := newHandler(t, m, nil)
	require.Equal(t, []int{200, 503, 503, 503}, []int{get(h, "/livez").Code, get(h, "/readyz").Code, get(h, "/startupz").Code, get(h, "/health").Code})
	require.Contains(t, get(h, "/readyz").Body.String(), "[-]monitor failed")
	_, err := NewHandler(nil, nil)
	require.Error(t, err)
}

func TestAMonitorThatHasWedgedIsNotBelieved(t *testing.T) {
	inBubble(t, Options{}, []Definition{critical("db", passing())}, func(m *Monitor, _ *recorder, _ func() error) {
		h := newHandler(t, m, nil)
		advance(40 * time.Second)
		require.Equal(t, 200, get(h, "/readyz").Code)
		m.beat.Store(int64(m.now() - 30*time.Second)) // as if the renderer hung since then
		require.Equal(t, 200, get(h, "/readyz").Code)
		m.beat.Store(int64(m.now() - 32*time.Second))
		require.Equal(t, []int{200, 503, 503}, []int{get(h, "/livez").Code, get(h, "/readyz").Code, get(h, "/health").Code})
		advance(2 * time.Second)
		require.Equal(t, 200, get(h, "/readyz").Code)
	})
}

func healthDefs() []Definition {
	db := Func(func(context.Context) Result {
		return Result{Status: Fail, Detail: "too many connections", Err: errors.New("dial 10.0.0.7: refused"), Measurements: []Measurement{
			{Name: "connections", Value: 99, Unit: "1"}, {Name: "ratio", Value: math.NaN()}, {Value: 1e21, Unit: `"`}, {Name: "ratio", Value: 2},
		}}
	})
	d := critical("db", db)
	d.Owner, d.Runbook = "platform-team", "docs/db.md"
	return []Definition{d, definition("web", passing())}
}

func TestHealthIsWhatTheDraftSays(t *testing.T) {
	inBubble(t, Options{Service: Service{ID: "api", Version: "1", Release: "1.2.3", Description: "the <API>"}}, healthDefs(), func(m *Monitor, _ *recorder, _ func() error) {
		h := newHandler(t, m, &HandlerOptions{Private: func(r *http.Request) bool { return r.Header.Get("Authorization") == "yes" }})
		advance(30 * time.Second)
		w := get(h, "/health")
		require.Equal(t, 503, w.Code)
		require.Equal(t, "application/health+json", w.Header().Get("Content-Type"))
		require.Equal(t, "public, max-age=1", w.Header().Get("Cache-Control"))
		var got struct {
			Status, Version, ReleaseID, ServiceID, Description string
			Checks                                             map[string][]map[string]any
		}
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
		require.Equal(t, []string{"fail", "1", "1.2.3", "api", "the <API>"}, []string{got.Status, got.Version, got.ReleaseID, got.ServiceID, got.Description})
		require.Len(t, got.Checks, 4)
		c := got.Checks["db:connections"][0]
		require.Equal(t, []any{"fail", 99.0, "1", "too many connections", true}, []any{c["status"], c["observedValue"], c["observedUnit"], c["output"], c["critical"]})
		_, err := time.Parse(time.RFC3339, c["time"].(string))
		require.NoError(t, err)
		require.Len(t, got.Checks["db:ratio"], 2)
		require.Nil(t, got.Checks["db:ratio"][0]["observedValue"])
		require.Equal(t, 1e21, got.Checks["db"][0]["observedValue"])
		require.Equal(t, "pass", got.Checks["web"][0]["status"])
		require.NotContains(t, got.Checks["web"][0], "output")
		for _, secret := range []string{"10.0.0.7", "refused", "platform-team", "docs/db.md", "runs"} {
			require.NotContains(t, w.Body.String(), secret, "strangers see it")
		}

		w = get(h, "/health", "Authorization", "yes")
		require.Equal(t, "private, no-cache", w.Header().Get("Cache-Control"))
		got.Checks = nil
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
		c = got.Checks["db"][0]
		require.Equal(t, []any{"too many connections: dial 10.0.0.7: refused", "platform-team", "docs/db.md", true}, []any{c["output"], c["owner"], c["runbook"], c["alert"]})
	})
}

func TestHealthHasAnETag(t *testing.T) {
	k := passing()
	inBubble(t, Options{}, []Definition{critical("web", k)}, func(m *Monitor, _ *recorder, _ func() error) {
		h := newHandler(t, m, &HandlerOptions{MaxAge: -1})
		advance(20 * time.Second)
		w := get(h, "/health")
		tag := w.Header().Get("ETag")
		require.Regexp(t, `^"[A-Za-z0-9_-]{24}"$`, tag)
		require.Equal(t, "no-cache", w.Header().Get("Cache-Control"))
		for _, sent := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
			w = get(h, "/health", "If-None-Match", sent)
			require.Equal(t, http.StatusNotModified, w.Code, sent)
			require.Empty(t, w.Body.String())
			require.Equal(t, tag, w.Header().Get("ETag"))
		}
		require.Equal(t, 200, get(h, "/health", "If-None-Match", `"x"`).Code)
		advance(12 * time.Second)
		require.Equal(t, 200, get(h, "/health", "If-None-Match", tag).Code, "it has run again")
		k.set(Fail)
		advance(40 * time.Second)
		w = get(h, "/health")
		require.Equal(t, 503, w.Code)
		require.Equal(t, 503, get(h, "/health", "If-None-Match", w.Header().Get("ETag")).Code, "who has it already is told all the same")
	})
}

func TestMethods(t *testing.T) {
	inBubble(t, Options{}, nil, func(m *Monitor, _ *recorder, _ func() error) {
		h := newHandler(t, m, nil)
		advance(time.Second)
		for _, target := range []string{"/livez", "/readyz", "/startupz", "/health"} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, target, nil))
			require.Equal(t, http.StatusMethodNotAllowed, w.Code)
			require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
			w = httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodHead, target, nil))
			require.Equal(t, http.StatusOK, w.Code)
			require.Empty(t, w.Body.String())
			require.NotEmpty(t, w.Header().Get("Content-Length"))
		}
		for _, target := range []string{"/", "/metrics", "/health/db", "/readyz/nobody"} {
			require.Equal(t, http.StatusNotFound, get(h, target).Code)
		}
	})
}

// nowhere is a ResponseWriter that keeps nothing.
type nowhere struct{ header http.Header }

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) WriteHeader(int)             {}
func (n *nowhere) Write(b []byte) (int, error) { return len(b), nil }

func TestHandlersAllocateTheSameForAnyNumberOfChecks(t *testing.T) {
	allocations := func(checks int) (counts []float64) {
		var defs []Definition
		for i := range checks {
			defs = append(defs, critical(fmt.Sprintf("c%d", i), passing()))
		}
		inBubble(t, Options{}, defs, func(m *Monitor, _ *recorder, _ func() error) {
			advance(20 * time.Second)
			h := newHandler(t, m, nil)
			for target := range strings.FieldsSeq("/livez /readyz /startupz /health /readyz?exclude=c1 /readyz/c1") {
				r, w := httptest.NewRequest(http.MethodGet, target, nil), &nowhere{http.Header{}}
				counts = append(counts, testing.AllocsPerRun(20, func() { h.ServeHTTP(w, r) }))
			}
		})
		return counts
	}
	require.Equal(t, allocations(10), allocations(1000))
}
