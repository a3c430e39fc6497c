//go:build !unix

package filelog

import "os"

func isFull(error) bool { return false }

func isReadOnly(error) bool { return false }

func keepOwner(os.FileInfo, string) error { return nil }
