// Package multimatch finds many texts at once in a stream of bytes, in one
// pass, in a time that is linear in the stream whatever it holds, with tables
// of bounded size.
//
//	set, err := multimatch.New([]string{"correct horse", "battery staple"})
//	for start, end := range set.Spans(text) {
//		// text[start:end] is one of them, or several that overlap
//	}
//
// # How
//
// Two parts, so that text without any of the texts costs a fraction of a
// nanosecond a byte. With m the length of the shortest text, at most 19, each
// occurrence covers a block of 4 bytes at one of every m-3 positions. So the
// filter looks at one block in m-3 bytes, in a table that tells at which offsets
// of a text it may stand, and then in a second one whether the first 8 bytes
// are there as well. This is the idea of Wu and Manber ("A fast algorithm for
// multi-pattern searching", 1994) with a fixed step, which a processor can
// foresee.
//
// What passes goes to an automaton of Aho and Corasick ("Efficient string
// matching", 1975), a trie in preorder, where most nodes are followed by their
// only child, so a path is compared 8 bytes at a time. It reads each byte at
// most twice on average and returns to the filter when less than 8 bytes can
// belong to a text. Near misses cost what they share with a text.
//
// Short texts make the step short: from 16 bytes on it is 13 or more, for 8
// bytes it is 5, for 4 bytes 1.
//
// # Size
//
// A node takes 13 bytes and there is at most one for each byte of the texts.
// [MaxBytes] and [MaxTexts] keep all tables within 64 MiB; [Set.Size] tells
// what they take.
//
// A Set is immutable and safe for concurrent use; a [Cursor] is for one
// goroutine.
package multimatch
