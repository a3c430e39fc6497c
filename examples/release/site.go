package main

import (
	"context"
	"crypto/ed25519"
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/approval"
	"github.com/masaruk/devops/deploy/release"
	"github.com/masaruk/devops/deploy/step/artefact"
)

// This file stands for what a team has already: the site itself, where people
// sign in, and what is special about its releases. team.go is what it writes.

// releaseHeader tells which release has answered.
const releaseHeader = "X-Release"

// serve serves the site as it is now, and the page on which people approve.
func (t *team) serve(ctx context.Context) error {
	handler, err := t.handler()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", t.addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	fmt.Fprintf(t.out, "the site is on http://%s/, approvals are on http://%s/approvals/\n", listener.Addr(), listener.Addr())
	ended := make(chan struct{})
	go func() { // an interrupt ends it once everybody has their answer
		defer close(ended)
		select {
		case <-t.stop:
			_ = server.Shutdown(ctx)
		case <-ctx.Done():
		}
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-ended
	return nil
}

func (t *team) handler() (http.Handler, error) {
	page, err := t.desk.Handler([]deploy.Ref{{Service: service, Environment: environment.Name}}, t.identify)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		live, err := t.releases.Current()
		if err != nil {
			fmt.Fprintln(w, "nothing is released yet")
			return
		}
		// The release's own folder: a request sees one release, whatever current does.
		w.Header().Set(releaseHeader, live)
		http.FileServer(http.Dir(filepath.Join(t.releases.Root(), "releases", live))).ServeHTTP(w, r)
	})
	mux.Handle("/approvals/", askForPassword(http.StripPrefix("/approvals", page)))
	return mux, nil
}

// askForPassword makes browsers ask for name and token.
func askForPassword(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, _, ok := r.BasicAuth(); !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="approvals"`)
			http.Error(w, "say who you are", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// identify looks a person up in the people file. A real team asks the place
// where its people sign in.
func (t *team) identify(r *http.Request) (approval.Identity, error) {
	name, token, _ := r.BasicAuth()
	text, err := os.ReadFile(t.people)
	if err != nil {
		return approval.Identity{}, err
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) == 3 && f[0] == name && subtle.ConstantTimeCompare([]byte(f[2]), []byte(token)) == 1 {
			return approval.Identity{ID: name, Roles: []string{f[1]}}, nil
		}
	}
	return approval.Identity{}, errors.New("unknown person, or wrong token")
}

// deskKey is the key with which the desk vouches for who approved, made at the
// first call.
func deskKey(name string) (ed25519.PrivateKey, error) {
	seed, err := os.ReadFile(name)
	switch {
	case err == nil && len(seed) == ed25519.SeedSize:
		return ed25519.NewKeyFromSeed(seed), nil
	case err == nil:
		return nil, fmt.Errorf("%s does not hold a key", name)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if err := makeKey(name); err != nil {
		return nil, err
	}
	return deskKey(name)
}

// makeKey makes a key unless another call was faster. It has its name only once
// it is whole.
func makeKey(name string) error {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".key-*") // of mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(key.Seed())
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err = os.Link(f.Name(), name); errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// before is the release that served before, also when a run is continued; empty
// where nothing did.
func (t *team) before(name string) (string, error) {
	rel, err := t.releases.LastProven(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", err
	}
	return rel.ID, nil
}

// The actions of the site's own. What has a JSON name is what is approved.
type place struct {
	Release string `json:"release"`
	Archive string `json:"archive"`
	dir     *release.Dir
}

func (p *place) Spec() any { return p }
func (p *place) Preview() []string {
	return []string{"unpack " + p.Archive + ", which has <output artefact>, as release " + p.Release}
}

func (p *place) Run(ctx context.Context, c *deploy.Call) error {
	digest, err := c.Expand("${artefact}")
	if err != nil {
		return err
	}
	unpack := &artefact.Unpack{Archive: p.Archive, Digest: digest}
	_, err = p.dir.Stage(ctx, release.Spec{ID: p.Release, Fill: unpack.Fill})
	return err
}

type unplace struct {
	Release string `json:"release"`
	dir     *release.Dir
}

func (u *unplace) Spec() any         { return u }
func (u *unplace) Preview() []string { return []string{"remove release " + u.Release} }
func (u *unplace) Run(ctx context.Context, _ *deploy.Call) error {
	err := u.dir.Remove(ctx, u.Release)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, release.ErrProtected): // the first one stays current until there is another
		rel, err := u.dir.Get(u.Release)
		if err != nil || rel.State() == release.Proven { // by an earlier run, and this one has not switched
			return err
		}
		return u.dir.Fail(ctx, u.Release, "undone")
	}
	return err
}

type activate struct {
	Release string `json:"release"` // empty: nothing served before
	dir     *release.Dir
}

func (a *activate) Spec() any         { return a }
func (a *activate) Preview() []string { return []string{fmt.Sprintf("current -> %q", a.Release)} }
func (a *activate) Run(ctx context.Context, _ *deploy.Call) error {
	if a.Release == "" {
		return nil
	}
	return a.dir.Activate(ctx, a.Release)
}

type prove struct {
	Release string `json:"release"`
	dir     *release.Dir
}

func (p *prove) Spec() any { return p }
func (p *prove) Preview() []string {
	return []string{"record that release " + p.Release + " is proven"}
}

func (p *prove) Run(ctx context.Context, c *deploy.Call) error {
	return p.dir.Prove(ctx, p.Release, "watched by run "+string(c.Run))
}
