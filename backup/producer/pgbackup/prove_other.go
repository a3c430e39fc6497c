//go:build !unix

package pgbackup

import (
	"errors"
	"os"
	"os/exec"
)

var fast, immediate = os.Interrupt, os.Kill

func (p *proving) become(*exec.Cmd) error { return errors.ErrUnsupported }
