package approval

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/masaruk/devops/deploy"
)

// Verdict is what a person says.
type Verdict string

// The verdicts. One Refuse settles the request, however many approve; it may
// follow the person's own Approve.
const (
	Approve Verdict = "approve"
	Refuse  Verdict = "refuse"
)

// Ballot is what a person hands in.
type Ballot struct {
	By      Identity `json:"by"`
	Verdict Verdict  `json:"verdict"`
	// Comment is free text of at most 500 bytes, for the record.
	Comment string `json:"comment,omitempty"`
}

const maxComment = 500

// Vote is a ballot on one request, as it is signed and kept.
type Vote struct {
	Version int `json:"v"`
	// Request is the digest of the request.
	Request     string `json:"request"`
	Service     string `json:"service"`
	Environment string `json:"environment"`
	Ballot
	Time time.Time `json:"time"`
	// Via is how it came: "program", "terminal", "page", "api" or "file".
	Via string `json:"via"`
}

// validate reports everything that is wrong with a ballot, joined.
func (b Ballot) validate() error {
	if err := b.By.Validate(); err != nil {
		return err
	}
	if b.Verdict != Approve && b.Verdict != Refuse {
		return fmt.Errorf("verdict %q is neither %q nor %q", b.Verdict, Approve, Refuse)
	}
	if len(b.Comment) > maxComment || !utf8.ValidString(b.Comment) {
		return fmt.Errorf("the comment has %d bytes, at most %d of UTF-8 text are kept", len(b.Comment), maxComment)
	}
	return nil
}

// admit tells why a vote does not count on a request, given those that do.
// Gates and desks judge alike, and the one that counts is the gate's.
func (e *entry) admit(v Vote) error {
	r := e.Request
	if err := v.validate(); err != nil {
		return err
	}
	self := e.isInitiator(v.By.ID)
	switch {
	case !v.Time.Before(r.Deadline):
		return ErrExpired
	case v.Verdict == Approve && self && !r.Policy.AllowSelf:
		return ErrSelf
	case v.Verdict == Refuse && self: // whoever starts a run may call it off
	case !r.Policy.mayVote(v.By):
		return ErrRole
	}
	for _, b := range e.votes {
		switch {
		case b.Verdict == Refuse:
			return ErrClosed
		case samePerson(b.By.ID, v.By.ID) && b.Verdict == v.Verdict:
			return ErrVoted
		}
	}
	return nil
}

// State is where a request stands.
type State string

// The states of a request.
const (
	Waiting    State = "waiting"
	Approved   State = "approved"
	Refused    State = "refused"
	Expired    State = "expired"
	Superseded State = "superseded" // by the request of another run or plan
)

// Status is a request and what came in for it.
type Status struct {
	Request Request `json:"request"`
	Digest  string  `json:"digest"`
	State   State   `json:"state"`
	// Open tells that the gate has not settled it and votes are taken.
	Open bool `json:"open"`
	// Initiators are who started the run and who continued it since: those who
	// cannot approve it.
	Initiators []string `json:"initiators"`
	// Votes are those that count, in the order they came in.
	Votes []Vote `json:"votes,omitempty"`
	// Missing says for each quorum that is not reached who has to approve yet.
	Missing []string `json:"missing,omitempty"`
}

// tally counts.
func (r Request) tally(votes []Vote, now time.Time) (s State, by []deploy.Approval, missing []string) {
	var people []Identity
	var approvals []Vote
	for _, v := range votes {
		if v.Verdict == Refuse {
			return Refused, nil, nil
		}
		people, approvals = append(people, v.By), append(approvals, v)
	}
	for i, filled := range r.Policy.seated(people) {
		q := r.Policy.Quorums[i]
		for _, n := range filled {
			v := approvals[n]
			by = append(by, deploy.Approval{ID: v.By.ID, Name: v.By.Name, Role: q.Role, Comment: v.Comment, Time: v.Time, Via: v.Via})
		}
		if q.N -= len(filled); q.N > 0 {
			missing = append(missing, q.String())
		}
	}
	switch {
	case !now.Before(r.Deadline):
		s = Expired
	case len(missing) > 0:
		s = Waiting
	default:
		s = Approved
	}
	return s, by, missing
}

// refusal says who refused, and why.
func refusal(votes []Vote) error {
	i := slices.IndexFunc(votes, func(v Vote) bool { return v.Verdict == Refuse })
	if i < 0 {
		return ErrRefused
	}
	v := votes[i]
	if strings.TrimSpace(v.Comment) == "" {
		return fmt.Errorf("%w by %s, who did not say why", ErrRefused, v.By)
	}
	return fmt.Errorf("%w by %s: %s", ErrRefused, v.By, plain(v.Comment))
}
