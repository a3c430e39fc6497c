package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/masaruk/devops/internal/testenv"
)

// oldestNode is the oldest major version of Node.js that the tests accept.
const oldestNode = 20

// debianNeeds lists the Debian packages to install and, for each, who needs it.
type debianNeeds struct {
	packages []string
	users    map[string][]string
}

func (n *debianNeeds) add(pkg, user string) {
	if n.users == nil {
		n.users = map[string][]string{}
	}
	if !slices.Contains(n.packages, pkg) {
		n.packages = append(n.packages, pkg)
	}
	if !slices.Contains(n.users[pkg], user) {
		n.users[pkg] = append(n.users[pkg], user)
	}
}

// String names each package with what is left out without it.
func (n debianNeeds) String() string {
	text := make([]string, len(n.packages))
	for i, pkg := range n.packages {
		text[i] = fmt.Sprintf("%s (needed by %s)", pkg, strings.Join(n.users[pkg], ", "))
	}
	return strings.Join(text, "; ")
}

// missingPackages finds what Debian has to provide: the C compiler that the
// race detector needs, the packages of the test servers, and npm where npm
// packages are to be installed and there is none.
func missingPackages(reqs []testenv.Requirement, have func(program string) bool) debianNeeds {
	var needs debianNeeds
	if !have("gcc") && !have("clang") {
		needs.add("gcc", "go test -race")
		needs.add("libc6-dev", "go test -race")
	}
	for _, r := range reqs {
		for _, p := range r.Missing() {
			switch {
			case p.Source == testenv.Debian:
				needs.add(p.Name, r.Name)
			case p.Source == testenv.NPM && !have("npm"):
				needs.add("npm", r.Name)
			}
		}
	}
	return needs
}

// cannotInstall explains why Debian packages cannot be installed here, or
// returns nil. osRelease is the content of the os-release file.
func cannotInstall(osRelease string, euid int, have func(program string) bool) error {
	switch {
	case !isDebian(osRelease):
		return fmt.Errorf("this is not Debian")
	case euid != 0:
		return fmt.Errorf("only root can install Debian packages")
	case !have("apt-get") || !have("dpkg-query"):
		return fmt.Errorf("there is no apt-get or dpkg-query")
	}
	return nil
}

func isDebian(osRelease string) bool {
	for line := range strings.Lines(osRelease) {
		if name, value, _ := strings.Cut(strings.TrimSpace(line), "="); name == "ID" {
			return strings.Trim(value, `"`) == "debian"
		}
	}
	return false
}

// nodeMajor reads the major version out of what "node --version" prints; 0 if
// it is none.
func nodeMajor(version string) int {
	major, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(version), "v"), ".")
	n, err := strconv.Atoi(major)
	if err != nil {
		return 0
	}
	return n
}

// onPath reports whether a program is on the PATH of this process.
func onPath(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// osRelease reads the description of the operating system; empty if there is
// none.
func osRelease() string {
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return ""
	}
	return string(text)
}
