package approval_test

import (
	"crypto/ed25519"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/approval"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The golden files are what version 1 wrote: a stream with a request that was
// approved at a desk and by a file, one that was refused, and one that is open,
// and the two files of the last. They stay readable.
func TestWhatVersion1WroteIsReadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if *update {
			writeGolden(t)
		}
		read := func(name string) []byte {
			raw, err := os.ReadFile(filepath.Join("testdata", name))
			require.NoError(t, err)
			return raw
		}
		log := newMemory()
		lines := strings.Split(strings.TrimSpace(string(read("v1.jsonl"))), "\n")
		for i, line := range lines {
			require.NoError(t, log.Append(t.Context(), "approvals/stg/api", uint64(i+1), []byte(line)))
		}
		co := newCompany(t, log, approvers())
		var states []approval.State
		var last approval.Request
		for s, err := range co.desk.Requests(t.Context(), co.ref()) {
			require.NoError(t, err)
			states = append(states, s.State)
			if s.Request.Run == "r3" {
				last = s.Request
			}
		}
		require.Equal(t, []approval.State{approval.Waiting, approval.Refused, approval.Approved}, states)
		r, err := approval.ReadRequest(read("v1-request.txt"))
		require.NoError(t, err)
		require.Equal(t, last.Digest(), r.Digest())
		require.NotNil(t, last.Plan)
		require.NoError(t, co.submit(string(read("v1-vote.txt"))))
	})
}

func writeGolden(t *testing.T) {
	log := newMemory()
	co := newCompany(t, log, approvers())
	r := co.leave("r1")
	require.NoError(t, co.vote(r, approval.Ballot{By: ben, Verdict: approval.Approve, Comment: "<ok> & naïve"}))
	require.NoError(t, co.submit(voteFile(t, r, yes(cleo), key("cleo"))))
	require.NoError(t, co.outcome("r1").err)
	r = co.leave("r2")
	require.NoError(t, co.vote(r, no(ben, "not today")))
	require.ErrorIs(t, co.outcome("r2").err, approval.ErrRefused)
	r = co.leave("r3")
	request, err := approval.RequestFile(r)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll("testdata", 0o755))
	var lines strings.Builder
	for _, line := range log.streams[co.stream()] {
		lines.Write(line)
		lines.WriteByte('\n')
	}
	for name, content := range map[string]string{
		"v1.jsonl": lines.String(), "v1-request.txt": string(request), "v1-vote.txt": voteFile(t, r, yes(ben), key("ben")),
	} {
		require.NoError(t, os.WriteFile(filepath.Join("testdata", name), []byte(content), 0o644))
	}
}

// What doc.go says of the records is enough to verify them.
func TestARecordIsSignedAsDocumented(t *testing.T) {
	log := newMemory()
	co := newCompany(t, log, approvers())
	r := co.leave("r1")
	require.NoError(t, co.vote(r, yes(ben)))
	require.NoError(t, co.submit(voteFile(t, r, yes(cleo), key("cleo"))))
	require.NoError(t, co.outcome("r1").err)
	verified := 0
	for _, kind := range []string{"opened", "voted", "closed"} {
		for _, body := range bodies(t, log, co.stream(), kind) {
			var rec struct {
				Statement json.RawMessage
				Key       string
				Sig       []byte
			}
			require.NoError(t, json.Unmarshal(body, &rec))
			by := map[string]string{"desk": "desk", "": "cleo"}[rec.Key]
			require.True(t, ed25519.Verify(public(by), []byte("devops approval v1 "+kind+"\n"+string(rec.Statement)), rec.Sig), kind)
			verified++
		}
	}
	require.Equal(t, 4, verified)
}

func TestARecordOfANewerVersionStopsTheRun(t *testing.T) {
	log := newMemory()
	co := newCompany(t, log, nil)
	co.leave("r1")
	statement := `{"v":2}`
	for _, kind := range []string{"opened", "voted", "joined", "closed", "of tomorrow"} {
		other := &memory{streams: map[string][][]byte{co.stream(): log.streams[co.stream()]}}
		forge(t, other, co.stream(), map[string]any{
			"kind": kind, "statement": json.RawMessage(statement), "key": "desk",
			"sig": ed25519.Sign(key("desk"), []byte("devops approval v1 "+kind+"\n"+statement)),
		})
		desk := newCompany(t, other, nil).desk
		for range 2 { // nobody gets past it by trying again
			for _, err := range desk.Requests(t.Context(), deploy.Ref{Service: "api", Environment: "stg"}) {
				require.ErrorIs(t, err, approval.ErrVersion, kind)
			}
		}
	}
}

// The stream of a run that somebody else continued, and who had approved it.
func TestWhatTellsWhoContinuedIsReadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join("testdata", "v1-continued.jsonl")
		if *update {
			log := newMemory()
			co := newCompany(t, log, approvers())
			r := co.leave("r1")
			require.NoError(t, co.vote(r, yes(ben)))
			require.NoError(t, co.vote(r, yes(cleo)))
			co.initiator = ben.ID
			co.leave("r1")
			lines := strings.Join(toStrings(log.streams[co.stream()]), "\n")
			require.NoError(t, os.WriteFile(file, []byte(lines+"\n"), 0o644))
		}
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		log := newMemory()
		for i, line := range strings.Split(strings.TrimSpace(string(raw)), "\n") {
			require.NoError(t, log.Append(t.Context(), "approvals/stg/api", uint64(i+1), []byte(line)))
		}
		co := newCompany(t, log, approvers())
		r := co.request("r1")
		require.Equal(t, "sha256:test", r.Executable)
		s, err := co.desk.Request(t.Context(), co.ref(), r.Digest())
		require.NoError(t, err)
		require.Equal(t, []string{ada.ID, ben.ID}, s.Initiators)
		require.Len(t, s.Votes, 1)
		require.Equal(t, cleo.ID, s.Votes[0].By.ID)
		require.Equal(t, approval.Waiting, s.State)
	})
}

func toStrings(lines [][]byte) (all []string) {
	for _, line := range lines {
		all = append(all, string(line))
	}
	return all
}
