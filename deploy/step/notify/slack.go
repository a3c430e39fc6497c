package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/masaruk/devops/internal/retryhttp"
	"github.com/masaruk/devops/internal/stepinput"
	"github.com/masaruk/devops/secrets"
)

// Slack is a channel of Slack, by an incoming webhook.
type Slack struct {
	// URL is the name by which Source knows the webhook's URL, which is a
	// credential.
	URL    string
	Source secrets.Source
}

type slackSpec struct {
	Slack string `json:"slack"` // the name of the secret
}

// Spec returns the name of the secret.
func (s *Slack) Spec() any { return slackSpec{s.URL} }

// Validate reports a missing name or source.
func (s *Slack) Validate() error {
	if strings.Contains(s.URL, "://") {
		return errors.New("slack: field URL is a URL, which is a credential; put the name of the secret there")
	}
	if err := stepinput.Check(s.Source, s.URL); err != nil {
		return fmt.Errorf("slack: %w", err)
	}
	return nil
}

// Preview names the secret.
func (s *Slack) Preview() string { return "slack (" + s.URL + ")" }

// Deliver posts the note: a header, the text, and a line of facts.
func (s *Slack) Deliver(ctx context.Context, n Note) error {
	given, err := stepinput.Lookup(ctx, s.Source, s.URL)
	if err != nil {
		return err
	}
	address := given.Reveal(s.URL)
	given.HideURL(address, true)
	body, err := json.Marshal(slackMessage(n))
	if err != nil {
		return err
	}
	return post(ctx, given, retryhttp.Call{
		Method: http.MethodPost, URL: address, Body: body,
		Header:     http.Header{"Content-Type": {"application/json"}},
		Repeatable: true, Again: notTaken,
	})
}

// notTaken tells that the service cannot have taken a call.
func notTaken(a retryhttp.Attempt) bool {
	var dial *net.OpError
	return a.Status == http.StatusTooManyRequests || errors.As(a.Err, &dial) && dial.Op == "dial"
}

// post makes a call whose answer must be of status 2xx.
func post(ctx context.Context, given *stepinput.Secrets, call retryhttp.Call) error {
	client, err := retryhttp.New(&retryhttp.Options{MaxBody: 64 << 10, MaxRedirects: -1})
	if err != nil {
		return err
	}
	defer client.Close()
	resp, err := client.Do(ctx, call)
	if err != nil {
		return given.Error(err)
	}
	if resp.Status < 200 || resp.Status > 299 {
		said := strings.Join(strings.Fields(given.Filter(string(resp.Body))), " ")
		return fmt.Errorf("status %d: %s", resp.Status, cut(said, 200))
	}
	return nil
}

// The limits of Slack's blocks, in characters.
const (
	slackHeader  = 150
	slackSection = 3000
)

// slackText is a text object, slackBlock a block of Block Kit, as in
// https://docs.slack.dev/reference/block-kit/blocks.
type slackText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type slackBlock struct {
	Type     string      `json:"type"`
	Text     *slackText  `json:"text,omitempty"`
	Elements []slackText `json:"elements,omitempty"`
}

// slackMessage is the body; its text is what a notification of a phone shows.
func slackMessage(n Note) any {
	blocks := []slackBlock{{Type: "header", Text: &slackText{"plain_text", cut(n.Title, slackHeader)}}}
	if n.Text != "" {
		blocks = append(blocks, slackBlock{Type: "section", Text: &slackText{"mrkdwn", cutEscaped(n.Text, slackSection)}})
	}
	facts := fmt.Sprintf("%s in %s, run %s, %s", n.Facts.Service, n.Facts.Environment, n.Facts.Run, n.Facts.Outcome)
	blocks = append(blocks, slackBlock{Type: "context", Elements: []slackText{{"mrkdwn", escapeSlack(facts)}}})
	return struct {
		Text   string       `json:"text"`
		Blocks []slackBlock `json:"blocks"`
	}{escapeSlack(n.Title), blocks}
}

// escapeSlack is as in https://docs.slack.dev/messaging/formatting-message-text:
// the three characters by which links, mentions and entities begin and end.
func escapeSlack(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// cutEscaped escapes, and cuts before an escape rather than within it.
func cutEscaped(s string, most int) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		piece := escapeSlack(string(r))
		if n += utf8.RuneCountInString(piece); n > most-1 {
			return b.String() + "…"
		}
		b.WriteString(piece)
	}
	return b.String()
}

// cut shortens text to so many characters.
func cut(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

var _ Channel = (*Slack)(nil)
