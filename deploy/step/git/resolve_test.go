package git_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/step/git"
)

func TestResolve(t *testing.T) {
	root := t.TempDir()
	w := newWork(t, root, "api")
	first := w.commit("one")
	w.git("tag", "-a", "-m", "v1", "v1")
	w.git("branch", "both")
	w.git("tag", "both")
	w.git("branch", "deep/refs/heads/only")
	second := w.commit("two")
	server := serve(t, root)
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	committed := time.Date(2026, 11, 21, 10, 30, 0, 0, time.UTC)
	for ref, want := range map[string]string{
		"": second, "HEAD": second, "main": second, "refs/heads/main": second, "v1": first, "refs/tags/v1": first,
		"refs/heads/both": first, "refs/tags/both": first,
	} {
		r := &git.Resolve{Repository: server.repo("api"), Ref: ref}
		change, err := r.Find(t.Context(), local(t))
		require.NoError(t, err, ref)
		require.Equal(t, deploy.Change{Commit: want, Committed: committed}, change, ref)

		if ref != "" && ref != "v1" {
			continue
		}
		r.Output = "hash"
		report, err := run(t, local(t), "1", deploy.Step{Name: "find", InFlight: deploy.Repeat, Provides: []string{"hash"}, Do: r})
		require.NoError(t, err, ref)
		require.Contains(t, report.Steps[0].Tail, want)
	}
	for ref, want := range map[string]string{
		"both": "give the full name", "none": "no such branch or tag", "only": "no such branch or tag",
	} {
		r := &git.Resolve{Repository: server.repo("api"), Ref: ref}
		_, err := r.Find(t.Context(), local(t))
		require.ErrorIs(t, err, git.ErrUnresolved, ref)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, server.URL)
	}
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	require.Empty(t, left)
}

// The commit that was found is the one that is checked out, though the branch
// has moved.
func TestResolveThenCheckout(t *testing.T) {
	root := t.TempDir()
	w := newWork(t, root, "api")
	first := w.commit("one")
	server := serve(t, root)
	dir := filepath.Join(t.TempDir(), "api")
	check := step(&git.Checkout{Repository: server.repo("api"), Commit: "${commit}", Dir: dir})
	check.Binds = []string{"commit"}
	steps := []deploy.Step{
		{
			Name: "find", InFlight: deploy.Repeat, Provides: []string{"commit", "committed"},
			Do: &git.Resolve{Repository: server.repo("api"), Ref: "main", Committed: "committed"},
		},
		{Name: "meanwhile", InFlight: deploy.Repeat, Do: deploy.Func("push", "1", func(_ context.Context, c *deploy.Call) error {
			w.commit("two")
			return nil
		})},
		check,
		{
			Name: "say", InFlight: deploy.Repeat, Binds: []string{"committed"},
			Do: deploy.Func("say", "1", func(_ context.Context, c *deploy.Call) error {
				when, err := c.Expand("${committed}")
				c.Printf("from %s", when)
				return err
			}),
		},
	}
	report, err := run(t, local(t), "1", steps...)
	require.NoError(t, err)
	require.Equal(t, first, gitIn(t, dir, "rev-parse", "HEAD"))
	require.Contains(t, report.Steps[3].Tail, "from 2026-11-21T10:30:00Z")
}
