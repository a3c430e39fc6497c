// Package vaultsource is a source of secrets in HashiCorp Vault or OpenBao: the
// key-value secrets engine, version 2.
//
//	vault, err := vaultsource.New("https://vault.example.com:8200", &vaultsource.Options{
//		TokenFile: "/run/vault/token", // as Vault Agent writes it
//	})
//	defer vault.Close()
//	password, err := vault.Lookup(ctx, "prod/api/db#password")
//
// Do not use it for version 1 of the engine, nor for secrets that Vault makes
// on demand: those have leases that somebody must renew.
//
// # Names
//
//	prod/api/db#password            the field password of prod/api/db
//	prod/api/db                     its field value
//	prod/api/db?version=3#password  as version 3 had it
//
// The path is relative to the mount ([Options.Mount]), without data/. It has no
// empty, "." or ".." segment and no "#" or "?"; a field may have any name. A
// field that is a number, true or false gives its JSON text. One that is null,
// an object or an array is an error: it is no text.
//
// # Not found
//
// A path, version or field that is not there wraps [fs.ErrNotExist]. So does a
// version that was deleted, which can still be restored, or destroyed: Vault
// was asked and has no such secret any more; the error says which, and when it
// was deleted. A mount that is not there, and an answer that is not Vault's,
// are other errors: nobody knows then. (To a token that may not see a path
// Vault answers by 403, whether the path exists or not.)
//
// # The token
//
// [Options.TokenFile] is read at each Lookup, so a token that was renewed
// counts from the next call on. Where Vault refuses a token from the file, the
// file is read once more, and if it holds another token by now, that one is
// tried once: it may have been replaced between reading and asking. Still
// refused is [fs.ErrPermission]. A file that is missing or empty is another
// error. Without either option no token is sent, for a Vault Agent or Proxy
// that adds it.
//
// The token goes to the address given and to no other: https is required but on
// loopback, and a redirect, as a standby node may answer with, is an error
// that names the node.
//
// # Failures
//
// A [Source] keeps nothing and repeats nothing, except that a rate limit (429)
// is waited for within ctx as Retry-After says. Sealed (503) and all others are
// errors at once. Each is a [*secrets.SourceError]; it quotes what Vault said
// of the reason, without the token, and never a body that holds data.
//
// A Source is safe for concurrent use and logs nothing.
package vaultsource
