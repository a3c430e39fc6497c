//go:build !unix

package main

import "os/exec"

// ownGroup leaves cmd as it is: only unix has process groups. The process
// itself is ended when the command's context ends.
func ownGroup(*exec.Cmd) {}

func killGroup(int) {}
