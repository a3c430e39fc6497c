// Package secretshapes knows what the secrets of well-known services look
// like, so that a text can be searched for secrets that nobody registered.
//
//	set := secretshapes.NewSet(secretshapes.All())
//	set.Scan(text, 0, true, func(m secretshapes.Match) { hide(text[m.Start:m.End]) })
//
// # Shapes
//
// Each [Shape] has literal anchors, such as "sk_live_", and a matcher that is
// written by hand and looks at a bounded piece of the text around one of them.
// A match passes three tests in turn: the anchor, the form of what follows it
// and, where the form alone says little, the entropy of it; what is plainly a
// placeholder ("${TOKEN}", "<your key>", "changeme", ...EXAMPLE) is none.
// Shapes overlap: what stands after API_KEY= may have the shape of a Stripe
// key and that of an assignment.
//
// # Streams
//
// A match begins at its anchor or after it, so what is before an anchor that
// is still undecided can be passed on. A matcher looks at most [MaxBefore]
// bytes back from its anchor and [MaxAfter] bytes on from there; a secret that
// is longer (a private key without an end) is cut off at that. So whoever
// keeps the last MaxBefore bytes that were decided, and holds what is not
// decided yet, needs no more than MaxBefore + MaxAfter bytes and finds the
// same in a stream as in the whole text.
//
// # Entropy
//
// [Entropy] is that of Shannon over the bytes of a text, in bits per byte. It
// cannot be more than log2 of the number of bytes, so that a bound of 3.5 would
// pass over every text of up to 11 bytes, however random. The bound of a short
// text is therefore a quarter bit less than the highest that its length can
// have.
//
// Everything here is immutable and safe for concurrent use. The package uses
// the standard library only.
package secretshapes
