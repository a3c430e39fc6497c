package approval

import (
	"html/template"
	"strings"
)

// newPages parses the page. Everything from outside passes the escaping of
// html/template, and plain against what is printable in HTML and misleads.
func newPages() (*template.Template, error) {
	return template.New("").Funcs(template.FuncMap{
		"plain":  plain,
		"hex":    func(digest string) string { return strings.TrimPrefix(digest, "sha256:") },
		"person": func(i Identity) string { return plain(i.String()) },
	}).Parse(pageText)
}

// pageText needs no script.
const pageText = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Approvals</title>
<style>{{.Style}}</style>
</head>
<body>
<header><a href="{{.Base}}">Approvals</a>{{with .Who.ID}}<span>{{person $.Who}}</span>{{end}}</header>
<main>
{{with .Problem}}<p class="problem" role="alert">{{.}}</p>{{end}}
{{with .One}}
<h1>{{plain .Request.Service}} in {{plain .Request.Environment}}</h1>
<p>Run <b>{{plain (print .Request.Run)}}</b>, step <b>{{plain .Request.Step}}</b>, started by <b>{{plain .Request.Initiator}}</b>{{range $i, $who := .Initiators}}{{if $i}}, continued by <b>{{plain $who}}</b>{{end}}{{end}}:
<b class="state">{{.State}}</b>, until <time>{{.Request.Deadline.Format "2006-01-02 15:04:05 MST"}}</time></p>
{{with .Missing}}<p>Missing:</p><ul>{{range .}}<li>{{plain .}}</li>{{end}}</ul>{{end}}
{{with .Votes}}<ul class="votes">{{range .}}<li>{{person .By}}: <b>{{.Verdict}}</b>, <time>{{.Time.Format "2006-01-02 15:04:05 MST"}}</time>, by {{.Via}}{{with .Comment}}<br>{{plain .}}{{end}}</li>{{end}}</ul>{{end}}
<pre>{{.Request.String}}</pre>
{{if .Open}}
<form method="post">
<label>Comment <textarea name="comment" rows="3" maxlength="500"></textarea></label>
<button name="verdict" value="approve">Approve for {{plain .Request.Environment}}</button>
<button name="verdict" value="refuse">Refuse</button>
</form>
{{end}}
{{else}}
<h1>Open requests</h1>
<ul>
{{range .Requests}}<li><a href="{{$.Base}}{{.Request.Environment}}/{{.Request.Service}}/{{hex .Digest}}">{{plain .Request.Service}} in {{plain .Request.Environment}}</a>,
run {{plain (print .Request.Run)}}, started by {{plain .Request.Initiator}}: {{.State}}</li>
{{else}}<li>None.</li>
{{end}}</ul>
{{end}}
</main>
</body>
</html>
`

const styleText = `
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem; color: #1b1f24; background: #fff; }
header { display: flex; justify-content: space-between; border-bottom: 1px solid #8c959f; }
pre { padding: 1rem; overflow-x: auto; background: #f3f5f7; border: 1px solid #8c959f; white-space: pre-wrap; overflow-wrap: anywhere; }
textarea { display: block; width: 100%; box-sizing: border-box; }
button { font: inherit; padding: .5rem 1rem; margin: 1rem 1rem 0 0; }
.problem { padding: .5rem 1rem; background: #ffebe9; border: 1px solid #b3261e; }
`
