package notify

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"strings"
	"time"
)

// message writes a note by RFC 5322: text/plain in UTF-8.
func (e *Email) message(n Note) ([]byte, error) {
	if strings.ContainsFunc(n.Title, isControl) {
		return nil, errors.New("the title holds a control character, such as the end of a line")
	}
	from, err := address(e.From)
	if err != nil {
		return nil, err
	}
	var to []string
	for _, text := range e.To {
		a, err := address(text)
		if err != nil {
			return nil, err
		}
		to = append(to, a.String())
	}
	_, domain, _ := strings.Cut(from.Address, "@")
	var b bytes.Buffer
	for _, header := range [][2]string{
		{"From", from.String()},
		{"To", strings.Join(to, ",\r\n ")},
		{"Subject", mime.QEncoding.Encode("utf-8", cut(n.Title, 200))},
		{"Date", time.Now().Format(time.RFC1123Z)},
		{"Message-ID", "<" + n.ID + "@" + domain + ">"},
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "quoted-printable"},
		{"Auto-Submitted", "auto-generated"}, // RFC 3834: no holiday answers
	} {
		// A line has 998 characters at most; the encoder makes one, however long.
		fmt.Fprintf(&b, "%s: %s\r\n", header[0], strings.ReplaceAll(header[1], "?= =?", "?=\r\n =?"))
	}
	b.WriteString("\r\n")
	body := quotedprintable.NewWriter(&b)
	if _, err := body.Write([]byte(n.Text + "\n")); err != nil {
		return nil, err
	}
	if err := body.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
