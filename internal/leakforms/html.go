package leakforms

import (
	"html"
	"strings"
)

// htmlForms returns s as it stands in an HTML or XML text or attribute.
func htmlForms(s string) []string {
	escape := func(more ...string) string {
		return strings.NewReplacer(append([]string{"&", "&amp;", "<", "&lt;", ">", "&gt;"}, more...)...).Replace(s)
	}
	return []string{
		html.EscapeString(s),
		escape(`"`, "&#34;", "'", "&#39;", "\x00", "\uFFFD"),               // Go: text/template
		escape(`"`, "&#34;", "'", "&#39;", "\x00", "\uFFFD", "+", "&#43;"), // Go: html/template
		escape(), // text content of a DOM node
		escape(`"`, "&quot;"),
		escape(`"`, "&quot;", "'", "&#39;"),  // React, Express
		escape(`"`, "&quot;", "'", "&#x27;"), // Python, Handlebars
		escape(`"`, "&quot;", "'", "&#039;"), // PHP
		escape(`"`, "&quot;", "'", "&apos;"), // XML 1.0, 4.6
		escape(`"`, "&#34;", "'", "&#39;", "\t", "&#x9;", "\n", "&#xA;", "\r", "&#xD;"), // Go: encoding/xml
	}
}
