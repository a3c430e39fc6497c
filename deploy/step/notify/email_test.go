package notify_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/http/httptest"
	"net/mail"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/step/notify"
	"github.com/masaruk/devops/internal/actiontest"
	"github.com/masaruk/devops/internal/testenv"
	"github.com/masaruk/devops/secrets"
)

// mailProgram is a mail server, of the npm package smtp-server: it prints its
// port and each message that it took, and ends with its input.
const mailProgram = `
const {SMTPServer} = require(process.argv[1])
const lines = require('readline').createInterface({input: process.stdin})
const print = x => process.stdout.write(JSON.stringify(x) + '\n')
lines.on('close', () => process.exit())
lines.once('line', line => {
	const o = JSON.parse(line)
	o.options.onAuth = (auth, session, done) => auth.username === 'deploy' && auth.password === o.password
		? done(null, {user: auth.username}) : done(new Error('no such user ' + auth.username + ' with ' + auth.password))
	o.options.onRcptTo = (to, session, done) => done(to.address.startsWith('nobody@') ? new Error('unknown mailbox') : null)
	o.options.onData = (stream, session, done) => {
		let text = ''
		stream.setEncoding('utf8').on('data', d => text += d).on('end', () => {
			print({from: session.envelope.mailFrom.address, to: session.envelope.rcptTo.map(r => r.address),
				secure: session.secure, user: session.user || '', text})
			done()
		})
	}
	const server = new SMTPServer(o.options)
	server.on('error', () => {}) // of single connections
	server.listen(0, '127.0.0.1', () => print({port: server.server.address().port}))
})
`

// mailbox is a running mail server.
type mailbox struct {
	port  int
	lines *bufio.Scanner
	roots *x509.CertPool
}

// taken is a message that it took.
type taken struct {
	Port   int
	From   string
	To     []string
	Secure bool
	User   string
	Text   string
}

func (m *mailbox) next(t *testing.T) taken {
	t.Helper()
	require.True(t, m.lines.Scan(), "the mail server has ended")
	var got taken
	require.NoError(t, json.Unmarshal(m.lines.Bytes(), &got))
	return got
}

// serveMail starts a mail server with options of smtp-server.
func serveMail(t *testing.T, options map[string]any) *mailbox {
	t.Helper()
	certified := httptest.NewTLSServer(nil) // for its certificate, which is for 127.0.0.1
	certified.Close()
	key, err := x509.MarshalPKCS8PrivateKey(certified.TLS.Certificates[0].PrivateKey)
	require.NoError(t, err)
	options["key"] = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	options["cert"] = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certified.Certificate().Raw}))
	start, err := json.Marshal(map[string]any{"options": options, "password": canary})
	require.NoError(t, err)
	node, err := testenv.Node()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), node, "-e", mailProgram, testenv.NPMPackage(t, "smtp-server"))
	var said bytes.Buffer
	cmd.Stderr = &said
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil && t.Context().Err() == nil {
			t.Errorf("the mail server ended with %v: %s", err, said.String())
		}
	})
	_, err = in.Write(append(start, '\n'))
	require.NoError(t, err)
	m := &mailbox{lines: bufio.NewScanner(out), roots: x509.NewCertPool()}
	m.roots.AddCert(certified.Certificate())
	m.port = m.next(t).Port
	return m
}

// email is a channel that leads there, as user deploy.
func (m *mailbox) email() *notify.Email {
	return &notify.Email{
		Server: fmt.Sprintf("127.0.0.1:%d", m.port), TLS: &tls.Config{RootCAs: m.roots},
		From: "Déploys <deploy@example.com>", To: []string{"ops@example.com", "Ada <ada@example.com>"},
		User: "deploy", Password: "smtp", Source: secrets.Static(map[string]secrets.Value{"smtp": secrets.New(canary), "wrong": secrets.New("wrong-" + canary)}),
	}
}

func send(t *testing.T, e *notify.Email, title, text string) *actiontest.Trace {
	t.Helper()
	do := &notify.Send{To: []notify.Channel{e}, Title: title, Text: text, Required: true}
	return actiontest.Bench{}.Run(t, step(do))
}

func TestEmailArrives(t *testing.T) {
	for _, security := range []notify.Security{notify.StartTLS, notify.ImplicitTLS} {
		m := serveMail(t, map[string]any{"secure": security == notify.ImplicitTLS})
		e := m.email()
		e.Security = security
		long := "Überlänge " + strings.Repeat("= wörd ", 40) + "\n.\n.hidden dot"
		tr := send(t, e, "{{.Service}} → live", long)
		require.NoError(t, tr.Err)
		got := m.next(t)
		require.Equal(t, "deploy@example.com", got.From)
		require.Equal(t, []string{"ops@example.com", "ada@example.com"}, got.To)
		require.True(t, got.Secure)
		require.Equal(t, "deploy", got.User)
		msg, err := mail.ReadMessage(strings.NewReader(got.Text))
		require.NoError(t, err)
		subject, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
		require.NoError(t, err)
		require.Equal(t, "shop → live", subject)
		from, err := msg.Header.AddressList("From")
		require.NoError(t, err)
		require.Equal(t, "Déploys", from[0].Name)
		to, err := msg.Header.AddressList("To")
		require.NoError(t, err)
		require.Len(t, to, 2)
		date, err := msg.Header.Date()
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), date, time.Hour)
		require.Regexp(t, `^<[0-9a-f]{32}@example.com>$`, msg.Header.Get("Message-ID"))
		body, err := io.ReadAll(quotedprintable.NewReader(msg.Body))
		require.NoError(t, err)
		require.Equal(t, long, strings.TrimRight(strings.ReplaceAll(string(body), "\r\n", "\n"), "\n"))
		tr.RequireHidden(t, canary)
	}
}

