package vaultsource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/masaruk/devops/internal/retryhttp"
	"github.com/masaruk/devops/secrets"
)

// maxReason is how much of Vault's reason an error quotes, in bytes.
const maxReason = 300

// current gives the token as it is now. A file that is missing is a source out
// of reach and not a secret that is not there.
func (s *Source) current() (secrets.Value, error) {
	if s.file == "" {
		return s.token, nil
	}
	content, err := os.ReadFile(s.file)
	token := strings.TrimSpace(string(content))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return secrets.Value{}, fmt.Errorf("the token file cannot be read: %v", err)
	case err != nil:
		return secrets.Value{}, fmt.Errorf("the token file cannot be read: %w", err)
	case token == "":
		return secrets.Value{}, fmt.Errorf("the token file %s is empty", s.file)
	case hasControl(token):
		return secrets.Value{}, fmt.Errorf("the token file %s holds more than one line", s.file)
	}
	return secrets.New(token), nil
}

// ask reads a secret: GET /v1/:mount/data/:path of the API of Vault.
func (s *Source) ask(ctx context.Context, what wanted, token secrets.Value) (*retryhttp.Response, error) {
	at := s.base.JoinPath(escape(what.path))
	if what.version != "" {
		at.RawQuery = url.Values{"version": {what.version}}.Encode()
	}
	header := http.Header{"X-Vault-Request": {"true"}, "Accept": {"application/json"}}
	if !token.IsZero() {
		header.Set("X-Vault-Token", token.Reveal())
	}
	if s.namespace != "" {
		header.Set("X-Vault-Namespace", s.namespace)
	}
	return s.client.Do(ctx, retryhttp.Call{
		URL:    at.String(),
		Header: header,
		Again:  func(a retryhttp.Attempt) bool { return a.Status == http.StatusTooManyRequests && a.Err == nil },
	})
}

// answer is a body of Vault: that of a secret, or of errors.
type answer struct {
	Errors *[]string
	Data   *struct {
		Data     map[string]json.RawMessage
		Metadata *struct {
			DeletionTime string `json:"deletion_time"`
			Destroyed    bool
			Version      int
		}
	}
}

// judge makes a value or an error of what Vault answered.
func (s *Source) judge(resp *retryhttp.Response, what wanted, token secrets.Value) (secrets.Value, error) {
	var a answer
	if json.Unmarshal(resp.Body, &a) != nil { // whose error would quote the body
		a = answer{}
	}
	switch resp.Status {
	case http.StatusOK:
		return a.value(what)
	case http.StatusNotFound:
		return secrets.Value{}, a.missing(token)
	case http.StatusForbidden:
		return secrets.Value{}, fmt.Errorf("%w: vault refuses the token for this path%s", fs.ErrPermission, a.reason(token))
	case http.StatusServiceUnavailable:
		return secrets.Value{}, fmt.Errorf("vault is sealed or not in service (503)%s", a.reason(token))
	case http.StatusTooManyRequests:
		return secrets.Value{}, fmt.Errorf("vault limits the rate (429), after %d attempts%s", len(resp.Attempts), a.reason(token))
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return secrets.Value{}, fmt.Errorf("vault answers with a redirect to %s, where the token does not go; make that the address", node(resp.Header))
	}
	return secrets.Value{}, fmt.Errorf("vault answers with status %d%s", resp.Status, a.reason(token))
}

// value takes the field out of a secret.
func (a answer) value(what wanted) (secrets.Value, error) {
	if a.Data == nil || a.Data.Data == nil || a.Data.Metadata == nil {
		return secrets.Value{}, errors.New("the answer is not that of a key-value engine of version 2: see the mount and the address")
	}
	raw, ok := a.Data.Data[what.field]
	if !ok {
		return secrets.Value{}, fmt.Errorf("version %d of it has no field %q: %w", a.Data.Metadata.Version, what.field, fs.ErrNotExist)
	}
	var text string
	switch raw[0] {
	case '"':
		if json.Unmarshal(raw, &text) != nil {
			return secrets.Value{}, fmt.Errorf("the field %q is no text", what.field)
		}
	case '{', '[', 'n':
		return secrets.Value{}, fmt.Errorf("the field %q is null, an object or an array, and no text", what.field)
	default:
		text = string(raw)
	}
	var v secrets.Value
	err := v.UnmarshalText([]byte(text))
	return v, err
}

// missing tells what a 404 means: Vault's own has a list of errors, which is
// empty if only the secret is missing, or the metadata of a deleted version.
func (a answer) missing(token secrets.Value) error {
	switch {
	case a.Data != nil && a.Data.Metadata != nil && a.Data.Metadata.Destroyed:
		return fmt.Errorf("version %d of it was destroyed: %w", a.Data.Metadata.Version, fs.ErrNotExist)
	case a.Data != nil && a.Data.Metadata != nil && a.Data.Metadata.DeletionTime != "":
		m := a.Data.Metadata
		return fmt.Errorf("version %d of it was deleted at %.40q: %w", m.Version, m.DeletionTime, fs.ErrNotExist)
	case a.Errors != nil && len(*a.Errors) == 0:
		return fmt.Errorf("vault has no such path or version: %w", fs.ErrNotExist)
	case a.Errors != nil:
		return fmt.Errorf("vault does not serve this path (404): see the mount%s", a.reason(token))
	}
	return errors.New("the answer (404) is not Vault's: see the address")
}

// reason quotes the errors of Vault, without the token.
func (a answer) reason(token secrets.Value) string {
	if a.Errors == nil || len(*a.Errors) == 0 {
		return ""
	}
	text := strings.Join(strings.Fields(strings.Join(*a.Errors, "; ")), " ")
	if !token.IsZero() {
		hide, err := secrets.NewRedactor(token)
		if err != nil { // too short to be hidden
			return ""
		}
		text = hide.String(text)
	}
	return fmt.Sprintf(": %q", text[:min(len(text), maxReason)])
}

// node is the server that a redirect names.
func node(header http.Header) string {
	u, err := url.Parse(header.Get("Location"))
	if err != nil || u.Host == "" {
		return "another path"
	}
	return u.Scheme + "://" + u.Host
}
