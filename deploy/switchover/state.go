package switchover

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/masaruk/devops/internal/durable"
)

// stateVersion is the version of the state file that this build writes, and
// the only one it reads.
const stateVersion = 1

// state is what a switchover must know to go on after a crash.
type state struct {
	Version int `json:"version"`
	// Addr is the public address it served on.
	Addr string `json:"addr"`
	// Live is the backend that had the traffic; zero where none had.
	Live Backend `json:"live"`
	// Written is for people.
	Written time.Time `json:"written"`
}

// readState returns the stored state, or the zero state where there is none.
func readState(path string) (state, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return state{}, nil
	}
	if err != nil {
		return state{}, err
	}
	st, err := parseState(raw)
	if err != nil {
		return state{}, fmt.Errorf("%w; it was left as it is: look at it, and move it away to start with no backend", err)
	}
	return st, nil
}

func parseState(raw []byte) (state, error) {
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return state{}, because(ErrState, "not whole JSON: %v", err)
	}
	if head.Version != stateVersion {
		return state{}, because(ErrState, "its version is %d, this build reads version %d", head.Version, stateVersion)
	}
	var st state
	if err := strictJSON(raw, &st); err != nil {
		return state{}, because(ErrState, "%v", err)
	}
	if st.Live != (Backend{}) {
		if err := st.Live.Validate(); err != nil {
			return state{}, because(ErrState, "live: %v", err)
		}
	}
	return st, nil
}

// strictJSON decodes one JSON text of known fields, and nothing else.
func strictJSON(raw []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("something follows the JSON text")
	}
	return nil
}

// persist stores that live has the traffic.
func (s *Server) persist(live Backend) error {
	if s.retired.Load() {
		return nil // the file belongs to the successor
	}
	raw, err := json.MarshalIndent(state{Version: stateVersion, Addr: s.addr, Live: live, Written: time.Now().UTC()}, "", "\t")
	if err != nil {
		return err
	}
	if err := durable.WriteFile(durable.OS{}, s.opts.State, append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("state cannot be stored: %w", err)
	}
	return nil
}
