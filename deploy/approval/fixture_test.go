package approval_test

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/approval"
	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/internal/hashlog"
)

// memory is a Log in memory.
type memory struct {
	mu      sync.Mutex
	streams map[string][][]byte
	// fail, if set, is what the next uses of the log return.
	fail func(op, stream string) error
	// lose, if set, is what an Append returns that has added its record.
	lose error
}

func newMemory() *memory { return &memory{streams: map[string][][]byte{}} }

func (m *memory) Append(ctx context.Context, stream string, seq uint64, rec []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		if err := m.fail("append", stream); err != nil {
			return err
		}
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if uint64(len(m.streams[stream]))+1 != seq {
		return deploy.ErrConflict
	}
	m.streams[stream] = append(m.streams[stream], append([]byte(nil), rec...))
	return m.lose
}

func (m *memory) Read(ctx context.Context, stream string, from uint64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		m.mu.Lock()
		all := m.streams[stream]
		var err error
		if m.fail != nil {
			err = m.fail("read", stream)
		}
		m.mu.Unlock()
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			yield(nil, err)
			return
		}
		for i := int(from) - 1; i < len(all); i++ {
			if !yield(all[i], nil) {
				return
			}
		}
	}
}

// forge appends a body to a stream as whoever can write the log can.
func forge(t *testing.T, log deploy.Log, stream string, body any) {
	t.Helper()
	chain := hashlog.NewChain(stream)
	for line, err := range log.Read(t.Context(), stream, 1) {
		require.NoError(t, err)
		_, err = chain.Open(line)
		require.NoError(t, err)
	}
	line, next, err := chain.Seal(body)
	require.NoError(t, err)
	require.NoError(t, log.Append(t.Context(), stream, next.Seq, line))
}

// bodies returns what the records of a kind hold.
func bodies(t *testing.T, log deploy.Log, stream, kind string) []json.RawMessage {
	t.Helper()
	chain := hashlog.NewChain(stream)
	var found []json.RawMessage
	for line, err := range log.Read(t.Context(), stream, 1) {
		require.NoError(t, err)
		body, err := chain.Open(line)
		require.NoError(t, err)
		var r struct{ Kind string }
		require.NoError(t, json.Unmarshal(body, &r))
		if r.Kind == kind {
			found = append(found, append(json.RawMessage(nil), body...))
		}
	}
	return found
}

