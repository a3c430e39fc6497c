package httpcall_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/step/httpcall"
	"github.com/masaruk/devops/internal/actiontest"
	"github.com/masaruk/devops/secrets"
)

const canary = "cana\"ry/4f2a9c"

// service is a loopback server that keeps what it was asked.
type service struct {
	*httptest.Server
	mu     sync.Mutex
	asked  []*http.Request
	bodies []string
}

func serve(t *testing.T, answers ...http.HandlerFunc) *service {
	t.Helper()
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		n := len(s.asked)
		s.asked, s.bodies = append(s.asked, r), append(s.bodies, string(body))
		s.mu.Unlock()
		answers[min(n, len(answers)-1)](w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func source() secrets.Source {
	return secrets.Static(map[string]secrets.Value{"token": secrets.New(canary)})
}

func TestACallIsMadeOfOutputsAndSecrets(t *testing.T) {
	s := serve(t, answer(201, `{"result": {"id": 12345678901234567, "tags": ["a", {"x/y": "deep"}]}, "note": null}`))
	do := &httpcall.Request{
		Method: "POST", URL: "${base}/zones/${zone}/purge?by=${who}",
		JSON:          map[string]any{"tag": "${release}", "n": 7, "list": []string{"x-${zone}"}},
		Header:        map[string]string{"X-Release": "${release}"},
		SecretHeaders: map[string]httpcall.SecretHeader{"Authorization": {Secret: "token", Prefix: "Bearer "}},
		Source:        source(),
		Outputs:       map[string]string{"id": "/result/id", "deep": "/result/tags/1/x~1y", "none": "/note"},
	}
	step := deploy.Step{Name: "purge", Do: do, Provides: []string{"id", "deep", "none"}}
	tr := actiontest.Bench{Outputs: map[string]any{
		"base": s.URL, "zone": "a/../b?c", "who": "x&admin=1", "release": `1","evil":"`,
	}}.Run(t, step)
	require.NoError(t, tr.Err)
	require.Len(t, s.asked, 1)
	got := s.asked[0]
	require.Equal(t, "/zones/a%2F..%2Fb%3Fc/purge?by=x%26admin%3D1", got.RequestURI)
	require.Equal(t, "Bearer "+canary, got.Header.Get("Authorization"))
	require.Equal(t, `1","evil":"`, got.Header.Get("X-Release"))
	require.Equal(t, "application/json", got.Header.Get("Content-Type"))
	var body map[string]any
	require.NoError(t, json.Unmarshal([]byte(s.bodies[0]), &body))
	require.Equal(t, map[string]any{"tag": `1","evil":"`, "n": 7.0, "list": []any{"x-a/../b?c"}}, body)
	require.Equal(t, `"12345678901234567"`, string(tr.Report.Outputs["id"]))
	require.Equal(t, `"deep"`, string(tr.Report.Outputs["deep"]))
	require.Equal(t, `"null"`, string(tr.Report.Outputs["none"]))
	tr.RequireHidden(t, canary)
}

func TestACallThatMayNotBeRepeatedIsMadeOnce(t *testing.T) {
	for method, want := range map[string]int{"POST": 1, "PATCH": 1, "GET": 2, "PUT": 2, "DELETE": 2} {
		s := serve(t, answer(503, "busy"), answer(200, "{}"))
		do := &httpcall.Request{Method: method, URL: s.URL}
		tr := actiontest.Bench{}.Run(t, deploy.Step{Name: "s", Do: do})
		require.Equal(t, want, len(s.asked), method)
		require.Equal(t, want == 1, tr.Err != nil, method)
		require.Equal(t, want == 2, do.InFlight() == deploy.Repeat, method)
		if want == 1 {
			var status *httpcall.StatusError
			require.ErrorAs(t, tr.Err, &status)
			require.Equal(t, 503, status.Status)
		}
	}
}

func TestAKeyMakesACallRepeatable(t *testing.T) {
	s := serve(t, answer(503, ""), answer(500, ""), answer(503, ""), answer(503, ""), answer(200, ""))
	do := &httpcall.Request{Method: "POST", URL: s.URL, KeyHeader: "X-Request-Key", Attempts: 2}
	require.Equal(t, deploy.Repeat, do.InFlight())
	step := deploy.Step{Name: "s", Do: do, InFlight: deploy.Repeat, Retry: deploy.Retry{Max: 5}}
	tr := actiontest.Bench{}.Run(t, step)
	require.NoError(t, tr.Err)
	require.Len(t, s.asked, 5)
	keys := map[string]bool{}
	for _, r := range s.asked {
		keys[r.Header.Get("X-Request-Key")] = true
	}
	require.Len(t, keys, 1, "of all attempts of the step")
	for _, other := range []actiontest.Bench{{ID: "r2"}, {After: []deploy.Step{{Name: "again", Do: do, InFlight: deploy.Repeat}}}} {
		require.NoError(t, other.Run(t, step).Err)
	}
	for _, r := range s.asked {
		keys[r.Header.Get("X-Request-Key")] = true
	}
	require.Len(t, keys, 3, "another run and another step have others")
	for key := range keys {
		require.Len(t, key, 32)
	}
}

func TestRedirectsAreNotFollowedByDefault(t *testing.T) {
	elsewhere := serve(t, answer(200, `"there"`))
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) })
	do := &httpcall.Request{
		URL: s.URL, SecretHeaders: map[string]httpcall.SecretHeader{"X-Key": {Secret: "token"}}, Source: source(),
	}
	tr := actiontest.Bench{}.Run(t, deploy.Step{Name: "s", Do: do})
	require.ErrorContains(t, tr.Err, "status 302 is not expected")
	require.Empty(t, elsewhere.asked)
	do.Redirects = 1
	require.NoError(t, actiontest.Bench{}.Run(t, deploy.Step{Name: "s", Do: do}).Err)
	require.Len(t, elsewhere.asked, 1)
	require.Empty(t, elsewhere.asked[0].Header.Get("X-Key"), "not to another origin")
}

