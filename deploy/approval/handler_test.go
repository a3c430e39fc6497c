package approval_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/approval"
)

// site serves the page below a path, as a program does that has others. Who
// asks is what the header X-User says.
func (co *company) site() *httptest.Server {
	people := map[string]approval.Identity{"ada": ada, "ben": ben, "cleo": cleo, "guest": guest, "broken": {ID: "\x00"}}
	h, err := co.desk.Handler([]deploy.Ref{co.ref()}, func(r *http.Request) (approval.Identity, error) {
		who, ok := people[r.Header.Get("X-User")]
		if !ok {
			return who, errors.New("no cookie")
		}
		return who, nil
	})
	require.NoError(co.t, err)
	mux := http.NewServeMux()
	mux.Handle("/approvals/", http.StripPrefix("/approvals", h))
	s := httptest.NewServer(mux)
	co.t.Cleanup(s.Close)
	return s
}

// send makes one request; headers are "Name: value".
func send(t *testing.T, method, address, user, body string, headers ...string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("X-User", user)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(raw), res.Header
}

func path(r approval.Request) string {
	return r.Environment + "/" + r.Service + "/" + strings.TrimPrefix(r.Digest(), "sha256:")
}

const (
	asForm = "Content-Type: application/x-www-form-urlencoded"
	asJSON = "Content-Type: application/json"
	here   = "Sec-Fetch-Site: same-origin"
)

func TestThePageShowsAndTakesVotes(t *testing.T) {
	co := newCompany(t, newMemory(), nil)
	r := co.leave("r1")
	s := co.site()
	status, page, _ := send(t, "GET", s.URL+"/approvals/", "ben", "")
	require.Equal(t, 200, status)
	require.Contains(t, page, `href="./`+path(r)+`"`)
	one := s.URL + "/approvals/" + path(r)
	status, page, _ = send(t, "GET", one, "ben", "")
	require.Equal(t, 200, status)
	require.Contains(t, page, r.PlanDigest)
	require.Contains(t, page, `href="../../"`)

	form := url.Values{"verdict": {"approve"}, "comment": {"line one\r\nline two"}}.Encode()
	status, _, header := send(t, "POST", one, "ben", form, asForm, here)
	require.Equal(t, http.StatusSeeOther, status)
	base, err := url.Parse(one)
	require.NoError(t, err)
	next, err := base.Parse(header.Get("Location"))
	require.NoError(t, err)
	require.Equal(t, one, next.String())
	status, page, _ = send(t, "POST", one, "ben", form, asForm, here)
	require.Equal(t, http.StatusConflict, status)
	require.Contains(t, page, approval.ErrVoted.Error())
	require.Contains(t, page, "<form", "the page is shown all the same")

	status, answer, _ := send(t, "POST", s.URL+"/approvals/api/requests/"+path(r), "cleo", `{"verdict":"approve"}`, asJSON)
	require.Equal(t, 200, status, answer)
	var got struct{ Request approval.Status }
	require.NoError(t, json.Unmarshal([]byte(answer), &got))
	require.Equal(t, approval.Approved, got.Request.State)
	e := co.outcome("r1")
	require.NoError(t, e.err)
	require.Equal(t, "line one\nline two", passed(t, e.rep).By[0].Comment)
	require.Equal(t, "page", passed(t, e.rep).By[0].Via)
	require.Equal(t, "api", passed(t, e.rep).By[1].Via)
	_, page, _ = send(t, "GET", s.URL+"/approvals/", "ben", "")
	require.Contains(t, page, "None.")
	_, page, _ = send(t, "GET", one, "ben", "")
	require.NotContains(t, page, "<form", "it is settled")
}

func TestRequestsThatHaveNoEffect(t *testing.T) {
	co := newCompany(t, newMemory(), nil)
	r := co.leave("r1")
	s := co.site()
	page, api := s.URL+"/approvals/"+path(r), s.URL+"/approvals/api/requests/"+path(r)
	const form, body = "verdict=approve&comment=x", `{"verdict":"approve","comment":"x"}`
	for name, c := range map[string]struct {
		method, url, user, body string
		headers                 []string
		want                    int
	}{
		"GET with a verdict":               {"GET", page + "?" + form, "ben", "", []string{here}, 200},
		"GET with a form":                  {"GET", page, "ben", form, []string{asForm, here}, 200},
		"verdict in the address":           {"POST", page + "?" + form, "ben", "", []string{asForm, here}, 400},
		"another site":                     {"POST", page, "ben", form, []string{asForm, "Sec-Fetch-Site: cross-site"}, 403},
		"another site of the domain":       {"POST", page, "ben", form, []string{asForm, "Sec-Fetch-Site: same-site"}, 403},
		"another origin":                   {"POST", page, "ben", form, []string{asForm, "Origin: https://evil.example"}, 403},
		"origin null":                      {"POST", page, "ben", form, []string{asForm, "Origin: null"}, 403},
		"another port":                     {"POST", page, "ben", form, []string{asForm, "Origin: http://127.0.0.1:1"}, 403},
		"a form of nowhere":                {"POST", page, "ben", form, []string{asForm}, 403},
		"method in a header":               {"GET", page, "ben", form, []string{asForm, here, "X-HTTP-Method-Override: POST"}, 200},
		"form of another kind":             {"POST", page, "ben", body, []string{"Content-Type: text/plain", here}, 400},
		"API from another site":            {"POST", api, "ben", body, []string{asJSON, "Sec-Fetch-Site: cross-site"}, 403},
		"API as a form":                    {"POST", api, "ben", form, []string{asForm}, 400},
		"API as text":                      {"POST", api, "ben", body, []string{"Content-Type: text/plain"}, 400},
		"API with nothing":                 {"POST", api, "ben", "", []string{asJSON}, 400},
		"API with more":                    {"POST", api, "ben", `{"verdict":"approve","by":{"id":"cleo@example.com"}}`, []string{asJSON}, 400},
		"API with two":                     {"POST", api, "ben", body + body, []string{asJSON}, 400},
		"API with a long body":             {"POST", api, "ben", `{"verdict":"approve","comment":"` + strings.Repeat("x", 20<<10) + `"}`, []string{asJSON}, 400},
		"unknown verdict":                  {"POST", api, "ben", `{"verdict":"APPROVE"}`, []string{asJSON}, 400},
		"long comment":                     {"POST", api, "ben", `{"verdict":"approve","comment":"` + strings.Repeat("x", 501) + `"}`, []string{asJSON}, 400},
		"nobody":                           {"POST", page, "", form, []string{asForm, here}, 401},
		"nobody looks":                     {"GET", page, "", "", nil, 401},
		"an identity that is none":         {"POST", page, "broken", form, []string{asForm, here}, 401},
		"self":                             {"POST", page, "ada", form, []string{asForm, here}, 403},
		"no seat":                          {"POST", page, "guest", form, []string{asForm, here}, 403},
		"no such request":                  {"POST", page[:len(page)-1] + "z", "ben", form, []string{asForm, here}, 404},
		"a service that is not shown":      {"GET", strings.Replace(page, "/api/", "/web/", 1), "ben", "", nil, 404},
		"an environment that is not shown": {"GET", strings.Replace(page, "/stg/", "/prd/", 1), "ben", "", nil, 404},
		"PUT":                              {"PUT", page, "ben", form, []string{asForm, here}, 405},
	} {
		status, answer, header := send(t, c.method, c.url, c.user, c.body, c.headers...)
		require.Equal(t, c.want, status, "%s: %s", name, answer)
		require.NotEmpty(t, header.Get("Content-Security-Policy"), name)
	}
	require.Empty(t, bodies(t, co.log, co.stream(), "voted"))
}

