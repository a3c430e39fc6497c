package testenv

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Source is where a [Part] comes from, and so how it is installed.
type Source string

const (
	// Debian is a Debian package; Part.Name is its name.
	Debian Source = "Debian package"
	// NPM is an entry of the dependencies in internal/testenv/npm/package.json;
	// Part.Name is its key there. It is installed from the lock beside it into
	// .tools/npm, and completed by [HydrateNPM].
	NPM Source = "npm package"
	// Go is a program built from the module internal/testenv/servers into
	// .tools/bin; Part.Name is its package path.
	Go Source = "Go program"
	// System is what the machine or the user must provide: no installation
	// helps.
	System Source = "system"
)

// Part is one thing that a server needs.
type Part struct {
	Source Source
	Name   string
	// Path is the file that is there once the part is installed; empty when
	// presence is not a matter of one file.
	Path string

	present func() bool
}

// Present reports whether the part is there now.
func (p Part) Present() bool {
	if p.present != nil {
		return p.present()
	}
	return isFile(p.Path)
}

// String names the part and, where there is one, the file that shows it.
func (p Part) String() string {
	if p.Path == "" {
		return fmt.Sprintf("%s %s", p.Source, p.Name)
	}
	return fmt.Sprintf("%s %s (%s)", p.Source, p.Name, p.Path)
}

// Requirement is everything that one kind of server needs.
type Requirement struct {
	// Name is the server, such as "postgres-15".
	Name  string
	Parts []Part
}

// Missing returns the parts that are not there, in the order of Parts. The
// server can start when there are none.
func (r Requirement) Missing() []Part {
	return slices.DeleteFunc(slices.Clone(r.Parts), Part.Present)
}

// Names of the servers in [Requirements].
const (
	nameSSHDRoot  = "sshd-root"
	nameSSHDPlain = "sshd-plain"
	nameS3        = "s3"
	nameHosts     = "hosts"
	// No servers, but what is driven, and what results are compared with, or
	// parsed by.
	nameGit      = "git"
	nameFormat   = "backup-format" // with what a backup is read without this module
	namePromtool = "promtool"
	nameDotenv   = "npm-dotenv"
	nameSentry   = "npm-@sentry/core"
	nameSMTP     = "npm-smtp-server"
)

// Requirements lists what each server needs, in a fixed order, with all paths
// absolute. The Debian packages must be installed without starting a service
// (a policy-rc.d that answers 101) and without a cluster
// (create_main_cluster = false in /etc/postgresql-common/createcluster.conf
// before postgresql-15 comes). It fails outside a checkout.
func Requirements() ([]Requirement, error) {
	tools, err := ToolsDir()
	if err != nil {
		return nil, err
	}
	root := systemPart("root user", isRoot)
	linux := systemPart("Linux", func() bool { return runtime.GOOS == "linux" })
	amd64 := systemPart("x86-64", func() bool { return runtime.GOARCH == "amd64" })
	ssh := debianPart("openssh-client", "/usr/bin/ssh")
	sshd := debianPart("openssh-server", sshdPath)
	rs := []Requirement{{
		Name:  postgresName(15),
		Parts: []Part{linux, debianPart("postgresql-15", "/usr/lib/postgresql/15/bin/postgres"), serverUser()},
	}}
	for _, major := range []int{16, 17, 18} {
		rs = append(rs, Requirement{Name: postgresName(major), Parts: []Part{linux, amd64, npmPostgres(tools, major), serverUser()}})
	}
	return append(rs,
		Requirement{Name: nameSSHDRoot, Parts: []Part{linux, root, sshd, ssh}},
		Requirement{Name: nameSSHDPlain, Parts: []Part{linux, sshd, ssh, loginUser()}},
		Requirement{Name: nameS3, Parts: []Part{linux, {
			Source: Go,
			Name:   "github.com/versity/versitygw/cmd/versitygw",
			Path:   filepath.Join(tools, "bin", "versitygw"),
		}}},
		Requirement{Name: nameHosts, Parts: []Part{
			linux, root, debianPart("iproute2", ipPath),
			systemPart("capabilities CAP_NET_ADMIN and CAP_SYS_ADMIN", mayUnshare),
		}},
		Requirement{Name: nameGit, Parts: []Part{debianPart("git", "/usr/bin/git")}},
		Requirement{Name: nameFormat, Parts: []Part{
			debianPart("age", "/usr/bin/age"), debianPart("zstd", "/usr/bin/zstd"), debianPart("jq", "/usr/bin/jq"), ssh,
		}},
		Requirement{Name: namePromtool, Parts: []Part{linux, debianPart("prometheus", promtoolPath)}},
		npmRequirement(tools, nameDotenv),
		npmRequirement(tools, nameSentry),
		npmRequirement(tools, nameSMTP),
	), nil
}

const (
	sshdPath     = "/usr/sbin/sshd"
	ipPath       = "/usr/sbin/ip"
	promtoolPath = "/usr/bin/promtool"
)

// npmPrefix begins the names of the requirements that are one npm package.
const npmPrefix = "npm-"

func npmRequirement(tools, name string) Requirement {
	pkg := strings.TrimPrefix(name, npmPrefix)
	return Requirement{Name: name, Parts: []Part{{
		Source: NPM, Name: pkg, Path: filepath.Join(npmFolder(tools, pkg), "package.json"),
	}}}
}

func postgresName(major int) string { return fmt.Sprintf("postgres-%d", major) }

func debianPart(name, path string) Part { return Part{Source: Debian, Name: name, Path: path} }

func systemPart(name string, present func() bool) Part {
	return Part{Source: System, Name: name, present: present}
}

// npmPostgres is there when its files are and its libraries' symbolic links
// were made, which npm leaves to an install script that it does not run.
func npmPostgres(tools string, major int) Part {
	path := filepath.Join(npmPackage(tools, major), "native", "bin", "postgres")
	return Part{
		Source: NPM, Name: postgresName(major), Path: path,
		present: func() bool { return isFile(path) && hydrated(npmPackage(tools, major)) },
	}
}

func npmPackage(tools string, major int) string {
	return npmFolder(tools, postgresName(major))
}

func npmFolder(tools, name string) string {
	return filepath.Join(tools, "npm", "node_modules", filepath.FromSlash(name))
}

// missingText lists parts for a person.
func missingText(parts []Part) string {
	text := make([]string, len(parts))
	for i, p := range parts {
		text[i] = p.String()
	}
	return strings.Join(text, ", ")
}
