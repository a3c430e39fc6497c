//go:build !linux

package filelog_test

import "errors"

func limited(string) error { return errors.ErrUnsupported }

func stops(string) error { return errors.ErrUnsupported }