func TestAHandlerShowsOnlyItsServices(t *testing.T) {
	co := newCompany(t, newMemory(), nil)
	r := co.leave("r1")
	h, err := co.desk.Handler([]deploy.Ref{{Service: "web", Environment: r.Environment}}, func(*http.Request) (approval.Identity, error) { return ben, nil })
	require.NoError(t, err)
	for _, at := range []string{"/" + path(r), "/api/requests/" + path(r)} {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest("GET", at, nil))
		require.Equal(t, 404, rec.Code)
		require.NotContains(t, rec.Body.String(), r.PlanDigest)
	}
}

func TestNothingInAPlanBecomesMarkup(t *testing.T) {
	const attack = `"><script>alert(1)</script><img src=x onerror=alert(1)> {{.}} </pre></style>`
	co := newCompany(t, newMemory(), nil)
	co.note, co.artefact = attack+"\u202e", attack
	co.policy.AllowSelf = true
	co.initiator = attack
	r := co.leave("r1")
	who := ben
	who.Name = attack
	require.NoError(t, co.vote(r, approval.Ballot{By: who, Verdict: approval.Approve, Comment: attack + "\u202e"}))
	s := co.site()
	for _, at := range []string{"", path(r)} {
		status, page, header := send(t, "GET", s.URL+"/approvals/"+at, "ben", "")
		require.Equal(t, 200, status)
		for _, bad := range []string{"<script", "<img", "\u202e", "onerror=alert(1)>"} {
			require.NotContains(t, page, bad)
		}
		require.Contains(t, page, "&lt;script&gt;")
		require.NotContains(t, page, "javascript:")
		csp := header.Get("Content-Security-Policy")
		require.Contains(t, csp, "default-src 'none'")
		require.Contains(t, csp, "form-action 'self'")
		require.Contains(t, csp, "frame-ancestors 'none'")
		require.NotContains(t, csp, "unsafe")
		_, rest, _ := strings.Cut(page, "<style>")
		style, _, _ := strings.Cut(rest, "</style>")
		require.Equal(t, approval.StyleText, style)
		sum := sha256.Sum256([]byte(style))
		require.Contains(t, csp, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'", "the browser takes the style")
		require.NotContains(t, page, "style=")
		require.Equal(t, "no-store", header.Get("Cache-Control"))
		require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
	}
	_, answer, header := send(t, "GET", s.URL+"/approvals/api/requests", "ben", "")
	require.Equal(t, "application/json", header.Get("Content-Type"))
	require.NotContains(t, answer, "<script")
	var got struct{ Requests []approval.Status }
	require.NoError(t, json.Unmarshal([]byte(answer), &got))
	require.Equal(t, attack+"\u202e", got.Requests[0].Votes[0].Comment)
}

func TestWhatFailsInsideIsLoggedAndNotShown(t *testing.T) {
	log := newMemory()
	var logged strings.Builder
	co := newCompany(t, log, &approval.Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	co.leave("r1")
	s := co.site()
	log.fail = func(string, string) error { return errors.New("dial db.internal:5432") }
	status, page, _ := send(t, "GET", s.URL+"/approvals/", "ben", "")
	require.Equal(t, 500, status)
	require.NotContains(t, page, "db.internal")
	status, page, _ = send(t, "GET", s.URL+"/approvals/", "", "")
	require.Equal(t, 401, status)
	require.NotContains(t, page, "no cookie")
	s.Close() // so that nobody logs any more
	require.Contains(t, logged.String(), "db.internal")
	require.Contains(t, logged.String(), "no cookie")
	_, err := co.desk.Handler(nil, nil)
	require.ErrorContains(t, err, "identify is nil")
}
