// Package powercut simulates power cuts for code that writes through package
// durable.
//
//	rec, err := powercut.New(t.TempDir())
//	err = durable.WriteFile(rec, name, data, 0o600)
//	rec.Mark("written")
//	for state, err := range rec.Recording().States(nil) {
//		// open state.Dir with the code under test: once state.Marks holds
//		// "written" it must find the data
//	}
//
// A [Recorder] is a [durable.FS] that performs each operation for real, but for
// the waiting of a sync, and records it. [Recording.States] yields, for every prefix of the operations,
// directories as a power cut after them may leave:
//
//   - each change of a directory that was not followed by SyncDir is there or
//     not, on its own; a rename within one directory is one change, and one
//     across directories is an addition and a removal that is never there
//     without it, unless its directory alone was synced;
//   - each write or truncation of a file that was not followed by Sync is
//     there, or not, or there up to some byte, with or without zero bytes for
//     the rest, or its beginning is zero bytes.
//
// This is more than most file systems do, and what POSIX leaves open. All
// changes there, none, all but one, and one alone are always among the states,
// for each prefix; the rest is sampled by [Options].Seed. States that are
// equal are yielded once.
//
// [Recording.Without] leaves out one sync, to prove that each is needed:
// [Recording.Syncs] names those that made something durable.
//
// What the code under test does behind the recorder's back (an application
// that fills a directory, a lock file) is taken over, as if it had just
// happened, when the recorder next meets it; removals and changes of content
// are met only by a Sync of that file. Hard links and permissions changed
// later are not modelled.
//
// [Recorder.KillAfter] ends a process in the middle: all operations after the
// n-th fail with [ErrKilled]. A test goes on with the same Recorder, as the
// next process would.
package powercut