func TestWhatFails(t *testing.T) {
	for want, c := range map[string]struct {
		answer http.HandlerFunc
		do     httpcall.Request
	}{
		"status 422 is not expected: no such zone": {answer(422, "no such\nzone"), httpcall.Request{}},
		"status 200 is not expected":               {answer(200, ""), httpcall.Request{Expect: []int{204, 404}}},
		"larger than 10 bytes":                     {answer(200, strings.Repeat("x", 11)), httpcall.Request{MaxBody: 10}},
		`output "id": the body is not JSON`:        {answer(200, "<html>"), httpcall.Request{Outputs: map[string]string{"id": "/id"}}},
		`output "id": the body has no /id`:         {answer(200, `{"ID": 1}`), httpcall.Request{Outputs: map[string]string{"id": "/id"}}},
		`the body has no /2`:                       {answer(200, `[1,2]`), httpcall.Request{Outputs: map[string]string{"id": "/2"}}},
		`the body has no /01`:                      {answer(200, `[1,2]`), httpcall.Request{Outputs: map[string]string{"id": "/01"}}},
		`the body has no /0`:                       {answer(200, `"text"`), httpcall.Request{Outputs: map[string]string{"id": "/0"}}},
	} {
		s := serve(t, c.answer)
		c.do.URL = s.URL
		step := deploy.Step{Name: "s", Do: &c.do}
		if c.do.Outputs != nil {
			step.Provides = []string{"id"}
		}
		tr := actiontest.Bench{}.Run(t, step)
		require.ErrorContains(t, tr.Err, want)
		require.ErrorContains(t, tr.Err, s.URL, "names the server")
	}
	tr := actiontest.Bench{}.Run(t, deploy.Step{Name: "s", Do: &httpcall.Request{URL: serve(t, answer(404, "")).URL, Expect: []int{204, 404}}})
	require.NoError(t, tr.Err)
}

