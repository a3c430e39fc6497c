package sentrysink_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/internal/testenv"
	"github.com/masaruk/devops/monitor"
	"github.com/masaruk/devops/monitor/sink/sentrysink"
	"github.com/masaruk/devops/monitor/sinktest"
	"github.com/masaruk/devops/secrets"
)

// publicKey is the one in the DSN of the station.
const publicKey = "0123456789abcdef"

// station is a server that takes envelopes as Sentry does.
type station struct {
	*httptest.Server

	mu        sync.Mutex
	envelopes [][]byte // that were taken
	requests  []*http.Request
	tries     int
	fault     sinktest.Fault
	works     chan struct{}
	answer    func(w http.ResponseWriter) bool // in its place, if it says so
}

func newStation() *station {
	s := &station{works: make(chan struct{})}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	return s
}

func (s *station) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	fault, works, answer := s.fault, s.works, s.answer
	s.tries++
	s.mu.Unlock()
	switch {
	case fault == sinktest.Hangs:
		select {
		case <-works:
		case <-r.Context().Done():
		}
		panic(http.ErrAbortHandler)
	case fault == sinktest.Fails:
		w.Header().Set("X-Sentry-Error", "out of order")
		w.WriteHeader(http.StatusBadGateway)
		return
	case answer != nil && answer(w):
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.envelopes = append(s.envelopes, body)
	s.requests = append(s.requests, r)
}

func (s *station) do(f sinktest.Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault == sinktest.Hangs {
		close(s.works)
	}
	s.fault, s.works = f, make(chan struct{})
}

func (s *station) answers(f func(w http.ResponseWriter) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = f
}

func (s *station) taken() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.envelopes)
}

func (s *station) tried() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tries
}

func (s *station) dsn() secrets.Value {
	return secrets.New(strings.Replace(s.URL, "http://", "http://"+publicKey+"@", 1) + "/42")
}

// item is one item of an envelope.
type item struct {
	header, payload map[string]any
}

// items reads the envelopes as far as these tests need it, without Sentry's own
// parser.
func (s *station) items() []item {
	var all []item
	for _, e := range s.taken() {
		lines := bytes.Split(bytes.TrimSpace(e), []byte("\n"))
		for i := 1; i+1 < len(lines); i += 2 {
			var one item
			if json.Unmarshal(lines[i], &one.header) != nil || json.Unmarshal(lines[i+1], &one.payload) != nil {
				panic("no envelope: " + string(e))
			}
			all = append(all, one)
		}
	}
	return all
}

// ofType returns the payloads of one type.
func (s *station) ofType(kind string) []map[string]any {
	all := []map[string]any{}
	for _, i := range s.items() {
		if i.header["type"] == kind {
			all = append(all, i.payload)
		}
	}
	return all
}

// arrived is what the conformance kit wants to know.
func (s *station) arrived() []sinktest.Arrival {
	var all []sinktest.Arrival
	for _, e := range s.ofType("event") {
		tags, context := e["tags"].(map[string]any), e["contexts"].(map[string]any)["check"].(map[string]any)
		a := sinktest.Arrival{Check: tags["check"].(string), Kind: monitor.AlertOpened, Seq: uint64(context["seq"].(float64))}
		if tags["alert"] == "resolved" {
			a.Kind = monitor.AlertResolved
		}
		all = append(all, a)
	}
	return all
}

// newSink is a sink that sends to a station, both closed at the end.
func newSink(t *testing.T, opts *sentrysink.Options) (*sentrysink.Sink, *station) {
	t.Helper()
	s := newStation()
	t.Cleanup(s.Close)
	sink, err := sentrysink.New(envconfig.Development(), s.dsn(), opts)
	require.NoError(t, err)
	t.Cleanup(func() {
		s.do(sinktest.Works)
		require.NoError(t, sink.Close(context.Background())) // that of the test has ended
	})
	return sink, s
}

const parser = `
const {parseEnvelope} = require(process.argv[1])
const all = JSON.parse(require('fs').readFileSync(0, 'utf8'))
// It leaves payloads whose length is given as they are.
const json = p => p instanceof Uint8Array ? JSON.parse(Buffer.from(p).toString()) : p
process.stdout.write(JSON.stringify(all.map(e => {
  const [header, items] = parseEnvelope(new Uint8Array(Buffer.from(e, 'base64')))
  return [header, items.map(([h, p]) => [h, json(p)])]
})))
`

// parsed has Sentry's own parser read envelopes: each is its header and a list of
// items, which are header and payload.
func parsed(t *testing.T, envelopes [][]byte) (headers []map[string]any, items [][][2]map[string]any) {
	t.Helper()
	texts := make([]string, len(envelopes))
	for i, e := range envelopes {
		texts[i] = base64.StdEncoding.EncodeToString(e)
	}
	in, err := json.Marshal(texts)
	require.NoError(t, err)
	node, err := testenv.Node()
	require.NoError(t, err)
	dir, err := filepath.Abs(testenv.NPMPackage(t, "@sentry/core"))
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), node, "-e", parser, dir)
	var errs bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &errs
	out, err := cmd.Output()
	require.NoError(t, err, "%s", errs.String())
	var all []json.RawMessage
	require.NoError(t, json.Unmarshal(out, &all))
	for _, one := range all {
		var pair [2]json.RawMessage
		var header map[string]any
		var list [][2]map[string]any
		require.NoError(t, json.Unmarshal(one, &pair))
		require.NoError(t, json.Unmarshal(pair[0], &header))
		require.NoError(t, json.Unmarshal(pair[1], &list))
		headers, items = append(headers, header), append(items, list)
	}
	return headers, items
}

// refuseWith answers 400 and says why.
func refuseWith(why string) func(http.ResponseWriter) bool {
	return func(w http.ResponseWriter) bool {
		w.Header().Set("X-Sentry-Error", why)
		w.WriteHeader(http.StatusBadRequest)
		return true
	}
}
