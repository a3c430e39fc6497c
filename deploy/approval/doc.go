// Package approval makes a run of a plan wait for people: N of M, by role or
// by name, never whoever started it, until a deadline.
//
//	desk, err := approval.New(log, deploy.SigningKey{Name: "release-desk", Key: key}, nil)
//	gate, err := desk.Gate(approval.Policy{
//		Quorums: []approval.Quorum{{Role: "ops", N: 2}, {Role: "qa"}},
//		Outputs: []string{"artefact"},
//	})
//	plan.Steps = []deploy.Step{build, gate.Step("approve"), release}
//	runner, err := deploy.New(log, &deploy.Options{Initiator: "ada@example.com"})
//	page, err := desk.Handler([]deploy.Ref{{Service: "api", Environment: "prod"}}, whoIsSignedIn)
//	report, err := runner.Run(ctx, "2026-11-24.1", plan)
//
// A [Desk] is where requests are put and votes come in; it keeps both in a
// [deploy.Log], so that the program may be killed while it waits. A [Gate] is
// the action that waits. Do not use it to answer a run that is held: that is
// [deploy.Runner.Decide].
//
// # What is approved
//
// A [Request] holds the digests of the plan and of the program that runs it, the
// run, the step, the service and environment, who started the run, the policy,
// the outputs that the policy names as the log of the run has them, and the
// deadline. A vote names the digest of all that, so none counts for another
// plan, program, run or artefact: where a decision lets the run go on by another
// plan or build ([deploy.AnswerOverride]), people are asked anew, also where
// they had let it pass. What they are shown is the plan that has the digest, or
// only the digest where it is too long to be kept.
//
// # Who counts
//
// Each person fills one seat, whatever roles they have and however their name
// is spelt: case and spaces do not count, of "Ada <ada@example.com>" the
// address does, and what is not ASCII is refused, since it may look like
// something else. Who started the run ([deploy.Options.Initiator]) or continued
// it cannot approve it; they may refuse, which calls it off. What somebody
// approved who continues the run before it passes counts no more from then on.
// One refusal settles a
// request, also by somebody who approved before, as long as the gate has not
// let the run pass. The gate writes that it does before it passes, at a place
// in the log before which no refusal stands: a refusal that was taken is heard.
//
// # Time
//
// The run must pass before the deadline, [Policy.Within] after the request was
// opened. At that instant nothing passes and no vote is taken, also where
// everybody has approved: start another run. A restart does not move the
// deadline, and finds the votes that came in meanwhile. A request of another
// run of the service in the environment supersedes it, and so does one of the
// same step, which asks anew where the plan or the program of its run was
// overridden. Clocks are those of the programs that take part, so they must
// agree to within what a deadline may be late.
//
// # Ways to vote
//
// [Desk.Vote] for a person whom the program has identified; [Desk.Ask] at a
// terminal; [Desk.Handler] for a page without script and a JSON API, both
// signed by the key of the desk, which vouches for the person. [RequestFile]
// and [VoteFile] are texts that outlive e-mail (quoted replies, line endings,
// wrapping, quoted-printable), the second signed by the [Approver]'s own
// ed25519 key and handed in by anybody with [Desk.Submit].
//
// # Who approved
//
// The step provides a [deploy.Approved], as the output "approved_by" unless the
// policy says otherwise: it is in the log of the run, and makes
// [deploy.Report.Approvals].
//
// # What is stored
//
// The stream "approvals/<environment>/<service>" of the log, a hash chain whose
// records are {"kind", "statement", "key", "sig"}: the ed25519 signature is of
// the bytes "devops approval v1 <kind>\n" and the statement, and key names the
// desk that made it, or is missing where the voter did.
//
//	jq -c 'select(.body.kind == "voted") | .body.statement' approvals/prod/api.jsonl
//
// # Against whom
//
// Whoever can write the log, and has no key that counts, cannot make a vote nor
// move one to another request: what no known key has signed is passed over,
// and what was edited stops the run. They can take votes away, a refusal too,
// by making the chain anew, as long as the gate has not seen it; keep the log
// where the people who start runs cannot write it. Whoever has the key of a
// desk can vote as anybody: keep it as a secret. The public keys that count are
// part of the gate's Spec, so a program with other keys has another plan.
//
// # Errors and logs
//
// An [*Error] names the operation, the run and the step, and wraps [ErrRefused],
// [ErrExpired], [ErrClosed], [ErrSelf], [ErrRole], [ErrVoted], [ErrIdentity],
// [ErrNotConfirmed], [deploy.ErrSecret], [fs.ErrNotExist] or the error of the
// log; that of a file wraps [ErrFile], [ErrSignature] or [ErrVersion]. None holds
// a comment that was refused, and nothing that the Redactor knows is kept in a
// request or a vote. The handler logs what it does not show, with the key error.
//
// # Decisions
//
// Requests are kept in a log beside that of the run and not in it, since people
// vote through programs that hold no run, and the engine's records are the
// engine's; who approved comes back into the run's log as an output. Who
// continues a run is a record of its own and no part of the request, so that
// the votes of others outlive a restart by somebody else. A desk reads its
// stream from the beginning once, and then only what was added.
//
// Everything here is safe for concurrent use, has no goroutine of its own, and
// uses the standard library only.
package approval
