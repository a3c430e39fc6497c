package approval_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/approval"
	"github.com/masaruk/devops/deploy/runlog/filelog"
)

// deskOf is another program on the same log, whose key has that name and is of
// that person; the desk of the company counts for it.
func (co *company) deskOf(name, holder string) *approval.Desk {
	co.t.Helper()
	desk, err := approval.New(co.log, deploy.SigningKey{Name: name, Key: key(holder)}, &approval.Options{
		Desks: []deploy.VerifyingKey{{Name: "desk", Key: public("desk")}},
	})
	require.NoError(co.t, err)
	return desk
}

func TestTheWordOfADeskCountsWhereItsKeyDoes(t *testing.T) {
	co := newCompany(t, newMemory(), &approval.Options{Desks: []deploy.VerifyingKey{{Name: "web", Key: public("web")}}})
	r := co.leave("r1")
	for name, holder := range map[string]string{"stranger": "stranger", "web": "impostor"} {
		_, err := co.deskOf(name, holder).Vote(t.Context(), r, yes(cleo))
		require.NoError(t, err, "it believes itself")
	}
	s, err := co.desk.Request(t.Context(), co.ref(), r.Digest())
	require.NoError(t, err)
	require.Empty(t, s.Votes)
	web := co.deskOf("web", "web")
	for _, who := range []approval.Identity{ben, cleo} {
		_, err := web.Vote(t.Context(), r, yes(who))
		require.NoError(t, err)
	}
	e := co.outcome("r1")
	require.NoError(t, e.err)
	require.Equal(t, []string{"ben@example.com as ops", "cleo@example.com as qa"}, ids(passed(t, e.rep)))
	require.Equal(t, "program", passed(t, e.rep).By[0].Via)
}

// What a power cut leaves of a vote was told to nobody as taken.
func TestATornRecordIsGoneOver(t *testing.T) {
	dir := t.TempDir()
	log, err := filelog.New(dir, nil)
	require.NoError(t, err)
	co := newCompany(t, log, nil)
	r := co.leave("r1")
	require.NoError(t, co.vote(r, yes(ben)))
	f, err := os.OpenFile(filepath.Join(dir, "approvals", "stg", "api.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString(`{"seq":3,"bo`)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	s, err := newCompany(t, log, nil).desk.Request(t.Context(), co.ref(), r.Digest())
	require.NoError(t, err)
	require.Len(t, s.Votes, 1)
	require.NoError(t, co.vote(r, yes(cleo)))
	require.NoError(t, co.outcome("r1").err)
}

func TestTheMostThatPeopleCanSayFitsIntoTheOutput(t *testing.T) {
	co := newCompany(t, newMemory(), nil)
	worst := func(n int) string { return strings.Repeat("<", n) } // six bytes of JSON each
	co.policy.Quorums = []approval.Quorum{{Role: worst(100), N: 10}}
	r := co.leave("r1")
	for n := range 10 {
		who := approval.Identity{ID: worst(253) + fmt.Sprint(n), Name: worst(100), Roles: []string{worst(100)}}
		require.NoError(t, co.vote(r, approval.Ballot{By: who, Verdict: approval.Approve, Comment: worst(500)}))
	}
	e := co.outcome("r1")
	require.NoError(t, e.err)
	require.Len(t, passed(t, e.rep).By, 10)
}
