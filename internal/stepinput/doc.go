// Package stepinput gives a step what it can know only when it runs: secrets by
// name, and texts that are made of them and of the outputs of other steps.
//
//	given, err := stepinput.Lookup(ctx, source, "registry_token")
//	if err != nil {
//		return err // names the secret
//	}
//	use(given.Reveal("registry_token"))
//	return given.Error(err) // without the secret in any form
//
// A plan holds names alone. What was looked up lives for one attempt, so a
// secret that was rotated since the last one is the new one. A secret of less
// than 4 bytes is refused: no text could be filtered for it.
//
// Nothing here keeps state; a [Secrets] is safe for concurrent use.
package stepinput
