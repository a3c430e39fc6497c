package approval_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/approval"
)

func TestSeatsAreFilledAsWellAsPossible(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		var p approval.Policy
		for range 1 + random.IntN(3) {
			p.Quorums = append(p.Quorums, approval.Quorum{N: 1 + random.IntN(2), Role: string(rune('a' + random.IntN(3)))})
		}
		var people []approval.Identity
		for n := range random.IntN(5) {
			who := approval.Identity{ID: fmt.Sprint("p", n)}
			for _, role := range []string{"a", "b", "c"} {
				if random.IntN(2) == 0 {
					who.Roles = append(who.Roles, role)
				}
			}
			people = append(people, who)
		}
		var seats []string
		for _, q := range p.Quorums {
			for range q.N {
				seats = append(seats, q.Role)
			}
		}
		got, used := 0, map[int]bool{}
		for i, filled := range approval.Seated(p, people) {
			require.LessOrEqual(t, len(filled), p.Quorums[i].N)
			for _, n := range filled {
				require.False(t, used[n], "one person in two seats")
				require.Contains(t, people[n].Roles, p.Quorums[i].Role)
				used[n] = true
				got++
			}
		}
		require.Equal(t, most(seats, people, map[int]bool{}), got, "%v %v", p.Quorums, people)
	}
}

// most tries everything.
func most(seats []string, people []approval.Identity, used map[int]bool) int {
	if len(seats) == 0 {
		return 0
	}
	best := most(seats[1:], people, used)
	for n, who := range people {
		for _, role := range who.Roles {
			if role == seats[0] && !used[n] {
				used[n] = true
				best = max(best, 1+most(seats[1:], people, used))
				used[n] = false
			}
		}
	}
	return best
}

func TestNewGateListsEveryProblemOfThePolicy(t *testing.T) {
	co := newCompany(t, newMemory(), nil)
	_, err := co.desk.Gate(approval.Policy{
		Within: -1, Outputs: []string{"a", "a", ""}, Provides: "x",
		Quorums: []approval.Quorum{{N: -1}, {N: 3, From: []string{"a@b", "A@b"}}, {Role: "x\x1b"}, {N: 11}},
	})
	for _, want := range []string{"Within", "Outputs[1]", "Outputs[2]", "Quorums[0]", "Quorums[1]", "From[1]", "3 of 2", "Quorums[2]", "more than 10"} {
		require.ErrorContains(t, err, want)
	}
	_, err = approval.New(nil, deploy.SigningKey{Name: "x"}, &approval.Options{
		Poll: -1, Desks: []deploy.VerifyingKey{{}}, Approvers: []approval.Approver{{}},
	})
	for _, want := range []string{"log is nil", "key: it has 0", `key 0 of a desk, ""`, "Approvers[0]:", "Approvers[0].Key", "Poll"} {
		require.ErrorContains(t, err, want)
	}
}
