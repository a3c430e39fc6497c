// Package agesource is a [secrets.Source] of a file that age encrypted
// (https://age-encryption.org), so that secrets can lie beside the program that
// needs them: in its release, or in its repository.
//
//	source, err := agesource.New("secrets.age", &agesource.Options{IdentityFile: "/etc/api/age.key"})
//	password, err := source.Lookup(ctx, "db/password")
//
// The file holds a JSON object of strings. Make it, and change it, with
// standard tools:
//
//	echo '{"db/password": "correct horse", "api/key": "battery staple"}' | age -r age1... -o secrets.age
//	age -d -i age.key secrets.age | jq '."api/key" = "new"' | age -r age1... -o secrets.age.new && mv secrets.age.new secrets.age
//
// It must be one object and nothing else, with text in UTF-8, no name twice and
// strings only; anything else is an error rather than a guess. A secret that is
// binary, or a file such as a private key, is a file of its own; see
// [Options].Name.
//
// The file may be armored or binary. It is read and decrypted at each call, so
// a file that was replaced is seen by the next; whoever replaces it writes
// another and renames it. Nothing decrypted is written anywhere nor kept: put a
// [secrets.Cache] before it where that is too slow (one call costs some tenths
// of a millisecond, with a passphrase about a second).
//
// Use it where the identity reaches the host in another way than the file. Use
// a vault where secrets must be withdrawn, or where it must be known who read
// them.
//
// # Errors
//
// All are a [*secrets.SourceError] that names the file and the secret:
//
//   - [fs.ErrNotExist]: the file was decrypted and does not hold the name;
//   - [ErrNoFile]: the file does not exist; nobody knows what it would hold;
//   - [ErrWrongIdentity]: it is encrypted for others. So looks a file, too, whose
//     lines about recipients are damaged, because age cannot tell;
//   - [ErrCorrupt]: it is no file of age, is damaged or cut short, or what it
//     holds is not as described here.
//
// None holds any of what was decrypted, nor of a file that turns out not to be
// encrypted.
//
// # Concurrency
//
// A Source is safe for concurrent use, if the identities given are; those of
// age are.
package agesource
