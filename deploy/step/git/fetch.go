package git

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/masaruk/devops/deploy"
)

// fetch gets the commit alone, or all branches and tags where the server does
// not give a commit by its hash.
func (k *Checkout) fetch(ctx context.Context, s *session, dir, commit string) error {
	err := s.run(ctx, dir, s.remote("fetch", "-q", "--depth=1", "--no-tags", "origin", commit)...)
	var exit *deploy.ExitError
	if errors.As(err, &exit) && refusesHashes(exit.Stderr) {
		err = s.run(ctx, dir, s.remote("fetch", "-q", "--no-tags", "origin",
			"+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")...)
		if err == nil {
			_, err = s.ask(ctx, dir, s.git("cat-file", "-e", commit+"^{commit}")...)
			if errors.As(err, &exit) {
				err = fmt.Errorf("no branch or tag of the repository leads to it: %w", err)
			}
		}
	}
	if err == nil && k.Tag != "" {
		tag := "refs/tags/" + k.Tag
		err = s.run(ctx, dir, s.remote("fetch", "-q", "--depth=1", "--no-tags", "origin", "+"+tag+":"+tag)...)
	}
	return err
}

// refusesHashes knows the answers of git to a commit that it does not give:
// the client's for old servers, and that of the server.
func refusesHashes(stderr string) bool {
	return strings.Contains(stderr, "unadvertised object") || strings.Contains(stderr, "not our ref")
}
