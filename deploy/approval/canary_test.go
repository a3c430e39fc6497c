package approval_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/approval"
	"github.com/masaruk/devops/secrets"
)

const canary = `can&ary-<"can>ary`

// requireNoCanary looks for the secret and for the desk's key.
func requireNoCanary(t *testing.T, what, text string) {
	t.Helper()
	asJSON, _ := json.Marshal(canary)
	seed := key("desk").Seed()
	for _, form := range []string{
		canary, strings.Trim(string(asJSON), `"`), strings.Trim(fmt.Sprintf("%q", canary), `"`), html.EscapeString(canary),
		string(seed), hex.EncodeToString(seed), base64.StdEncoding.EncodeToString(seed)[:40], strings.Trim(fmt.Sprint(seed), "[]"),
	} {
		require.NotContains(t, text, form, what)
	}
}

func TestNoSecretIsInAPageAFileALogOrAnError(t *testing.T) {
	redactor, err := secrets.NewRedactor(secrets.New(canary))
	require.NoError(t, err)
	log := newMemory()
	var logged strings.Builder
	opts := approvers()
	opts.Redactor, opts.Logger = redactor, slog.New(slog.NewTextHandler(&logged, nil))
	co := newCompany(t, log, opts)
	r := co.leave("r1")
	check := func(what string, err error) {
		t.Helper()
		require.Error(t, err, what)
		requireNoCanary(t, what, fmt.Sprintf("%v %+v %#v", err, err, err))
	}
	withSecret := approval.Ballot{By: ben, Verdict: approval.Approve, Comment: "the password is " + canary}
	err = co.vote(r, withSecret)
	require.ErrorIs(t, err, deploy.ErrSecret)
	check("comment", err)
	named := ben
	named.Name = canary
	check("name", co.vote(r, yes(named)))
	check("file", co.submit(voteFile(t, r, withSecret, key("ben"))))
	ref := co.ref()
	ref.Run = "r1"
	var out strings.Builder
	_, err = co.desk.Ask(t.Context(), ref, "", ben, strings.NewReader("approve\nstg\n"+canary+"\n"), &out)
	check("terminal", err)
	requireNoCanary(t, "terminal", out.String())

	s := co.site()
	body, err := json.Marshal(map[string]string{"verdict": "approve", "comment": canary})
	require.NoError(t, err)
	status, page, _ := send(t, "POST", s.URL+"/approvals/api/requests/"+path(r), "ben", string(body), asJSON)
	require.Equal(t, 400, status)
	require.Contains(t, page, "the comment holds a secret")
	requireNoCanary(t, "API", page)
	_, page, _ = send(t, "GET", s.URL+"/approvals/"+path(r), "ben", "")
	requireNoCanary(t, "page", page)

	h, err := co.desk.Handler([]deploy.Ref{ref}, func(*http.Request) (approval.Identity, error) {
		return approval.Identity{}, errors.New("token " + canary)
	})
	require.NoError(t, err)
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
	requireNoCanary(t, "nobody", rec.Body.String())
	requireNoCanary(t, "logger", logged.String())
	require.Contains(t, logged.String(), secrets.Placeholder)

	co.artefact = canary // an output that the engine does not know as a secret
	check("output", co.outcome("r2").err)
	sent, err := approval.RequestFile(r)
	require.NoError(t, err)
	file := voteFile(t, r, yes(ben), key("ben"))
	unpacked, err := approval.Unarmour([]byte(file))
	require.NoError(t, err)
	requireNoCanary(t, "files", string(sent)+file+string(unpacked))
	for _, line := range log.streams[co.stream()] {
		requireNoCanary(t, "log", string(line))
	}
}
