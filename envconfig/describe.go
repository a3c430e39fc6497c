package envconfig

import (
	"fmt"
	"strings"

	"github.com/masaruk/devops/envconfig/dotenv"
)

// Description tells of each variable that a type reads, in the order of the
// fields. It holds nothing of any environment.
type Description []Described

// Described is one variable of a [Description].
type Described struct {
	// Variable is its name; for an element of a slice of structs that of the
	// first element, such as HOSTS_0_NAME.
	Variable string `json:"variable"`
	Field    string `json:"field"`
	Type     string `json:"type"`
	// Rules are what must hold, in words, such as "is at least 1".
	Rules []string `json:"rules,omitempty"`
	// Default is used where the variable is not set and HasDefault is true.
	Default    string `json:"default,omitempty"`
	HasDefault bool   `json:"has_default,omitempty"`
	// Required tells that loading fails without it; where the variable is in a
	// group behind a pointer or in an element of a list, once any other of
	// that is set.
	Required bool `json:"required,omitempty"`
	// Repeated tells that _1_, _2_ and so on may stand in place of _0_.
	Repeated bool `json:"repeated,omitempty"`
	// Optional tells that the variable is in a group that may be absent as a
	// whole.
	Optional bool `json:"optional,omitempty"`
	Secret   bool `json:"secret,omitempty"`
	// File tells that the variable with _FILE at its end may name a file that
	// holds the value instead.
	File bool `json:"file,omitempty"`
	// Text is the key desc of the tag.
	Text string `json:"text,omitempty"`
}

// Describe returns the variables that T reads. It depends on the type and the
// prefix alone.
func (l *Loader[T]) Describe() Description {
	var d Description
	d.group(l.core.root, Described{}, nil)
	return d
}

// group adds the variables of a group; like holds what they have in common.
func (d *Description) group(g *group, like Described, in *element) {
	for i := range g.members {
		m := &g.members[i]
		switch inner := like; {
		case m.leaf != nil:
			d.leaf(m.leaf, like, in)
		case m.list != nil:
			inner.Repeated, inner.Optional = true, like.Optional || m.list.optional
			d.group(m.list.elem, inner, &element{pre: in.name(m.list.name) + "_0_", at: in.path(m.list.path) + "[0]"})
		default:
			inner.Optional = like.Optional || m.pointer
			d.group(m.inner, inner, in)
		}
	}
}

func (d *Description) leaf(l *leaf, like Described, in *element) {
	one := like
	one.Variable, one.Field, one.Type = in.name(l.name), in.path(l.path), l.kind.text
	one.Rules, one.Default, one.HasDefault = l.rules, l.def, l.hasDefault
	one.Required, one.Secret, one.File = !l.optional && !l.hasDefault, l.secret, l.tag.file
	one.Text = l.tag.keys.value("desc")
	if l.tag.empty {
		one.Rules = append(one.Rules[:len(one.Rules):len(one.Rules)], "may be empty")
	}
	*d = append(*d, one)
}

// EnvExample returns a .env.example in Node's dialect: a comment and a line
// for each variable. What has to be filled in stands with an empty value, what
// has a default with that, what may be absent in a comment. Secrets are always
// blank. A file made of it by filling in the blanks loads.
func (d Description) EnvExample() (string, error) {
	var b strings.Builder
	b.WriteString("# Generated from the program's configuration; do not edit.\n")
	for _, one := range d {
		b.WriteString("\n")
		if one.Text != "" {
			b.WriteString("# " + oneLine(one.Text) + "\n")
		}
		b.WriteString("# " + oneLine(one.note()) + "\n")
		line := one.Variable + "=\n"
		if one.HasDefault && !one.Secret {
			var err error
			line, err = dotenv.Format([]dotenv.Entry{{Name: one.Variable, Value: one.Default}}, dotenv.Node)
			if err != nil {
				return "", fmt.Errorf("envconfig: the default of %s: %w", one.Field, err)
			}
		}
		if one.Optional || one.HasDefault && one.Secret || !one.Required && !one.HasDefault {
			line = "# " + strings.ReplaceAll(strings.TrimSuffix(line, "\n"), "\n", "\n# ") + "\n"
		}
		b.WriteString(line)
	}
	return b.String(), nil
}

// note tells type and rules in one line.
func (d Described) note() string {
	parts := []string{d.Type}
	switch {
	case d.HasDefault && d.Secret:
		parts = append(parts, "looked up unless set")
	case d.HasDefault:
		parts = append(parts, "has a default")
	case d.Required && d.Optional:
		parts = append(parts, "required with the others of its group")
	case d.Required:
		parts = append(parts, "required")
	default:
		parts = append(parts, "optional")
	}
	if d.Secret && d.Type != "secret" {
		parts = append(parts, "secret")
	}
	parts = append(parts, d.Rules...)
	if d.Repeated {
		parts = append(parts, "repeat with _1_, _2_ and so on")
	}
	if d.File {
		parts = append(parts, "or "+d.Variable+fileSuffix+" with the path of a file")
	}
	return strings.Join(parts, "; ")
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// Markdown returns a table of the variables.
func (d Description) Markdown() string {
	var b strings.Builder
	b.WriteString("| variable | type | default | rules | what it is |\n|---|---|---|---|---|\n")
	for _, one := range d {
		def := ""
		if one.HasDefault && !one.Secret {
			def = code(one.Default)
		}
		_, _ = fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", // a Builder does not fail
			one.Variable, escapeCell(one.Type), def, escapeCell(strings.TrimPrefix(one.note(), one.Type+"; ")), escapeCell(one.Text))
	}
	return b.String()
}

// code returns text as code in a cell of a table.
func code(text string) string {
	if text == "" {
		return "(empty)"
	}
	fence := "`"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	if len(fence) > 1 {
		text = " " + text + " "
	}
	return fence + escapePipes(oneLineCode(text)) + fence
}

func oneLineCode(text string) string { return strings.NewReplacer("\n", " ", "\r", " ").Replace(text) }

func escapePipes(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// escapeCell keeps text from being read as Markdown or HTML.
func escapeCell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "&", "&amp;", "*", `\*`, "_", `\_`, "`", "\\`", "[", `\[`, `\`, `\\`).Replace(oneLine(text))
}
