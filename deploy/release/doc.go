// Package release keeps the releases of an application on this machine as
// directories, and switches between them in one step.
//
//	dir, err := release.New("/srv/api", nil)
//	_, err = dir.Stage(ctx, release.Spec{
//		ID:      "v2",
//		From:    os.DirFS("build"),
//		Env:     map[string]string{"NODE_ENV": "production"},
//		Secrets: map[string]secrets.Value{"DATABASE_URL": url},
//		Shared:  []string{"uploads"},
//	})
//	err = dir.Activate(ctx, "v2")          // current -> releases/v2
//	err = dir.Prove(ctx, "v2", "watch: 5 min, 0 of 1200 requests failed")
//	removed, err := dir.Prune(ctx, 5)
//
// It moves files and links only. It starts nothing, watches nothing and knows
// no service: that is what steps of a plan are for. Do not use it where the
// host runs containers or a provider keeps releases.
//
// # Layout
//
//	<root>/current           -> releases/<id>, replaced in one step
//	<root>/releases/<id>/    the files, the env file, links into shared
//	<root>/shared/           what outlives releases: uploads, sockets, logs
//	<root>/records/<id>.json the record of the release, readable with jq
//	<root>/.lock             held by whoever changes any of it, for a moment
//
// The link is relative, so the root may be moved or mounted elsewhere. Names
// in releases that begin with ".staging-" or ".trash-" are not releases: they
// are being filled or deleted, or were when a process was killed; the next
// Stage, Remove or Prune clears them away.
//
// # Promises
//
// A directory releases/<id> has its name only once all of it is there and
// durable; without a record it is not a release yet. Whoever resolves current
// finds a complete release, the old or the new one, at every instant, also
// after kill -9 or a power cut. Each method that returned nil has done its work
// for good; one that did not may be called again. A program that resolved
// current keeps its files after the swap, as long as its release is not
// pruned: name draining releases to [Dir.Prune].
//
// The live release and the one proven last are never deleted.
//
// # States
//
// staged, active, proven, failed; a record keeps all changes with time and
// evidence. Activate writes "active" before it swaps, so a record that says
// staged belongs to a release that never served. [Dir.Current] says what is
// live, the record what was found out about it. A release remains proven until
// Fail says otherwise, also when it is activated again. [Dir.LastProven] is
// where a rollback goes.
//
// # The env file
//
// Env and Secrets are written to a file of mode 0600 in the release (name
// "env", or Spec.EnvFile), so they are rolled back with it. Variables are
// sorted and quoted so that the npm package dotenv and node --env-file read the
// same bytes. Parsers that know no quotes (docker --env-file) do not, and a
// shell reads a value with an apostrophe in it differently: do not source it.
// The few values that no quoting can carry are refused, by the name of the
// variable. Values of Secrets appear in no record, log or error; the evidence
// and reasons that Prove and Fail are given are kept as they are.
//
// The artefact's digest covers paths, types, the executable bit, content and
// link targets of what From or Fill gave, not the env file: the same artefact
// has the same digest in each environment.
//
// # Errors
//
// All are an [*Error] that names operation, release and path, and wraps
// [ErrID], [ErrSpec], [ErrExists], [ErrProtected], [ErrNeverActive],
// [ErrVersion], [fs.ErrNotExist], the cause of ctx or the error of the
// operating system. Where directories cannot be synced or locked, as on
// Windows, they wrap [errors.ErrUnsupported].
//
// A [Dir] is safe for concurrent use, also by other processes; Stage fills
// several releases side by side. It needs no closing and logs nothing. The
// package uses the standard library only.
package release
