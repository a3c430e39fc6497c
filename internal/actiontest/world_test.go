package actiontest_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/secrets"
)

const canary = "cana'ry<4f2a9c>&x"

// scene is an action in a situation.
type scene struct {
	name    string
	step    deploy.Step // its Do is the action
	outputs map[string]any
	exec    deploy.Executor
	// says is what the failure must name; nil is a scene that succeeds.
	says []string
	// hides says that the action hides secrets that no Redactor knows.
	hides bool
}

// opaque is the type of what deploy.Func makes.
const opaque = "deploy.opaque"

// typ is the type of the action, as in the source.
func (s scene) typ() string {
	typ := reflect.TypeOf(s.step.Do)
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	return strings.TrimPrefix(typ.PkgPath(), "github.com/masaruk/devops/") + "." + typ.Name()
}

// world is what the scenes take place in.
type world struct {
	t      *testing.T
	dir    string
	url    string // of a service that says back all that it hears, with status 500
	tls    string // the same over TLS
	ca     string // a file with its authority
	talker string // host and port of a service that says the canary
	dead   string // host and port where nothing listens
	// source has the canary by any name but "missing", URLs by "url", and a key.
	source secrets.Source
}

// newWorld makes one; without live there is no service behind the addresses.
func newWorld(t *testing.T, live bool) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), url: "http://127.0.0.1:9", tls: "https://127.0.0.1:9", talker: "127.0.0.1:9", dead: "127.0.0.1:9"}
	if live {
		w.serve()
	}
	w.source = source(func(_ context.Context, name string) (secrets.Value, error) {
		switch name {
		case "missing":
			return secrets.Value{}, &secrets.SourceError{Source: "test", Name: name, Err: errors.New("not there")}
		case "url":
			return secrets.New(w.url + "/services/" + "T0/B0/" + canaryInURL), nil
		}
		return secrets.New(canary), nil
	})
	require.NoError(t, os.WriteFile(w.path("file"), []byte("content"), 0o600))
	require.NoError(t, os.MkdirAll(w.path("folder", "sub"), 0o700))
	require.NoError(t, os.WriteFile(w.path("folder", "sub", "file"), []byte("content"), 0o600))
	return w
}

// canaryInURL is a secret as it stands in a URL.
const canaryInURL = "canary7b1e03XYZ"

// source is a function as a secrets.Source.
type source func(ctx context.Context, name string) (secrets.Value, error)

// Lookup calls s.
func (s source) Lookup(ctx context.Context, name string) (secrets.Value, error) { return s(ctx, name) }

func (w *world) path(parts ...string) string {
	return filepath.Join(append([]string{w.dir}, parts...)...)
}

// serve starts the services.
func (w *world) serve() {
	echo := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		rw.WriteHeader(http.StatusInternalServerError)
		_, _ = fmt.Fprintf(rw, "%s %v %s %s", r.RequestURI, r.Header, body, canary)
	})
	plain, secure := httptest.NewServer(echo), httptest.NewTLSServer(echo)
	w.t.Cleanup(plain.Close)
	w.t.Cleanup(secure.Close)
	w.url, w.tls = plain.URL, secure.URL
	w.ca = w.path("ca.pem")
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	require.NoError(w.t, os.WriteFile(w.ca, cert, 0o600))
	talker, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = talker.Close() })
	w.talker = talker.Addr().String()
	go func() {
		for {
			conn, err := talker.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, canary+"\r\n")
			_ = conn.Close()
		}
	}()
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(w.t, err)
	w.dead = dead.Addr().String()
	require.NoError(w.t, dead.Close())
}

// broken is an executor whose every command says the secret and fails.
func broken() deploy.Executor {
	return deploy.ExecutorFunc(func(_ context.Context, cmd deploy.Command) (deploy.Result, error) {
		if cmd.Stderr != nil {
			_, _ = io.WriteString(cmd.Stderr, "denied for "+canary+"\n")
		}
		return deploy.Result{Exit: 1}, &deploy.ExitError{Program: cmd.Argv[0], Exit: 1, Stderr: "denied for " + canary}
	})
}