// key is the same for the same name.
func key(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func public(name string) ed25519.PublicKey { return key(name).Public().(ed25519.PublicKey) }

// The people: ada starts runs.
var (
	ada   = approval.Identity{ID: "ada@example.com", Name: "Ada", Roles: []string{"ops", "qa"}}
	ben   = approval.Identity{ID: "ben@example.com", Name: "Ben", Roles: []string{"ops"}}
	cleo  = approval.Identity{ID: "cleo@example.com", Name: "Cleo", Roles: []string{"qa"}}
	dana  = approval.Identity{ID: "dana@example.com", Roles: []string{"ops", "qa"}}
	guest = approval.Identity{ID: "guest@example.com", Roles: []string{"guest"}}
)

func yes(who approval.Identity) approval.Ballot {
	return approval.Ballot{By: who, Verdict: approval.Approve}
}

func no(who approval.Identity, why string) approval.Ballot {
	return approval.Ballot{By: who, Verdict: approval.Refuse, Comment: why}
}

// company is a program that releases.
type company struct {
	t          *testing.T
	log        deploy.Log
	env        envconfig.Environment
	service    string
	desk       *approval.Desk
	runner     *deploy.Runner
	policy     approval.Policy
	artefact   string // an output of the step before the gate
	note       string // part of the plan
	initiator  string
	executable string
	more       []deploy.Step // at the end of the plan

	released atomic.Int32
	opened   chan struct{} // closed when the gate says that it waits
	once     *sync.Once
}

func newCompany(t *testing.T, log deploy.Log, opts *approval.Options) *company {
	t.Helper()
	desk, err := approval.New(log, deploy.SigningKey{Name: "desk", Key: key("desk")}, opts)
	require.NoError(t, err)
	return &company{
		t: t, log: log, env: envconfig.Staging(), service: "api", desk: desk, initiator: "ada@example.com",
		policy:   approval.Policy{Quorums: []approval.Quorum{{Role: "ops"}, {Role: "qa"}}, Outputs: []string{"digest"}},
		artefact: "sha256:aa",
	}
}

// build provides the artefact's digest, which its spec does not show.
type build struct {
	Note   string `json:"note"`
	digest string
}

func (b *build) Spec() any { return b }

func (b *build) Run(_ context.Context, c *deploy.Call) error { return c.Provide("digest", b.digest) }

// ship counts how often it ran.
type ship struct{ n *atomic.Int32 }

func (*ship) Spec() any { return "ship" }

func (s *ship) Run(context.Context, *deploy.Call) error { s.n.Add(1); return nil }

func (co *company) plan() deploy.Plan {
	p := deploy.Plan{Service: co.service, Env: co.env}
	var err error
	co.opened, co.once = make(chan struct{}), &sync.Once{}
	once, opened := co.once, co.opened
	co.runner, err = deploy.New(co.log, &deploy.Options{
		Initiator: co.initiator, Executable: cmp.Or(co.executable, "sha256:test"),
		Handle: func(e deploy.Event) {
			if o, ok := e.(deploy.StepOutput); ok && strings.Contains(o.Line, "waits until") {
				once.Do(func() { close(opened) })
			}
		},
	})
	require.NoError(co.t, err)
	gate, err := co.desk.Gate(co.policy)
	require.NoError(co.t, err)
	p.Steps = []deploy.Step{
		{Name: "build", Provides: []string{"digest"}, InFlight: deploy.Repeat, Do: &build{co.note, co.artefact}},
		gate.Step("approve"),
		{Name: "ship", Kind: deploy.KindSwitch, InFlight: deploy.Repeat, Do: &ship{&co.released}},
	}
	p.Steps = append(p.Steps, co.more...)
	return p
}

func (co *company) ref() deploy.Ref {
	return deploy.Ref{Service: co.service, Environment: co.env.Name}
}

func (co *company) stream() string { return "approvals/" + co.env.Name + "/" + co.service }

// ended is how a run came out.
type ended struct {
	rep *deploy.Report
	err error
}

// start runs in the background; the channel gets how it ended.
func (co *company) start(ctx context.Context, id deploy.RunID) <-chan ended {
	p := co.plan()
	done := make(chan ended, 1)
	go func() {
		rep, err := co.runner.Run(ctx, id, p)
		done <- ended{rep, err}
	}()
	return done
}

var errKilled = errors.New("stopped by the test")

// leave runs until the gate waits and stops there, as a program does that is
// ended; it returns the request.
func (co *company) leave(id deploy.RunID) approval.Request {
	co.t.Helper()
	ctx, cancel := context.WithCancelCause(co.t.Context())
	defer cancel(nil)
	done := co.start(ctx, id)
	select {
	case <-co.opened:
		cancel(errKilled)
		require.ErrorIs(co.t, (<-done).err, errKilled)
	case e := <-done:
		require.NoError(co.t, e.err)
		require.FailNow(co.t, "the run did not wait")
	}
	return co.request(id)
}

// request is the newest of the run.
func (co *company) request(id deploy.RunID) approval.Request {
	co.t.Helper()
	for s, err := range co.desk.Requests(co.t.Context(), co.ref()) {
		require.NoError(co.t, err)
		if s.Request.Run == id {
			return s.Request
		}
	}
	require.FailNow(co.t, "no request", "of run %s", id)
	return approval.Request{}
}

func (co *company) vote(r approval.Request, b approval.Ballot) error {
	_, err := co.desk.Vote(co.t.Context(), r, b)
	return err
}

// passed is the output of the gate.
func passed(t *testing.T, rep *deploy.Report) deploy.Approved {
	t.Helper()
	var p deploy.Approved
	require.NoError(t, json.Unmarshal(rep.Outputs["approved_by"], &p))
	return p
}

// outcome runs or continues to the end.
func (co *company) outcome(id deploy.RunID) ended {
	co.t.Helper()
	return <-co.start(co.t.Context(), id)
}

func ids(p deploy.Approved) []string {
	var list []string
	for _, a := range p.By {
		list = append(list, fmt.Sprintf("%s as %s", a.ID, a.Role))
	}
	return list
}

var errNotExist = fs.ErrNotExist
