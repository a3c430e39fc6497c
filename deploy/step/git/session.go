package git

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/secrets"
)

// session runs the commands of one Action. Output that matters is short: what
// the executor keeps of it is enough.
type session struct {
	exec    deploy.Executor
	repo    Repository
	secrets map[string]secrets.Value
	ceiling string // git looks for no repository in or above this folder
}

// newSession looks up what the repository needs.
func newSession(ctx context.Context, exec deploy.Executor, repo Repository, ceiling string) (*session, error) {
	if exec == nil {
		return nil, errors.New("there is no executor; set deploy.Options.Executor")
	}
	found, err := repo.secrets(ctx)
	if err != nil {
		return nil, err
	}
	return &session{exec, repo, found, ceiling}, nil
}

// settings are those of every git command. They reach the git processes of
// submodules too, which variables like GIT_CONFIG_COUNT do not.
var settings = []string{
	"core.hooksPath=/dev/null", "core.attributesFile=/dev/null", "core.excludesFile=/dev/null", "core.fsmonitor=false",
	"core.fsync=all", "core.autocrlf=false", "core.protectHFS=true", "core.protectNTFS=true",
	"credential.helper=", "gc.auto=0", "maintenance.auto=false", "init.templateDir=", "init.defaultBranch=main",
	"submodule.recurse=false", "fetch.recurseSubmodules=false", "http.followRedirects=false", "advice.detachedHead=false",
	"http.lowSpeedLimit=1", "http.lowSpeedTime=120", // a server that says nothing for so many seconds is left
}

// git returns the argument vector of a git command.
func (s *session) git(args ...string) []string {
	argv := []string{"git"}
	for _, setting := range settings {
		argv = append(argv, "-c", setting)
	}
	return append(argv, args...)
}

// remote is git for commands that talk to the server.
func (s *session) remote(args ...string) []string {
	var how []string
	if s.secrets != nil {
		how = append(how, "--config-env=http."+s.repo.origin()+".extraHeader="+authVar)
	}
	return s.git(append(how, args...)...)
}

func (s *session) env() map[string]string {
	ssh := s.repo.SSHCommand
	if ssh == "" {
		ssh = "ssh -o BatchMode=yes -o ConnectTimeout=30 -o ServerAliveInterval=30" // of which three may get no answer
	}
	env := map[string]string{
		"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "false", "SSH_ASKPASS_REQUIRE": "never",
		"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_SYSTEM": "/dev/null", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_ATTR_NOSYSTEM": "1",
		"GIT_NO_REPLACE_OBJECTS": "1", "GIT_CEILING_DIRECTORIES": s.ceiling,
		"GIT_ALLOW_PROTOCOL": strings.Join(slices.Concat([]string{"https", "ssh"}, s.repo.Allow), ":"),
		"GIT_SSH_COMMAND":    ssh,
	}
	if s.repo.CAFile != "" {
		env["GIT_SSL_CAINFO"] = s.repo.CAFile
	}
	return env
}

// run runs one command that changes something.
func (s *session) run(ctx context.Context, dir string, argv ...string) error {
	_, err := s.exec.Run(ctx, s.command(dir, argv))
	return err
}

// feed is run with a standard input.
func (s *session) feed(ctx context.Context, in io.Reader, argv ...string) error {
	cmd := s.command("", argv)
	cmd.Stdin = in
	_, err := s.exec.Run(ctx, cmd)
	return err
}

// ask runs a command that changes nothing and returns its output without
// white space at the ends.
func (s *session) ask(ctx context.Context, dir string, argv ...string) (string, error) {
	cmd := s.command(dir, argv)
	cmd.ReadOnly = true
	res, err := s.exec.Run(ctx, cmd)
	return strings.TrimSpace(string(res.Stdout)), err
}

// holds tells whether a command that changes nothing exits with zero; with
// any other status than one it is an error.
func (s *session) holds(ctx context.Context, argv ...string) (bool, error) {
	_, err := s.ask(ctx, "", argv...)
	var exit *deploy.ExitError
	if errors.As(err, &exit) && exit.Exit == 1 {
		return false, nil
	}
	return err == nil, err
}

// command gives the secrets to those that talk to the server only.
func (s *session) command(dir string, argv []string) deploy.Command {
	cmd := deploy.Command{Argv: argv, Dir: dir, Env: s.env()}
	if s.secrets != nil && slices.ContainsFunc(argv, func(a string) bool { return strings.HasPrefix(a, "--config-env=") }) {
		cmd.Secrets = s.secrets
	}
	return cmd
}
