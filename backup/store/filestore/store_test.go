package filestore_test

import (
	"testing"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/backup/store/filestore"
	"github.com/masaruk/devops/backup/storetest"
)

func TestStore(t *testing.T) {
	dir := t.TempDir()
	storetest.Run(t, func() (backup.Store, error) { return filestore.New(dir) })
}
