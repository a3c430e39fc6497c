package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/internal/stepinput"
)

// Facts are what is known of a run where a notification is made.
type Facts struct {
	Service     string       `json:"service"`
	Environment string       `json:"environment"`
	Run         deploy.RunID `json:"run"`
	// Step is empty where the run has ended.
	Step string `json:"step,omitempty"`
	// Outcome is how the run ended, or [GoesForward] or [TurnsBack].
	Outcome deploy.Outcome `json:"outcome"`
	// Reason is why a run that ended did not succeed.
	Reason string `json:"reason,omitempty"`
	// Duration is that of a run that ended, in nanoseconds.
	Duration time.Duration `json:"duration,omitempty"`
	// Change is what is released; nil where that is not known.
	Change *deploy.Change `json:"change,omitempty"`
}

// The outcomes so far of a run that has not ended.
const (
	GoesForward deploy.Outcome = "in progress"
	TurnsBack   deploy.Outcome = "being undone"
)

// Note is one notification, as every channel gets it.
type Note struct {
	// ID is the same for every attempt to send it: 32 hex digits.
	ID string `json:"id"`
	// Title is one line, and Text any number of them, without markup.
	Title string `json:"title"`
	Text  string `json:"text"`
	Facts Facts  `json:"facts"`
}

// Channel is where notifications go: [*Slack], [*Webhook], [*Email].
type Channel interface {
	// Spec returns what the channel is made of, as that of a [deploy.Action]:
	// canonical, with secrets by name only.
	Spec() any
	// Validate reports a channel that cannot work.
	Validate() error
	// Preview names the channel and where it leads.
	Preview() string
	// Deliver sends a note. It ends soon after ctx does. It is called for
	// several notes at a time, and an error holds no secret.
	Deliver(ctx context.Context, n Note) error
}

// The texts of a notification that says nothing else.
const (
	defaultTitle = "{{.Service}} in {{.Environment}}: {{.Outcome}}"
	defaultText  = "Run {{.Run}}{{with .Step}}, step {{.}}{{end}}{{if .Duration}}, after {{.Duration}}{{end}}." +
		"{{with .Change}}{{with .Commit}}\nCommit {{.}}{{end}}{{with .Artefact}}\nArtefact {{.}}{{end}}{{end}}" +
		"{{with .Reason}}\nBecause: {{.}}{{end}}"
)

// texts are the templates of a notification.
type texts struct{ title, text *stepinput.Text }

func parse(title, text string) (t texts, err error) {
	if title == "" {
		title = defaultTitle
	}
	if text == "" {
		text = defaultText
	}
	var errs [3]error
	t.title, errs[0] = stepinput.Parse("title", title)
	t.text, errs[1] = stepinput.Parse("text", text)
	for i, field := range []string{"Title", "Text"} {
		if errs[i] != nil {
			errs[i] = fmt.Errorf("field %s: %w", field, errs[i])
		}
	}
	if strings.ContainsAny(title, "\r\n") {
		errs[2] = errors.New("field Title holds a line feed")
	}
	return t, errors.Join(errs[:]...)
}

// note renders the texts. A nil c has no outputs.
// The moment tells apart notes of which everything else is the same.
func (t texts) note(c *deploy.Call, f Facts, moment string) (Note, error) {
	title, err := t.title.Render(c, nil, f)
	if err != nil {
		return Note{}, err
	}
	text, err := t.text.Render(c, nil, f)
	if err != nil {
		return Note{}, err
	}
	n := Note{ID: id(f, moment), Title: strings.TrimSpace(string(title)), Text: strings.TrimSpace(string(text)), Facts: f}
	if n.Title == "" {
		return Note{}, errors.New("the title is empty")
	}
	if strings.ContainsFunc(n.Title, unicode.IsControl) {
		return Note{}, errors.New("the title holds a line feed or another control character")
	}
	return n, nil
}

// id is the same for the same moment of the same run.
func id(f Facts, moment string) string {
	raw, err := json.Marshal([]string{f.Environment, f.Service, string(f.Run), f.Step, string(f.Outcome), moment})
	if err != nil { // strings always can
		return ""
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:16])
}
