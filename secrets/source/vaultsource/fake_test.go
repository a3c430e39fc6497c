package vaultsource_test

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets/source/vaultsource"
)

// vault is a fake of Vault's HTTP API: no Vault is here to be asked. It answers
// GET /v1/:mount/data/:path?version=n as "KV Secrets Engine - Version 2 (API)"
// of the vendor's documentation has it; the body of a deleted version is that of
// issue 246 of hashicorp/vault-client-go, which quotes a server.
type vault struct {
	*httptest.Server

	mu        sync.Mutex
	tokens    map[string]bool
	namespace string
	mounts    map[string]map[string][]version // newest last
	before    func(w http.ResponseWriter, r *http.Request) (answered bool)
	requests  []*http.Request
}

type version struct {
	data      map[string]any
	deleted   string
	destroyed bool
}

const token = "hvs.token-canary-1"

func newVault(t *testing.T, secure bool) *vault {
	t.Helper()
	v := &vault{tokens: map[string]bool{token: true}, mounts: map[string]map[string][]version{"secret": {}}}
	v.Server = httptest.NewUnstartedServer(v)
	v.Config.ErrorLog = log.New(io.Discard, "", 0)
	if secure {
		v.StartTLS()
	} else {
		v.Start()
	}
	t.Cleanup(v.Close)
	return v
}

func (v *vault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.requests = append(v.requests, r)
	if v.before != nil && v.before(w, r) {
		return
	}
	if !v.tokens[r.Header.Get("X-Vault-Token")] || r.Header.Get("X-Vault-Namespace") != v.namespace {
		answerErrors(w, http.StatusForbidden, "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n")
		return
	}
	for mount, paths := range v.mounts {
		if path, ok := strings.CutPrefix(r.URL.Path, "/v1/"+mount+"/data/"); ok {
			v.read(w, paths[path], r.URL.Query())
			return
		}
	}
	answerErrors(w, http.StatusNotFound, `no handler for route "`+strings.TrimPrefix(r.URL.Path, "/v1/")+`". route entry not found.`)
}

func (v *vault) read(w http.ResponseWriter, versions []version, query url.Values) {
	number := len(versions)
	if asked := query.Get("version"); asked != "" {
		number, _ = strconv.Atoi(asked)
	}
	if number < 1 || number > len(versions) {
		answerErrors(w, http.StatusNotFound)
		return
	}
	this := versions[number-1]
	status := http.StatusOK
	if this.deleted != "" || this.destroyed {
		status, this.data = http.StatusNotFound, nil
	}
	answer(w, status, map[string]any{
		"request_id": "657ccf81-56a7-453e-6332-7fcc26b2ee93", "lease_id": "", "renewable": false, "lease_duration": 0,
		"data": map[string]any{
			"data": this.data,
			"metadata": map[string]any{
				"created_time": "2023-11-30T15:54:25.800266627Z", "custom_metadata": nil,
				"deletion_time": this.deleted, "destroyed": this.destroyed, "version": number,
			},
		},
		"wrap_info": nil, "warnings": nil, "auth": nil,
	})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func answerErrors(w http.ResponseWriter, status int, errs ...string) {
	answer(w, status, map[string]any{"errors": append([]string{}, errs...)})
}

// put adds a version.
func (v *vault) put(path string, data map[string]any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.mounts["secret"][path] = append(v.mounts["secret"][path], version{data: data})
}

func (v *vault) asked() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.requests)
}

func (v *vault) source(t *testing.T, o vaultsource.Options) *vaultsource.Source {
	t.Helper()
	s, err := vaultsource.New(v.URL, &o)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}
