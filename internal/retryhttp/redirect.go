package retryhttp

import (
	"net/http"
	"net/url"
	"strings"
)

// guard refuses a redirect to no URL, which net/http would quote in its error.
// It hides CloseIdleConnections, which go-retryablehttp calls after each call
// that failed, to the harm of others that go on.
type guard struct{ through http.RoundTripper }

// RoundTrip makes one request.
func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := g.through.RoundTrip(req)
	if err != nil {
		return resp, err
	}
	if to := resp.Header.Get("Location"); to != "" && resp.StatusCode/100 == 3 {
		if _, err := req.URL.Parse(to); err != nil {
			_ = resp.Body.Close()
			return nil, &finalError{"the answer is a redirect to something that is no URL"}
		}
	}
	return resp, nil
}

// redirects is the policy of a client.
type redirects struct{ most int }

// check is asked before a redirect is followed.
func (r redirects) check(req *http.Request, via []*http.Request) error {
	first, last := via[0], via[len(via)-1]
	switch {
	case len(via) > r.most,
		first.Method != http.MethodGet && first.Method != http.MethodHead,
		req.URL.Scheme != "https" && (req.URL.Scheme != "http" || last.URL.Scheme == "https"):
		return http.ErrUseLastResponse
	}
	req.Header.Del("Referer") // a URL with its query
	for _, hop := range append(via[1:len(via):len(via)], req) {
		if !sameOrigin(first.URL, hop.URL) {
			strip(req.Header)
			break
		}
	}
	return nil
}

// strip removes what was meant for another server.
func strip(header http.Header) {
	for name := range header {
		switch http.CanonicalHeaderKey(name) {
		case "Accept", "Accept-Encoding", "Accept-Language", "Range", "User-Agent":
		default:
			delete(header, name)
		}
	}
}

// sameOrigin compares as RFC 6454 section 5.
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}
