package git

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/masaruk/devops/deploy"
)

// trust checks the tag and the signature.
func (k *Checkout) trust(ctx context.Context, s *session, dir, commit string) error {
	if k.Tag != "" {
		if err := k.checkTag(ctx, s, dir, commit); err != nil {
			return err
		}
	}
	if k.Signers == "" {
		return nil
	}
	file := dir + "/.git/devops-signers"
	if err := s.feed(ctx, strings.NewReader(strings.TrimSpace(k.Signers)+"\n"), "tee", file); err != nil {
		return err
	}
	check := []string{"verify-commit", commit}
	if k.Tag != "" {
		check = []string{"verify-tag", "refs/tags/" + k.Tag}
	}
	// Only ssh signatures count: no key ring of the host's user is asked.
	argv := s.git(append([]string{
		"-c", "gpg.format=ssh", "-c", "gpg.ssh.allowedSignersFile=" + file,
		"-c", "gpg.program=false", "-c", "gpg.openpgp.program=false", "-c", "gpg.x509.program=false",
	}, check...)...)
	if _, err := s.ask(ctx, dir, argv...); err != nil {
		return unverified(err, "no signature by one of Signers")
	}
	return nil
}

// checkTag wants a tag that names the commit. An annotated one, which may be
// signed, must also call itself by that name: else the signed tag of an old
// version could be given for a new one.
func (k *Checkout) checkTag(ctx context.Context, s *session, dir, commit string) error {
	ref := "refs/tags/" + k.Tag
	target, err := s.ask(ctx, dir, s.git("rev-parse", "--verify", "-q", ref+"^{commit}")...)
	if err != nil {
		return unverified(err, "tag "+k.Tag+" names no commit")
	}
	if target != commit {
		return fmt.Errorf("%w: tag %s is commit %s", ErrUnverified, k.Tag, target)
	}
	name, err := s.ask(ctx, dir, s.git("for-each-ref", "--format=%(tag)", ref)...)
	if err != nil {
		return err
	}
	if name != "" && name != k.Tag {
		return fmt.Errorf("%w: tag %s calls itself %q", ErrUnverified, k.Tag, name)
	}
	return nil
}

// verify checks that all of the commit is there.
func (k *Checkout) verify(ctx context.Context, s *session, dir, commit string) error {
	head, err := s.ask(ctx, dir, s.git("rev-parse", "--verify", "HEAD")...)
	if err != nil {
		return err
	}
	if head != commit {
		return fmt.Errorf("%w: HEAD is %s", ErrUnverified, head)
	}
	if _, err := s.ask(ctx, dir, s.git("fsck", "--connectivity-only", "--no-dangling", "--no-progress", commit)...); err != nil {
		return unverified(err, "objects are missing")
	}
	if !k.Submodules {
		return nil
	}
	// Not trimmed: the first character of each line tells.
	cmd := s.command(dir, s.git("submodule", "status", "--recursive"))
	cmd.ReadOnly = true
	res, err := s.exec.Run(ctx, cmd)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(res.Stdout)) {
		if !strings.HasPrefix(line, " ") {
			return fmt.Errorf("%w: submodule %q is not at its commit", ErrUnverified, strings.TrimSpace(line))
		}
	}
	return nil
}

// unverified makes the failure of a check one, but not that of its executor.
func unverified(err error, what string) error {
	var exit *deploy.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("%w: %s: %w", ErrUnverified, what, err)
	}
	return err
}
