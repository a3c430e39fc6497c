// Package leakscan finds secrets where none may be: in a tree of files before
// it is built or committed, in a diff, in the output of a program or in a
// backup.
//
//	scanner, err := leakscan.New(&leakscan.Options{Redactor: redactor})
//	root, err := os.OpenRoot("dist")
//	for finding, err := range scanner.Tree(ctx, root.FS()) {
//		...
//		fmt.Println(finding) // static/app.js:1:5120: stripe-key: Stripe secret or restricted key
//	}
//
// [Scanner.Check] is the same as a condition of a deployment, and [Main] as a
// command. It is no substitute for a scanner that asks the services whether a
// key still works, and knows a small part of the forms that those know; it is
// small enough to be part of a program, and knows what they cannot: the secrets
// that this program loaded.
//
// # What is found
//
// Every value of Options.Redactor in all encodings that it knows, wherever it
// is: rule [LoadedValue]. Forms longer than 64 KiB may be missed where they
// lie across two windows of 256 KiB; of values of several lines each line is
// found alone.
//
// The keys of well-known services, private keys, tokens, and passwords in URLs:
// [Rules] lists them. They are looked for by their fixed beginnings first, then
// by their form, then by the entropy of what is left.
//
// The value of a setting with the name of a secret (rule "assigned-secret"):
// name = value, "name": "value", name => value and the like, where the value
// has 10 to 150 bytes, is random enough, and is not a variable, a call, a
// placeholder or words. A password of words, or of less than 10 bytes, is not
// found but as a loaded value.
//
// Of those that find the same place, the one that says most is given.
//
// # What is not found
//
// Archives and compressed files are not opened, and encrypted ones cannot be.
// Symbolic links are not followed. Options.Skip names what else is passed over:
// .git and node_modules, where nothing else is said; so the history of a
// repository is not looked at, but for what git log -p gives to [Scanner.Diff].
// A secret that is put together from pieces is not found.
//
// Files of any size and lines of any length are read, in windows. In a binary
// file, which has a zero byte in its first 8000, everything is found but
// "assigned-secret", by its offset. UTF-16 that begins with its mark is read as
// text, without it as binary, and then only what is in UTF-8 is found.
//
// # To allow
//
// What looks like a secret and is none is allowed by a comment on its line, or
// on the line above if that has nothing else:
//
//	key := "sk_test_..." // leakscan:allow the key in the documentation of Stripe
//	# leakscan:allow=stripe-key,jwt keys of the sandbox
//
// Without rules it is for all of them. A rule that does not exist allows
// nothing. A secret of several lines counts where it begins. Nothing in a file
// allows a loaded value, and neither does a baseline.
//
// A [Baseline] has the findings of a tree that was never scanned before, so
// that only new ones are reported. It is JSON with a version, and has rule and
// path of each finding and a hash of the name before the secret, and nothing
// of the secret: it can be committed, and nobody can try values against it. So
// it cannot tell one secret from another in the same place. It reports entries
// whose secret is gone.
//
// # What is shown
//
// Findings, errors and every output show the rule and the place, and nothing of
// the secret, not even its length.
//
// # Concurrency, order, errors
//
// Scanner and Baseline are safe for concurrent use. The order of findings is
// that of the paths and places, whatever Options.Workers is. In memory are a
// window and 1000 findings for each file that is being read. All errors are an
// [*Error]. The package logs nothing, starts nothing that outlives a call, and
// uses the standard library only.
//
// # Speed
//
// Measured with "go test -bench Stream ./secrets/leakscan", in megabytes per
// second of processor time on a server of two cores under load, on texts of
// 16 MB that are full of near misses, with no secret in them:
//
//	text                     rules    and 200 loaded values
//	JSON log of a server       302                      230
//	Go source of a scanner     310                      264
//
// Files are read Options.Workers at a time. No peer stands beside: gitleaks
// and trufflehog are commands with hundreds of dependencies and look for many
// more forms. The worst texts, made of nothing but beginnings of secrets, such
// as a million times "key", go at 1 MB/s or more.
package leakscan
