package envconfig

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/masaruk/devops/secrets"
)

// Explanation tells of each variable of a type where its value came from, in
// the order of the fields.
type Explanation []Setting

// Setting is one line of an [Explanation].
type Setting struct {
	Variable string `json:"variable"`
	Field    string `json:"field"`
	Type     string `json:"type"`
	// Origin is the zero Origin for a variable that is not set and has no
	// default.
	Origin Origin `json:"origin,omitzero"`
	// Secret tells that Value is the placeholder of package secrets. It is so
	// for secrets.Value, for fields with the option secret or ref, for what
	// ${NAME} took from one of those, and for a text that holds a password or
	// a payment key though nobody said so.
	Secret bool `json:"secret,omitempty"`
	// Value is the text that was decoded, "" if there is none.
	Value string `json:"value"`
}

// String returns a table with a line for each variable: name, value, origin,
// field and type. What would break a line is quoted.
func (e Explanation) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "VARIABLE\tVALUE\tORIGIN\tFIELD\tTYPE") // a Builder does not fail
	for _, s := range e {
		origin := s.Origin.String()
		if origin == "" {
			origin = "not set"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", s.Variable, cell(s.Value), cell(origin), s.Field, s.Type)
	}
	_ = w.Flush()
	return b.String()
}

// cell returns text as it may stand in a table.
func cell(text string) string {
	for _, r := range text {
		if !unicode.IsPrint(r) {
			return fmt.Sprintf("%q", text)
		}
	}
	return text
}

// MarshalJSON returns the settings as an array, which is empty rather than
// null.
func (e Explanation) MarshalJSON() ([]byte, error) {
	if e == nil {
		e = Explanation{}
	}
	return json.Marshal([]Setting(e))
}

// Format writes the explanation's table, whatever the verb.
func (l Loaded[T]) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, l.Explain().String()) // Format has no way to report an error
}

// MarshalJSON returns the explanation.
func (l Loaded[T]) MarshalJSON() ([]byte, error) { return l.Explain().MarshalJSON() }

// LogValue returns the explanation as a group with the name of each variable
// as key: its value, unless that is hidden.
func (l Loaded[T]) LogValue() slog.Value {
	var attrs []slog.Attr
	for _, s := range l.Explain() {
		if s.Origin != (Origin{}) {
			attrs = append(attrs, slog.String(s.Variable, s.Value))
		}
	}
	return slog.GroupValue(attrs...)
}

// Explain tells of each variable where its value came from.
func (l Loaded[T]) Explain() Explanation {
	if l.report == nil {
		return nil
	}
	r := l.report()
	out := make(Explanation, len(r.settings))
	for i := range r.settings {
		s := &r.settings[i]
		out[i] = Setting{
			Variable: s.name(), Field: s.path(), Type: s.leaf.kind.text, Origin: r.loader.origin(s), Secret: s.isHidden(), Value: s.text,
		}
		if out[i].Secret {
			out[i].Value = ""
			if s.input != nowhere {
				out[i].Value = secrets.Placeholder
			}
		}
	}
	return out
}

// Variables returns what is set, for [Environment.CheckValues]: each variable
// with the text that was decoded, defaults included.
func (l Loaded[T]) Variables() []Variable {
	if l.report == nil {
		return nil
	}
	return l.report().variables()
}

// Snapshot returns the configuration for [Diff] and [CheckShared], as one of
// env. Secrets are in it as fingerprints; without a Fingerprinter nothing is
// kept of them but whether they are set.
func (l Loaded[T]) Snapshot(env Environment, f *secrets.Fingerprinter) Snapshot {
	out := Snapshot{Version: SnapshotVersion, Environment: env.Name, Tier: env.Tier}
	if l.report == nil {
		return out
	}
	r := l.report()
	for i := range r.settings {
		s := &r.settings[i]
		e := Entry{
			Variable: s.name(), Field: s.path(), Type: s.leaf.kind.text, Rules: strings.Join(s.leaf.allRules(), "; "),
			Secret: s.isHidden(), Set: s.input != nowhere,
		}
		e.Hold(secrets.New(s.text), f)
		out.Entries = append(out.Entries, e)
	}
	return out
}

// allRules returns what must hold, in words.
func (l *leaf) allRules() []string {
	first := "is set"
	switch {
	case l.hasDefault:
		first = "has a default"
	case l.optional:
		first = "may be absent"
	}
	rules := append([]string{first}, l.rules...)
	if l.tag.empty {
		rules = append(rules, "may be empty")
	}
	return rules
}
