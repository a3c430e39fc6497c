package switchover

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// maxRequest is the largest control request in bytes.
const maxRequest = 64 << 10

// controls handles the calls on the socket; doc.go describes them.
func (s *Server) controls() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, r *http.Request) {
		reply(w, http.StatusOK, s.status(r.Context()))
	})
	mux.HandleFunc("POST /v1/swap", s.handleSwap)
	mux.HandleFunc("POST /v1/stop", s.handleStop)
	mux.HandleFunc("POST /v1/handover", s.handleHandover)
	mux.HandleFunc("GET /v1/final", s.handleFinal)
	return mux
}

func (s *Server) handleSwap(w http.ResponseWriter, r *http.Request) {
	var q SwapRequest
	// Read to its end: only then does net/http notice a client that dies.
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err == nil {
		err = strictJSON(raw, &q)
	}
	if err != nil {
		replyError(w, &Error{Op: "swap", Subject: s.socket, Err: err}, http.StatusBadRequest)
		return
	}
	res, err := s.swap(r.Context(), q)
	if err != nil {
		replyError(w, err, http.StatusInternalServerError)
		return
	}
	reply(w, http.StatusOK, res)
}

// handleStop answers when another switchover could start in this one's place.
func (s *Server) handleStop(w http.ResponseWriter, r *http.Request) {
	s.stop()
	select {
	case <-s.left:
		reply(w, http.StatusOK, s.ownStatus())
	case <-r.Context().Done():
	}
}

// wireError is the body of an answer that reports an error.
type wireError struct {
	// Code is a key of codes, or empty.
	Code  string  `json:"code,omitempty"`
	Error string  `json:"error"`
	Live  Backend `json:"live,omitzero"`
}

// codes names the states that a control call can report, with their statuses.
var codes = []struct {
	code   string
	state  error
	status int
}{
	{"unhealthy", ErrUnhealthy, http.StatusUnprocessableEntity},
	{"busy", ErrBusy, http.StatusConflict},
	{"not_live", ErrNotLive, http.StatusConflict},
}

func replyError(w http.ResponseWriter, err error, status int) {
	body := wireError{Error: err.Error()}
	var e *Error
	if errors.As(err, &e) {
		body.Live, body.Error = e.Live, e.Err.Error()
	}
	for _, c := range codes {
		if errors.Is(err, c.state) {
			body.Code, status = c.code, c.status
		}
	}
	reply(w, status, body)
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "\t")
	_ = enc.Encode(body) // a client that went away is told nothing
}
