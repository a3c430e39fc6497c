// Package sourcetest proves that a [secrets.Source] keeps its contract. An
// adapter calls [Run] from one of its tests; users can run it against their
// own vault.
//
//	known := map[string]secrets.Value{
//		"db/password": secrets.New("first canary"),
//		"empty":       secrets.New(""),
//		"api/key":     secrets.New("second canary"),
//	}
//	sourcetest.Run(t, known, func() (secrets.Source, error) { return newVault(t, known) })
//
// The kit only reads. It asks for the secrets that are known and for names
// with random parts that nobody has. What it reports never holds a value.
//
// What it proves:
//
//   - each known secret is found, byte for byte, again and again, an empty one
//     too;
//   - one that is not there gives [fs.ErrNotExist], a zero Value and an error
//     that says its name, also when its name begins or ends like a known one;
//   - the empty name is refused, other than by not found;
//   - names are exact: a known one with space, dots or slashes around it does
//     not find it;
//   - where the context has ended the error wraps its cause and is not that of
//     a missing secret, and the source goes on for others;
//   - many goroutines get each its own answer;
//   - a caller who leaves takes no other along, though both ask for the same
//     secret;
//   - no error, and nothing that it wraps, shows a known value in any form that
//     package fmt prints.
//
// It cannot prove that a source that is out of reach gives another error than
// [fs.ErrNotExist], nor that such errors hide the value: that needs tests that
// know the source.
//
// The package uses the standard library only.
package sourcetest
