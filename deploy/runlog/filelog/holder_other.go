//go:build !linux

package filelog

import "os"

// remedy says what to do about a lock that somebody holds.
func remedy(_ os.FileInfo, path string) string {
	return "find out which process has " + path + " open, end it, and run again"
}
