// Package storetest proves that a [backup.Store] keeps its contract. Whoever
// writes one runs it in a test; whoever has a bucket can run it against that
// bucket, to see whether the service does what backups rely on:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func() (backup.Store, error) { return filestore.New(t.TempDir()) }, nil)
//	}
package storetest
