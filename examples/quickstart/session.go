package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/deploy/switchover"
)

// session is what a quickstart must know to go on after it was killed: which
// versions have an outcome, what serves, and which run is under way. What a
// run has done is in the run log, not here.
type session struct {
	Version int `json:"v"`
	// Number counts the sessions of the state folder; run ids begin with it.
	Number int `json:"number"`
	// Finished is set when every version has an outcome.
	Finished bool `json:"finished"`
	// Source is the folder of the versions, empty for the built-in ones;
	// Names are the versions. Listen is the flag, Addr the address it came to,
	// and Socket the one the switchover is driven over.
	Source string   `json:"source"`
	Names  []string `json:"names"`
	Listen string   `json:"listen"`
	Addr   string   `json:"addr"`
	Socket string   `json:"socket"`
	// Continued is set once the session was taken up after a kill; Recovery
	// is what was done about it.
	Continued bool     `json:"continued,omitempty"`
	Recovery  []string `json:"recovery,omitempty"`
	// Outcomes are those of the versions so far, in order.
	Outcomes []releaseReport `json:"outcomes"`
	// Serving is the proven release; nil before the first one.
	Serving *serving `json:"serving,omitempty"`
	// Run is the run that is under way, empty between runs; From had the
	// traffic when it began. Attempt counts the runs of the same version.
	Run     string             `json:"run,omitempty"`
	From    switchover.Backend `json:"from"`
	Attempt int                `json:"attempt"`
	Began   time.Time          `json:"began"`

	path string
}

// serving is a release that was proven and the process that serves it.
type serving struct {
	Release string            `json:"release"`
	Addr    string            `json:"addr"`
	Process localexec.Process `json:"process"`
}

// loadSession reads the session of a state folder, or begins the next one
// where the last has finished.
func loadSession(dir string) (s *session, unfinished bool, err error) {
	path := filepath.Join(dir, "session.json")
	s = &session{Version: 1, path: path, Began: time.Now().UTC()}
	raw, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.Number = 1
		return s, false, nil
	case err != nil:
		return nil, false, err
	}
	var old session
	if err := json.Unmarshal(raw, &old); err != nil || old.Version != 1 {
		return nil, false, fmt.Errorf("%s is not a session of this program (%v); name another -dir, or remove it", path, err)
	}
	if old.Finished {
		s.Number = old.Number + 1
		return s, false, nil
	}
	old.path = path
	return &old, true, nil
}

// save makes the session durable: written beside the old one, synced, and
// renamed over it.
func (s *session) save() error {
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	next := s.path + ".next"
	f, err := os.OpenFile(next, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(raw, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("%s: %w", next, err)
	}
	if err := os.Rename(next, s.path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(s.path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// runID names the run of the next version.
func (s *session) runID() string {
	return fmt.Sprintf("s%d-%d.%d", s.Number, len(s.Outcomes)+1, s.Attempt)
}
