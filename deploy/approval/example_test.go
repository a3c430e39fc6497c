package approval_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"os"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/approval"
	"github.com/masaruk/devops/deploy/runlog/filelog"
	"github.com/masaruk/devops/envconfig"
)

// A run waits until two people of operations have approved it; here they do as
// soon as the step says that it waits.
func ExampleNew() {
	dir, err := os.MkdirTemp("", "approval")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	log, err := filelog.New(dir, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, key, err := ed25519.GenerateKey(nil) // keep it: it is the desk's word
	if err != nil {
		fmt.Println(err)
		return
	}
	desk, err := approval.New(log, deploy.SigningKey{Name: "release-desk", Key: key}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	asked := make(chan bool, 1)
	runner, err := deploy.New(log, &deploy.Options{Initiator: "ada@example.com", Handle: func(e deploy.Event) {
		if _, ok := e.(deploy.StepOutput); ok {
			select {
			case asked <- true:
			default:
			}
		}
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	gate, err := desk.Gate(approval.Policy{Quorums: []approval.Quorum{{N: 2, Role: "ops"}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	go everybodyVotes(desk, asked)
	report, err := runner.Run(context.Background(), "r1", deploy.Plan{
		Service: "api", Env: envconfig.Staging(), Steps: []deploy.Step{gate.Step("approve")},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Outcome)
	// Unordered output:
	// ada@example.com false
	// ben@example.com true
	// dana@example.com true
	// succeeded
}

func everybodyVotes(desk *approval.Desk, asked <-chan bool) {
	<-asked
	for s, err := range desk.Requests(context.Background(), deploy.Ref{Service: "api", Environment: "stg"}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, id := range []string{"ada@example.com", "ben@example.com", "dana@example.com"} {
			by := approval.Identity{ID: id, Roles: []string{"ops"}}
			_, err := desk.Vote(context.Background(), s.Request, approval.Ballot{By: by, Verdict: approval.Approve})
			fmt.Println(id, err == nil)
		}
	}
}

func ExampleVoteFile() {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	var request approval.Request // as ReadRequest returns it
	text, err := approval.VoteFile(request, approval.Ballot{
		By: approval.Identity{ID: "ben@example.com"}, Verdict: approval.Approve, Comment: "go ahead",
	}, key)
	fmt.Println(string(text[:26]), err)
	// Output: BEGIN DEVOPS APPROVAL VOTE <nil>
}