// TestTheSecretIsNowhere has a service that says everything back.
func TestTheSecretIsNowhere(t *testing.T) {
	echo := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			raw, _ := json.Marshal([]any{r.Header, r.RequestURI})
			answer(status, string(raw))(w, r)
		}
	}
	for _, status := range []int{200, 400} {
		s := serve(t, echo(status))
		do := &httpcall.Request{
			URL:           s.URL + "/x?signature=" + "query-canary-77",
			SecretHeaders: map[string]httpcall.SecretHeader{"X-Key": {Secret: "token"}}, Source: source(),
			Outputs: map[string]string{"all": ""},
		}
		tr := actiontest.Bench{}.Run(t, deploy.Step{Name: "s", Do: do, Provides: []string{"all"}})
		require.Error(t, tr.Err)
		if status == 200 { // the header is in it
			require.ErrorIs(t, tr.Err, deploy.ErrSecret)
		}
		tr.RequireHidden(t, canary)
		tr.RequireHidden(t, "query-canary-77")
		require.Contains(t, tr.Text("spec"), `"signature"`, "the names of the parameters are shown")
	}
}

// TestAnExcerptIsCutAfterItWasFiltered has a secret where the excerpt ends.
func TestAnExcerptIsCutAfterItWasFiltered(t *testing.T) {
	s := serve(t, answer(400, strings.Repeat("x", 295)+canary))
	do := &httpcall.Request{URL: s.URL, SecretHeaders: map[string]httpcall.SecretHeader{"X-Key": {Secret: "token"}}, Source: source()}
	tr := actiontest.Bench{}.Run(t, deploy.Step{Name: "s", Do: do})
	require.ErrorContains(t, tr.Err, "xxx")
	require.NotContains(t, tr.Err.Error(), canary[:4])
}

func TestAQueryIsNoSecretInAnOutput(t *testing.T) {
	s := serve(t, answer(200, `{"env": "production"}`))
	do := &httpcall.Request{URL: s.URL + "/?env=production", Outputs: map[string]string{"env": "/env"}}
	tr := actiontest.Bench{}.Run(t, deploy.Step{Name: "s", Do: do, Provides: []string{"env"}})
	require.NoError(t, tr.Err)
	require.Equal(t, `"production"`, string(tr.Report.Outputs["env"]))
}

func TestAnotherQueryIsAnotherPlan(t *testing.T) {
	spec := func(query string) string {
		raw, err := json.Marshal((&httpcall.Request{URL: "https://api.example.com/?" + query}).Spec())
		require.NoError(t, err)
		return string(raw)
	}
	require.NotEqual(t, spec("key=a"), spec("key=b"))
	require.NotContains(t, spec("token-without-a-name"), "token-without-a-name")
}

func TestValidate(t *testing.T) {
	ok := "https://api.example.com/x"
	header := map[string]httpcall.SecretHeader{"X": {Secret: "token"}}
	for want, do := range map[string]*httpcall.Request{
		"field URL is not http":                  {URL: "ftp://api.example.com"},
		"field URL cannot be parsed":             {URL: "http://api.example.com/%zz"},
		"field URL holds a user":                 {URL: "https://ada:pw-canary@api.example.com"},
		"JSON and Body are both set":             {URL: ok, JSON: 1, Body: "x"},
		"field JSON":                             {URL: ok, JSON: func() {}},
		"is negative":                            {URL: ok, Attempts: -1},
		"POST may not be repeated":               {URL: ok, Method: "POST", Attempts: 2},
		"100 is no final status":                 {URL: ok, Expect: []int{100}},
		`field Outputs, "a"`:                     {URL: ok, Outputs: map[string]string{"a": "id"}},
		"header X is in Header too":              {URL: ok, Header: map[string]string{"x": "1"}, SecretHeaders: header, Source: source()},
		"field Source is nil":                    {URL: ok, SecretHeaders: header},
		"field KeyHeader: header X is in Header": {URL: ok, Header: map[string]string{"x": "1"}, KeyHeader: "X"},
	} {
		err := do.Validate()
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "pw-canary")
	}
	require.NoError(t, (&httpcall.Request{URL: "${base}/x"}).Validate())
}
