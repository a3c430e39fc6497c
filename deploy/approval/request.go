package approval

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/masaruk/devops/deploy"
)

// Subject is what is approved. Another plan, run, environment or output is
// another subject, for which no vote on this one counts.
type Subject struct {
	Service     string       `json:"service"`
	Environment string       `json:"environment"`
	Run         deploy.RunID `json:"run"`
	Step        string       `json:"step"`
	// PlanDigest is that of the plan's description, and Executable that of the
	// program that runs it.
	PlanDigest string `json:"plan_digest"`
	Executable string `json:"executable,omitempty"`
	// Initiator is who started the run.
	Initiator string `json:"initiator"`
	// Outputs are the values of [Policy.Outputs], as JSON, as the log of the
	// run has them.
	Outputs map[string]json.RawMessage `json:"outputs,omitempty"`
}

// Request asks for approval of a subject. Votes name its digest.
type Request struct {
	Version int `json:"v"`
	Subject
	Policy   Policy    `json:"policy"`
	Opened   time.Time `json:"opened"`
	Deadline time.Time `json:"deadline"`
	// Plan is what PlanDigest is the digest of. It is nil where it is too long
	// to be kept, and in what is settled.
	Plan *deploy.Description `json:"plan,omitempty"`
}

// Digest returns the SHA-256 of the request, as "sha256:" and 64 hex digits.
// It covers the plan by its digest.
func (r Request) Digest() string {
	r.Plan = nil
	raw, err := json.Marshal(r)
	if err != nil { // an output that is not JSON, which no log holds
		return ""
	}
	sum := sha256.Sum256(raw)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// asks tells whether the requests are about the same, and by the same policy.
func (r Request) asks(other Request) bool {
	r.Plan, r.Opened, r.Deadline = nil, other.Opened, other.Deadline
	return r.Digest() != "" && r.Digest() == other.Digest()
}

// check reports a request that no gate makes.
func (r Request) check() error {
	switch {
	case r.Version > version:
		return ErrVersion
	case r.Version < 1 || r.Service == "" || r.Environment == "" || r.Run == "" || r.Step == "":
		return fmt.Errorf("%w: it is not about a run", ErrFile)
	case !r.Deadline.Equal(r.Opened.Add(r.Policy.Within)):
		return fmt.Errorf("%w: its deadline is not what its policy says", ErrFile)
	case r.Plan != nil && r.Plan.Digest() != r.PlanDigest:
		return fmt.Errorf("%w: the plan in it is not the one that the run has", ErrFile)
	}
	return r.Policy.Validate()
}

// String returns the request for people who decide: what, where, by whom, and
// the plan. It holds no character that would deceive a terminal.
func (r Request) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s in %s, run %s, step %s\nstarted by %s\n", r.Service, r.Environment, r.Run, r.Step, r.Initiator)
	for i, q := range r.Policy.Quorums {
		fmt.Fprintf(&b, "%s %s\n", map[bool]string{true: "needs", false: "and  "}[i == 0], q)
	}
	fmt.Fprintf(&b, "until %s\nrequest %s\n", r.Deadline.Format(time.RFC3339), r.Digest())
	if r.Executable != "" {
		fmt.Fprintf(&b, "program %s\n", r.Executable)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Outputs)) {
		fmt.Fprintf(&b, "output %s: %s\n", name, r.Outputs[name])
	}
	if r.Plan == nil {
		fmt.Fprintf(&b, "plan %s (not kept here; read it where it was made, and compare the digest)\n", r.PlanDigest)
	} else {
		b.WriteString(r.Plan.String())
	}
	return plain(b.String())
}

// encode is the form that is stored and signed.
func encode(v any) ([]byte, error) {
	raw, err := json.Marshal(v)
	if err == nil && bytes.ContainsRune(raw, '\n') {
		err = fmt.Errorf("%T has a line feed in its JSON", v)
	}
	return raw, err
}

// version is that of requests, votes, records and files.
const version = 1
