// Package git brings source code to the host of a step: the Actions that find
// out which commit a branch has, and check out exactly that commit.
//
//	repo := git.Repository{URL: "https://git.example.com/shop/api.git"}
//	steps := []deploy.Step{
//		{
//			Name: "find", InFlight: deploy.Repeat, Provides: []string{"commit"},
//			Do: &git.Resolve{Repository: repo, Ref: "main"},
//		},
//		{
//			Name: "checkout", InFlight: deploy.Repeat, Binds: []string{"commit"},
//			Do:   &git.Checkout{Repository: repo, Commit: "${commit}", Dir: "/srv/build/api"},
//			Undo: &git.Remove{Dir: "/srv/build/api"},
//		},
//	}
//
// A branch moves, so [Checkout] takes a commit only, and a run that continues
// after a crash checks out the one that it began with. To have the commit in
// the plan itself, and so in what people approve and in the lead time, call
// [Resolve.Find] before the plan is made: it returns a [deploy.Change].
//
// Do not use it to work in: a checkout has no branch, one commit of history
// where the server allows that, and is replaced as a whole by the next one.
// Git LFS is not supported; such files stay pointers.
//
// # What it needs
//
// git 2.36 or later on the host, ssh for ssh URLs, ssh-keygen for signatures,
// and the usual mv, rm, test, tee, mktemp, rmdir and sync. All of it runs through c.Exec, so it
// is marked and fenced. PATH is the executor's business.
//
// # Promises
//
// Dir has its name only once all of the commit is there, verified and synced:
// it is made beside it as Dir.checkout-new and renamed. An older checkout in
// Dir steps aside as Dir.checkout-old first, so there is a moment with none;
// after a kill in that moment the next Run, or [Remove], puts it right. What
// [Checkout] did not make is never touched: [ErrForeign]. So the step may be
// killed anywhere and repeated: InFlight is [deploy.Repeat].
//
// Verified means: HEAD is the commit that was asked for, everything that it
// consists of is there (git fsck --connectivity-only; git compares content
// with its hash as it arrives), and, where Signers is set, it or its tag is
// signed by one of them. A commit's hash covers all its content, so nobody on
// the way, the server included, can give another.
//
// # What a repository cannot do to the host
//
// No hook runs. No configuration of the system or the user is read, no
// credential helper asked, no prompt shown. Only https and ssh are spoken, in
// submodules too, unless Repository.Allow names more. Redirects are not
// followed. git starts no process that outlives its command. That leaves the
// content: what the next step runs of it, it may.
//
// A server that says nothing for about two minutes is left, as an error. What
// goes on for long is bounded by the Timeout of the step.
//
// # Secrets
//
// The token of a [Credential] is looked up when the step runs and reaches git
// as an environment variable, sent to that scheme and host only. It is in no
// argument, URL, file or error; the plan has its name. For ssh name a key file
// in SSHCommand.
//
// # Errors
//
// All are an [*Error] that names operation, repository and commit, and wraps
// [ErrForeign], [ErrUnverified], [ErrUnresolved], or what the executor
// returned, such as a [*deploy.ExitError] with what git said.
//
// The Actions are data and safe for concurrent use, but for two checkouts into
// one Dir at a time. The package logs nothing.
//
// # Decisions
//
// There is no depth to choose: 1 where the server gives a commit by its hash,
// as all that speak protocol 2 do, and everything where it does not.
// Submodules come with their history, since a server may refuse their commits
// one by one. An update fetches anew: objects of an older checkout are not
// believed.
package git
