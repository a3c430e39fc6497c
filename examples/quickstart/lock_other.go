//go:build !unix

package main

import (
	"errors"
	"os"
)

const lockName = ".quickstart"

func lockDir(string) (*os.File, error) { return nil, errors.ErrUnsupported }