func TestEmailRefusesWhatIsNotProtected(t *testing.T) {
	m := serveMail(t, map[string]any{"hideSTARTTLS": true, "authOptional": true})
	tr := send(t, m.email(), "x", "")
	require.ErrorContains(t, tr.Err, "does not offer STARTTLS")
	require.ErrorContains(t, tr.Err, m.email().Server)

	m = serveMail(t, map[string]any{})
	e := m.email()
	e.TLS = nil
	tr = send(t, e, "x", "")
	require.ErrorContains(t, tr.Err, "certificate", "of an authority that nobody knows")

	e = m.email()
	e.Password = "wrong"
	tr = send(t, e, "x", "")
	require.ErrorContains(t, tr.Err, "sign in as deploy")
	tr.RequireHidden(t, canary)

	e = m.email()
	e.To = append(e.To, "nobody@example.com")
	tr = send(t, e, "x", "")
	require.ErrorContains(t, tr.Err, "to nobody@example.com")
	require.ErrorContains(t, tr.Err, "unknown mailbox")

	e = m.email()
	require.NoError(t, send(t, e, "last", "").Err)
	require.Contains(t, m.next(t).Text, "Subject: last", "the first that was taken")
}

func TestEmailToARelayOnThisHost(t *testing.T) {
	m := serveMail(t, map[string]any{"authOptional": true, "hideSTARTTLS": true})
	e := m.email()
	e.Security, e.User, e.Password = notify.Plain, "", ""
	require.NoError(t, send(t, e, "x", "").Err)
	require.False(t, m.next(t).Secure)
}

// TestHeadersCannotBeInjected has everything that a header is made of.
func TestHeadersCannotBeInjected(t *testing.T) {
	m := serveMail(t, map[string]any{})
	injected := "x\r\nBcc: eve@example.com"
	tr := actiontest.Bench{Outputs: map[string]any{"v": injected}}.Run(t, step(&notify.Send{
		To: []notify.Channel{m.email()}, Title: "release {{output \"v\"}}", Required: true,
	}))
	require.ErrorContains(t, tr.Err, "line feed")
	err := m.email().Deliver(t.Context(), notify.Note{Title: injected})
	require.ErrorContains(t, err, "control character")
	for _, text := range []string{
		"a@example.com\r\nBcc: eve@example.com", "a@example.com\nRCPT TO:<eve@example.com>", "=?utf-8?q?x=0D=0ABcc=3A_eve?= <a@example.com>",
		"a@example.com, eve@example.com", "nothing", "",
	} {
		e := m.email()
		e.To = []string{text}
		require.Error(t, e.Validate(), text)
		require.Error(t, e.Deliver(t.Context(), notify.Note{Title: "x"}), text)
		e = m.email()
		e.From = text
		require.Error(t, e.Validate(), text)
		require.Error(t, e.Deliver(t.Context(), notify.Note{Title: "x"}), text)
	}
	e := m.email()
	e.Hello = "x\r\nMAIL FROM:<eve@example.com>"
	require.Error(t, e.Deliver(t.Context(), notify.Note{Title: "x"}))
	require.NoError(t, send(t, m.email(), "last", "\r\n.\r\nMAIL FROM:<eve@example.com>\r\n").Err)
	require.Contains(t, m.next(t).Text, "Subject: last", "nothing else was taken")
}

func TestAMailServerThatHangsIsLeft(t *testing.T) {
	listener := httptest.NewUnstartedServer(nil).Listener // accepts, and says nothing
	t.Cleanup(func() { _ = listener.Close() })
	e := (&mailbox{}).email()
	e.Server = listener.Addr().String()
	do := &notify.Send{To: []notify.Channel{e}, Required: true, Timeout: 50 * time.Millisecond}
	tr := actiontest.Bench{}.Run(t, step(do))
	require.ErrorContains(t, tr.Err, "not sent within 50ms")
}

func TestEmailValidate(t *testing.T) {
	for want, change := range map[string]func(*notify.Email){
		"field Server":             func(e *notify.Email) { e.Server = "smtp.example.com" },
		"none of StartTLS":         func(e *notify.Email) { e.Security = "ssl" },
		"is another host":          func(e *notify.Email) { e.Security, e.User, e.Password = notify.Plain, "", "" },
		"does not go over a Plain": func(e *notify.Email) { e.Security = notify.Plain },
		"field To is empty":        func(e *notify.Email) { e.To = nil },
		"signing in takes both":    func(e *notify.Email) { e.Password = "" },
		"field Source is nil":      func(e *notify.Email) { e.Source = nil },
	} {
		e := (&mailbox{}).email()
		e.Server = "smtp.example.com:587"
		require.NoError(t, e.Validate())
		change(e)
		require.ErrorContains(t, errors.Join(e.Validate()), want)
	}
	spec, err := json.Marshal((&mailbox{}).email().Spec())
	require.NoError(t, err)
	require.Contains(t, string(spec), `"password":"smtp"`)
	var _ deploy.Previewer = &notify.Send{}
}

// TestALongTitleIsFolded has a title whose encoded form is longer than a line of
// a message may be: RFC 5322 section 2.1.1.
func TestALongTitleIsFolded(t *testing.T) {
	m := serveMail(t, map[string]any{})
	title := strings.Repeat("日本語", 66)
	require.NoError(t, send(t, m.email(), title, "").Err)
	text := m.next(t).Text
	for line := range strings.Lines(text) {
		require.LessOrEqual(t, len(strings.TrimRight(line, "\r\n")), 100, line)
	}
	msg, err := mail.ReadMessage(strings.NewReader(text))
	require.NoError(t, err)
	subject, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
	require.NoError(t, err)
	require.Equal(t, title, subject)
}
