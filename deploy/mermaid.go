package deploy

import (
	"fmt"
	"strings"
)

// Mermaid returns the description as a flowchart that GitHub, GitLab and most
// wikis draw: a solid arrow to each step from those that it needs, and a
// dotted one back wherever there is something to undo. It says nothing that
// String does not.
// Syntax: https://mermaid.js.org/syntax/flowchart.html
func (d Description) Mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart TD\n")
	node := make(map[string]string, len(d.Steps))
	for i, s := range d.Steps {
		node[s.Name] = fmt.Sprintf("s%d", i+1)
		label := []string{mermaidText(s.Name)}
		if s.Kind != "" {
			label[0] += " (" + mermaidText(string(s.Kind)) + ")"
		}
		if s.When != nil {
			label = append(label, "only when "+mermaidText(s.When.String()))
		}
		label = append(label, "do "+mermaidText(s.Do.short()))
		if s.Undo != nil {
			label = append(label, "undo "+mermaidText(s.Undo.short()))
		}
		fmt.Fprintf(&b, "    %s[\"%s\"]\n", node[s.Name], strings.Join(label, "<br/>"))
	}
	for _, s := range d.Steps {
		for _, need := range s.Needs {
			fmt.Fprintf(&b, "    %s --> %s\n", node[need], node[s.Name])
			if s.Undo != nil {
				fmt.Fprintf(&b, "    %s -. undo .-> %s\n", node[s.Name], node[need])
			}
		}
	}
	return b.String()
}

// short names the action without its content.
func (a *ActionDescription) short() string {
	if a == nil {
		return "nothing"
	}
	if a.Opaque != "" {
		return fmt.Sprintf("%s %s (opaque)", a.Type, a.Opaque)
	}
	return a.Type
}

// mermaidText escapes what would end a label or begin markup in it.
func mermaidText(s string) string {
	var b strings.Builder
	for _, c := range s {
		if c < ' ' || strings.ContainsRune("\"#;<>&`[]{}()|\\", c) {
			fmt.Fprintf(&b, "#%d;", c)
			continue
		}
		b.WriteRune(c)
	}
	return b.String()
}
