package sentrysink

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/getsentry/sentry-go"
)

const (
	categoryEvent   = "error"
	categoryCheckIn = "monitor"
)

// discarded is an entry of a client report.
type discarded struct {
	Reason   string `json:"reason"`
	Category string `json:"category"`
	Quantity uint64 `json:"quantity"`
}

// reporter sends client reports. sentry-go's own would count each attempt as a
// loss, also where the next one succeeds. The caller locks, but for send.
type reporter struct {
	url, auth string
	client    *http.Client
	counts    map[discarded]uint64 // by reason and category
}

func newReporter(dsn *sentry.Dsn, base http.RoundTripper) reporter {
	return reporter{
		url:    dsn.GetAPIURL().String(),
		auth:   fmt.Sprintf("Sentry sentry_version=7, sentry_client=sentry.go/%s, sentry_key=%s", sentry.SDKVersion, dsn.GetPublicKey()),
		client: &http.Client{Transport: base, CheckRedirect: noRedirect},
		counts: map[discarded]uint64{},
	}
}

func (r *reporter) add(reason, category string) { r.counts[discarded{reason, category, 0}]++ }

func (r *reporter) take() []discarded {
	var all []discarded
	for d, n := range r.counts {
		d.Quantity = n
		all = append(all, d)
	}
	clear(r.counts)
	slices.SortFunc(all, func(a, b discarded) int {
		return cmp.Or(cmp.Compare(a.Category, b.Category), cmp.Compare(a.Reason, b.Reason))
	})
	return all
}

func (r *reporter) putBack(all []discarded) {
	for _, d := range all {
		r.counts[discarded{d.Reason, d.Category, 0}] += d.Quantity
	}
}

// send tells whether Sentry took the report.
func (r *reporter) send(ctx context.Context, all []discarded) bool {
	now := time.Now().UTC().Format(time.RFC3339Nano)
	payload, err := json.Marshal(map[string]any{"timestamp": now, "discarded_events": all})
	if err != nil {
		return false
	}
	var body bytes.Buffer
	fmt.Fprintf(&body, "{\"sent_at\":%q}\n{\"type\":\"client_report\",\"length\":%d}\n%s\n", now, len(payload), payload)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, &body)
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "application/x-sentry-envelope")
	req.Header.Set("X-Sentry-Auth", r.auth)
	res, err := r.client.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close() // there is nothing to read
	return res.StatusCode/100 == 2
}
