package approval

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"slices"

	"github.com/masaruk/devops/deploy"
)

// Identify says who sent a request, by whatever the program signs people in
// with. An error lets nobody in; its text goes to the logger, not to the
// client. It is called from many goroutines.
type Identify func(*http.Request) (Identity, error)

// Handler returns a page and a JSON API by which people see and answer the
// requests of some services. Everybody whom identify knows may look; who may
// vote is the policy's affair. The Run of a ref does not matter.
//
//	GET  /                                     the open requests
//	GET  /{environment}/{service}/{request}    one of them; request is the hex of its digest
//	POST /{environment}/{service}/{request}    a form with verdict and comment
//	GET  /api/requests                         as JSON, see [Status]
//	GET  /api/requests/{environment}/{service}/{request}
//	POST /api/requests/{environment}/{service}/{request}    {"verdict": "...", "comment": "..."}
//
// Mounted elsewhere it needs [http.StripPrefix], and works since its links are
// relative. Nothing but POST has an effect. A POST from a page of another
// origin is refused ([http.CrossOriginProtection]); a form must come with the
// headers by which that is seen, and the API takes application/json only, which
// no page of another origin can send without being allowed to.
func (d *Desk) Handler(services []deploy.Ref, identify Identify) (http.Handler, error) {
	if identify == nil {
		return nil, errors.New("approval.Handler: identify is nil")
	}
	pages, err := newPages()
	if err != nil {
		return nil, fmt.Errorf("approval.Handler: %w", err)
	}
	sum := sha256.Sum256([]byte(styleText))
	h := &handler{
		desk: d, services: slices.Clone(services), identify: identify, pages: pages,
		csp: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", h.page(h.list))
	mux.HandleFunc("GET /{environment}/{service}/{request}", h.page(h.show))
	mux.HandleFunc("POST /{environment}/{service}/{request}", h.page(h.voteForm))
	mux.HandleFunc("GET /api/requests", h.api(h.list))
	mux.HandleFunc("GET /api/requests/{environment}/{service}/{request}", h.api(h.show))
	mux.HandleFunc("POST /api/requests/{environment}/{service}/{request}", h.api(h.voteJSON))
	return h.guarded(http.NewCrossOriginProtection().Handler(mux)), nil
}

type handler struct {
	desk     *Desk
	services []deploy.Ref
	identify Identify
	pages    *template.Template
	csp      string
}

// view is what a page or an answer of the API is made of.
type view struct {
	Who      Identity  `json:"who"`
	Requests []*Status `json:"requests,omitempty"`
	One      *Status   `json:"request,omitempty"`
	// Problem is why a vote was not recorded.
	Problem string       `json:"problem,omitempty"`
	Base    string       `json:"-"` // where the list is, relative to the page
	Style   template.CSS `json:"-"`
	status  int
	moved   bool // a form was taken; show the page anew
}

// guarded sets the headers that every answer has.
func (h *handler) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{
			"Content-Security-Policy":    h.csp,
			"X-Frame-Options":            "DENY",
			"X-Content-Type-Options":     "nosniff",
			"Referrer-Policy":            "same-origin", // without one, a form says its origin is "null"
			"Cross-Origin-Opener-Policy": "same-origin",
			"Cache-Control":              "no-store",
		} {
			w.Header().Set(name, value)
		}
		next.ServeHTTP(w, r)
	})
}

// answered makes what a client gets, or the reason why not.
type answered func(r *http.Request, who Identity) (*view, error)

// find calls f for a person who is signed in, and turns its error into one for
// the client.
func (h *handler) find(r *http.Request, f answered) *view {
	who, err := h.identify(r)
	if err == nil {
		err = who.Validate()
	}
	if err != nil {
		h.desk.opts.Logger.ErrorContext(r.Context(), "approval: nobody is signed in", "error", h.desk.opts.Redactor.String(err.Error()))
		return &view{Problem: "sign in first", status: http.StatusUnauthorized}
	}
	v, err := f(r, who)
	if v == nil {
		v = &view{}
	}
	v.Who = who
	if err != nil {
		v.status, v.Problem = h.problem(r.Context(), err)
	}
	return v
}

// page answers with HTML.
func (h *handler) page(f answered) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := h.find(r, f)
		if v.moved {
			w.Header().Set("Location", r.PathValue("request"))
			w.WriteHeader(http.StatusSeeOther)
			return
		}
		v.Base, v.Style = "./", styleText
		if r.PathValue("request") != "" {
			v.Base = "../../"
		}
		var b bytes.Buffer
		if err := h.pages.Execute(&b, v); err != nil {
			h.desk.opts.Logger.ErrorContext(r.Context(), "approval: the page cannot be made", "error", h.desk.opts.Redactor.String(err.Error()))
			http.Error(w, "internal error", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(orOK(v.status))
		_, _ = w.Write(b.Bytes())
	}
}

// api answers with JSON.
func (h *handler) api(f answered) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := h.find(r, f)
		raw, err := json.MarshalIndent(v, "", "\t")
		if err != nil {
			h.desk.opts.Logger.ErrorContext(r.Context(), "approval: the answer cannot be made", "error", h.desk.opts.Redactor.String(err.Error()))
			http.Error(w, "internal error", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(orOK(v.status))
		_, _ = w.Write(append(raw, '\n'))
	}
}

func orOK(status int) int {
	if status == 0 {
		return http.StatusOK
	}
	return status
}

// list is of the requests that are open.
func (h *handler) list(r *http.Request, _ Identity) (*view, error) {
	v := &view{}
	for _, ref := range h.services {
		for s, err := range h.desk.Requests(r.Context(), ref) {
			if err != nil {
				return nil, err
			}
			if s.Open {
				v.Requests = append(v.Requests, s)
			}
		}
	}
	return v, nil
}

// show is one request, of a service that this handler is for.
func (h *handler) show(r *http.Request, _ Identity) (*view, error) {
	ref := deploy.Ref{Service: r.PathValue("service"), Environment: r.PathValue("environment")}
	if !slices.ContainsFunc(h.services, func(s deploy.Ref) bool {
		return s.Service == ref.Service && s.Environment == ref.Environment
	}) {
		return nil, fs.ErrNotExist
	}
	s, err := h.desk.Request(r.Context(), ref, "sha256:"+r.PathValue("request"))
	if err != nil {
		return nil, err
	}
	return &view{One: s}, nil
}
