//go:build !unix

package filelog

func isFull(error) bool { return false }

func isReadOnly(error) bool { return false }
