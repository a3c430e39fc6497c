// Package artefact turns what was built into one file with a digest, keeps it,
// and brings the same bytes to each environment.
//
//	store, err := artefact.NewFolder("/srv/artefacts")
//	steps := []deploy.Step{
//		{
//			Name: "pack", InFlight: deploy.Repeat, Provides: []string{"artefact"},
//			Do: &artefact.Pack{Dir: "/srv/build/api", Exclude: []string{".git"}, Archive: "/srv/build/api.tar.gz"},
//		},
//		{
//			Name: "push", InFlight: deploy.Repeat, Binds: []string{"artefact"},
//			Do: &artefact.Push{Archive: "/srv/build/api.tar.gz", Digest: "${artefact}", Store: store},
//		},
//	}
//
// Staging gets it with [Pull] and [Unpack], and production later with the same
// digest: nothing is built twice. The digest is that of [deploy.Change].
//
// The Actions work on files of the machine that the program runs on. They are
// not fenced, and need not be: what they write is given by its digest, so a
// controller that was replaced can only write the same bytes again. For a
// container use its registry; for single files a checksum is enough.
//
// # The archive
//
// A tar in gzip, which every machine can read without this package:
//
//	sha256sum api.tar.gz
//	tar xzf api.tar.gz
//
// Entries are sorted; owner, group and times are always the same; kept are
// names, the nine permission bits, contents and symbolic links. Its owner may
// always read what is in an archive, and enter and change folders. So the same
// tree gives the same digest each time, as long as the program was built with
// the same version of Go, whose compressor may change. gzip and not zstd,
// because this package then needs the standard library only, and so does
// whoever has to open an archive in an emergency.
//
// Other tools may make archives too; [Unpack] knows only folders, regular files
// and symbolic links. Unpacked files have the time at which they were unpacked: with
// one time for all, web servers would give two releases the same ETag.
//
// # What is refused
//
// Of an archive whose digest or signature is not the one asked for nothing is
// interpreted. Inside one, these end the work, before anything has the final name:
// absolute names and names with "..", links that are absolute or lead outside
// or have ".." behind a name, names below a link, hard links, devices, pipes,
// a name that comes twice, more than [Limits]. Where one of these is in a
// folder to be packed, the pack fails.
//
// # Promises
//
// Archive, Dir and what is in a store have their names only once they are
// complete, verified and durable; they are written beside it first. Each Action may be
// killed at any time and repeated, and its step has InFlight [deploy.Repeat]. Undo is not
// needed: what was made is complete and is used by its digest only.
//
// # Signatures
//
// With Pack.Signer the file Archive.sig is a signed note
// (https://c2sp.org/signed-note, ed25519) with three lines: "devops artefact
// v1", the size in bytes and the SHA-256 in base64. It goes with the archive
// through stores that keep signatures. With Keys, Pull and Unpack want a note
// by one of these keys. A digest already fixes all content; a signature says
// who built it, and is for those who get digest and archive from one hand.
//
// # Errors
//
// All are an [*Error] with operation, path and digest, and wrap [ErrDigest],
// [ErrSignature], [ErrUnsafe], [ErrLimit], [ErrExists], [fs.ErrNotExist], the
// cause of ctx, or the error of the operating system or store. Where folders
// cannot be synced or locked, as on Windows, they wrap [errors.ErrUnsupported].
//
// Everything is safe for concurrent use, also by several processes, and logs
// nothing. A leftover of a killed process begins with "." and ends in ".part" or
// ".unpack"; the next run on the same name uses and removes it.
package artefact
