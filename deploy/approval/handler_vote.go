package approval

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"strings"

	"github.com/masaruk/devops/deploy"
)

// maxBody is the size in bytes of the largest body that is read: that of a
// form whose comment is all escapes.
const maxBody = 16 << 10

// errInput reports a request that says nothing that can be understood.
var errInput = errors.New("not understood")

func (h *handler) voteForm(r *http.Request, who Identity) (*view, error) {
	if r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "" {
		return nil, errOrigin
	}
	r.Body = http.MaxBytesReader(nil, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		return nil, fmt.Errorf("%w: the form", errInput)
	}
	v, err := h.vote(r, who, Ballot{Verdict: Verdict(r.PostForm.Get("verdict")), Comment: r.PostForm.Get("comment")}, "page")
	if err == nil {
		v.moved = true
	}
	return v, err
}

// errOrigin is for what is no browser, or a very old one.
var errOrigin = errors.New("a form must say where it comes from (Sec-Fetch-Site or Origin); programs use the API")

func (h *handler) voteJSON(r *http.Request, who Identity) (*view, error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, fmt.Errorf("%w: the Content-Type must be application/json", errInput)
	}
	var b struct {
		Verdict Verdict `json:"verdict"`
		Comment string  `json:"comment"`
	}
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&b); err != nil || dec.More() {
		return nil, fmt.Errorf(`%w: the body is {"verdict": "...", "comment": "..."}`, errInput)
	}
	return h.vote(r, who, Ballot{Verdict: b.Verdict, Comment: b.Comment}, "api")
}

// vote records the ballot; the view is of the request also where that fails.
func (h *handler) vote(r *http.Request, who Identity, b Ballot, via string) (*view, error) {
	v, err := h.show(r, who)
	if err != nil {
		return nil, err
	}
	b.By, b.Comment = who, strings.ReplaceAll(b.Comment, "\r\n", "\n") // as a form sends line ends
	if err := b.validate(); err != nil {
		return v, fmt.Errorf("%w: %w", errInput, err)
	}
	s, err := h.desk.vote(r.Context(), v.One.Request, b, via)
	if err != nil {
		return v, err
	}
	return &view{One: s}, nil
}

// problem is what a client learns of an error; what is not about its own
// request goes to the logger.
func (h *handler) problem(ctx context.Context, err error) (status int, text string) {
	for _, known := range []struct {
		err    error
		status int
		text   string
	}{
		{fs.ErrNotExist, http.StatusNotFound, "there is no such request"},
		{ErrSelf, http.StatusForbidden, ""},
		{ErrRole, http.StatusForbidden, ""},
		{errOrigin, http.StatusForbidden, ""},
		{ErrVoted, http.StatusConflict, ""},
		{ErrClosed, http.StatusConflict, ""},
		{ErrExpired, http.StatusConflict, ""},
		{deploy.ErrSecret, http.StatusBadRequest, "the comment " + deploy.ErrSecret.Error() + "; nothing was recorded"},
	} {
		if errors.Is(err, known.err) {
			return known.status, cmp.Or(known.text, known.err.Error())
		}
	}
	if errors.Is(err, errInput) {
		return http.StatusBadRequest, plain(err.Error())
	}
	h.desk.opts.Logger.ErrorContext(ctx, "approval: the desk failed", "error", h.desk.opts.Redactor.String(err.Error()))
	return http.StatusInternalServerError, "internal error; it was logged"
}
