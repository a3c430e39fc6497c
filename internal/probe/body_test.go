package probe_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/probe"
)

// The document and the pointers are those of RFC 6901, section 5.
const document = `{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8,"n":null,"t":{"x":[true,1e2]}}`

func TestAt(t *testing.T) {
	for pointer, want := range map[string]string{
		"/foo": `["bar","baz"]`, "/foo/0": "bar", "/": "0", "/a~1b": "1", "/c%d": "2", "/e^f": "3", "/g|h": "4", `/i\j`: "5",
		`/k"l`: "6", "/ ": "7", "/m~0n": "8", "/n": "null", "/t/x/0": "true", "/t/x/1": "1e2", "/t": `{"x":[true,1e2]}`,
	} {
		got, err := probe.At([]byte(document), pointer)
		require.NoError(t, err, pointer)
		require.Equal(t, want, got, pointer)
	}
	whole, err := probe.At([]byte(` "well" `), "")
	require.NoError(t, err)
	require.Equal(t, "well", whole)
	markup, err := probe.At([]byte(`{"a": ["<b>", "&"]}`), "/a")
	require.NoError(t, err)
	require.Equal(t, `["<b>","&"]`, markup)
	escaped, err := probe.At([]byte(`{"~1":"tilde","/":"slash"}`), "/~01")
	require.NoError(t, err)
	require.Equal(t, "tilde", escaped)
	for _, pointer := range []string{"/bar", "/foo/2", "/foo/-1", "/foo/00", "/foo/-", "/foo/0/x", "/n/x", "foo"} {
		_, err := probe.At([]byte(document), pointer)
		require.ErrorContains(t, err, strings.TrimPrefix(pointer, "/"), pointer)
	}
	for _, body := range []string{"", "<html>", `{"status":"ok"`, `{"status":"ok"} {}`, `{"status":"ok"}]`} {
		_, err := probe.At([]byte(body), "/status")
		require.EqualError(t, err, "the body is not JSON", body)
	}
}

func FuzzAt(f *testing.F) {
	f.Add(document, "/foo/0")
	f.Add(document, "/a~1b")
	f.Add(`[[[]]]`, "/0/0/0")
	f.Fuzz(func(t *testing.T, body, pointer string) {
		got, err := probe.At([]byte(body), pointer)
		if err == nil && !json.Valid([]byte(body)) {
			t.Fatalf("%q found in %q, which is not JSON", got, body)
		}
	})
}

// A service that answers 200 and tells of its trouble in the body.
func TestALyingServiceIsFoundByItsBody(t *testing.T) {
	bodies := make(chan string, 1)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, <-bodies) })
	for _, c := range []struct {
		judge      func([]byte, bool) error
		body, want string
	}{
		{probe.Contains(`"ok"`), `{"status":"ok"}`, ""},
		{probe.Contains(`"ok"`), "{\"status\":\n\"error\"}", `the body does not contain "\"ok\"": "{\"status\": \"error\"}"`},
		{probe.Contains("end"), strings.Repeat("x", 64<<10) + "end", `the body does not contain "end" in its first 64 KiB: "xxx`},
		{probe.JSONValue("/status", "ok"), `{"status":"ok"}`, ""},
		{probe.JSONValue("/status", "ok"), `{"status":"error"}`, `/status of the body is "error", want "ok"`},
		{probe.JSONValue("/status", "ok"), "<html>sorry</html>", `the body is not JSON: "<html>sorry</html>"`},
		{probe.JSONValue("/status", "ok"), `["` + strings.Repeat("x", 64<<10) + `"]`, "the body is not JSON in its first 64 KiB: "},
		{probe.JSONValue("/checks/1/up", "true"), `{"checks":[{"up":true},{"up":true}]}`, ""},
		{probe.JSONValue("/checks/1/up", "true"), `{"checks":[{"up":true}]}`, "the body has no /checks/1/up"},
		{func([]byte, bool) error { return errors.New("anything") }, "", "anything"},
	} {
		bodies <- c.body
		r := (&probe.HTTP{URL: s.URL, Body: c.judge}).Probe(t.Context())
		if c.want == "" {
			require.Equal(t, probe.Pass, r.Outcome, r.Reason)
			continue
		}
		require.Equal(t, probe.Fail, r.Outcome, c.body)
		require.Contains(t, r.Reason, "GET "+s.URL+": "+c.want)
		require.LessOrEqual(t, len(r.Reason), 500)
	}
}

// What a service says is filtered before the reason cuts it: half a secret
// would be recognised by nobody.
func TestReasonsAreCleanedBeforeTheyAreCut(t *testing.T) {
	said := func(before int) string { return strings.Repeat("x", before) + "hunter22-hunter22" }
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Release", said(440))
		fmt.Fprintf(w, `{"pad":%q,"status":%q}`, said(185), said(440))
	})
	for name, h := range map[string]*probe.HTTP{
		"status":   {Status: 204},
		"header":   {Header: "X-Release", Want: "v3"},
		"contains": {Body: probe.Contains("well")},
		"value":    {Body: probe.JSONValue("/status", "ok")},
	} {
		h.URL = s.URL
		require.Contains(t, h.Probe(t.Context()).Reason, "hunt", "%s: half of it is there", name)
		h.Clean = func(text string) string { return strings.ReplaceAll(text, "hunter22-hunter22", "<token>") }
		r := h.Probe(t.Context())
		require.Equal(t, probe.Fail, r.Outcome, name)
		require.NotContains(t, r.Reason, "hunt", name)
		require.LessOrEqual(t, len(r.Reason), 500)
	}
}

// The body of an answer that is bad for another reason, or cut off, is not
// judged.
func TestOnlyACompleteAnswerIsJudgedByItsBody(t *testing.T) {
	never := func([]byte, bool) error { panic("judged") }
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503) })
	require.Equal(t, probe.Fail, (&probe.HTTP{URL: s.URL, Body: never}).Probe(t.Context()).Outcome)
	s = serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "10")
		fmt.Fprint(w, "short")
	})
	r := (&probe.HTTP{URL: s.URL, Body: never}).Probe(t.Context())
	require.Contains(t, r.Reason, "no complete answer")
}
