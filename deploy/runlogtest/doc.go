// Package runlogtest proves that a [deploy.Log] keeps its contract. An adapter
// calls [Run] from one of its tests; users can run it against their own
// storage.
//
//	func TestLog(t *testing.T) {
//		runlogtest.Run(t, func() (deploy.Log, error) { return filelog.New(t.TempDir(), nil) })
//	}
//
// The kit makes streams with random names below "runlogtest/", never touches
// others and deletes nothing, but for what it prunes of its own.
//
// What it proves:
//
//   - a stream that was never appended to is empty;
//   - records come back in order, byte for byte, from any number on, with
//     sizes from 2 bytes to [deploy.MaxRecord];
//   - a number that is taken, leaves a gap, or is 0 gets
//     [deploy.ErrConflict] and changes nothing;
//   - of many goroutines that race for a number exactly one gets it, and
//     readers meanwhile see whole records in order and no gap;
//   - streams do not touch each other, also when the name of one is the
//     beginning of the other's;
//   - Append does not keep the record, and the caller may keep and change what
//     Read gave;
//   - with a context that has ended nothing is appended or read, and the error
//     wraps its cause;
//   - a reader may stop early;
//   - names that the contract does not allow are refused.
//
// And of a [deploy.Pruner]:
//
//   - what is pruned is gone, all else is there under its number, numbers go on
//     behind it, and none can be had again;
//   - the last record stays; a prune that is refused changes nothing; one that
//     is repeated does not fail;
//   - while some append and prune, readers see no gap.
//
// [RunProcesses] proves what several processes do, which takes a TestMain that
// calls [Child]: of two that race for a number one gets it, and what a process
// was told to be stored is there after it was killed. Of a Pruner: while one
// process appends and one reads, others prune and are killed in the middle.
//
// Neither can prove that records survive a power cut: that needs tests that
// know the storage.
//
// The package uses the standard library only.
package runlogtest
