//go:build !unix

package main

import (
	"errors"
	"os"
)

func lockDir(string) (*os.File, error) { return nil, errors.ErrUnsupported }
