package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/masaruk/devops/internal/retryhttp"
	"github.com/masaruk/devops/internal/stepinput"
	"github.com/masaruk/devops/secrets"
)

// Webhook is a service that takes the note as JSON, signed by a shared key.
type Webhook struct {
	// URL is http or https, without a user. Its query is shown nowhere but in
	// the plan.
	URL string
	// Key is the name by which Source knows the key.
	Key    string
	Source secrets.Source
}

type webhookSpec struct {
	Webhook string `json:"webhook"`
	Key     string `json:"key"` // the name of the secret
}

// Spec returns the URL and the name of the key.
func (w *Webhook) Spec() any { return webhookSpec{w.URL, w.Key} }

// Validate reports a URL that cannot be called and a missing key or source.
func (w *Webhook) Validate() error {
	u, err := url.Parse(w.URL)
	switch {
	case err != nil:
		return errors.New("webhook: field URL cannot be parsed") // why would quote it
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return errors.New("webhook: field URL is not http:// or https:// with a host")
	case u.User != nil:
		return errors.New("webhook: field URL holds a user; the signature says who calls")
	}
	if err := stepinput.Check(w.Source, w.Key); err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	return nil
}

// Preview names scheme, host and path.
func (w *Webhook) Preview() string {
	u, err := url.Parse(w.URL)
	if err != nil {
		return "webhook"
	}
	return fmt.Sprintf("webhook %s://%s%s", u.Scheme, u.Host, u.Path)
}

// Deliver posts the note.
func (w *Webhook) Deliver(ctx context.Context, n Note) error {
	given, err := stepinput.Lookup(ctx, w.Source, w.Key)
	if err != nil {
		return err
	}
	key, err := hmacKey(given.Value(w.Key))
	if err != nil {
		return err
	}
	given.HideURL(w.URL, false)
	body, err := json.Marshal(n)
	if err != nil {
		return err
	}
	header := http.Header{"Content-Type": {"application/json"}}
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	header.Set(headerID, n.ID)
	header.Set(headerTimestamp, timestamp)
	header.Set(headerSignature, sign(key, n.ID, timestamp, body))
	return post(ctx, given, retryhttp.Call{Method: http.MethodPost, URL: w.URL, Header: header, Body: body, Repeatable: true})
}

// The headers of Standard Webhooks 1.0.0.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"

	keyPrefix = "whsec_"
	scheme    = "v1,"
)

// ReplayWindow is how far the timestamp of a webhook may be from now.
const ReplayWindow = 5 * time.Minute

// hmacKey is the key that a secret holds.
func hmacKey(v secrets.Value) ([]byte, error) {
	encoded, marked := strings.CutPrefix(v.Reveal(), keyPrefix)
	if !marked {
		return []byte(encoded), nil
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(key) == 0 {
		return nil, errors.New("the key begins with " + keyPrefix + " and what follows is no base64") // why would quote it
	}
	return key, nil
}

func sign(key []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, timestamp, body) // a hash never fails
	return scheme + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// ErrSignature reports a webhook that is not signed by the key, or not now.
var ErrSignature = errors.New("webhook is not from who has the key, or not from now")

// Verify tells a receiver whether a webhook was signed with the key within
// [ReplayWindow] of now, and by which ID; the receiver passes over an ID that
// it has seen within the window. Several signatures, as during a change of
// keys, may stand in the header, and one must be right. The error wraps
// [ErrSignature].
func Verify(key secrets.Value, header http.Header, body []byte, now time.Time) (id string, err error) {
	raw, err := hmacKey(key)
	if err != nil {
		return "", err
	}
	if len(raw) == 0 {
		return "", errors.New("the key is empty")
	}
	id, timestamp := header.Get(headerID), header.Get(headerTimestamp)
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if id == "" || err != nil {
		return "", fmt.Errorf("header %s or %s is missing or is none: %w", headerID, headerTimestamp, ErrSignature)
	}
	if away := now.Sub(time.Unix(seconds, 0)).Abs(); away > ReplayWindow {
		return "", fmt.Errorf("timestamp is %s away: %w", away.Round(time.Second), ErrSignature)
	}
	want := []byte(sign(raw, id, timestamp, body))
	for given := range strings.FieldsSeq(header.Get(headerSignature)) {
		if hmac.Equal([]byte(given), want) {
			return id, nil
		}
	}
	return "", fmt.Errorf("no signature is right: %w", ErrSignature)
}

var _ Channel = (*Webhook)(nil)
