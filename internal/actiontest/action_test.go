package actiontest_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/internal/actiontest"
)

// TestEveryActionKeepsItsSecrets runs every scene, and looks for the secrets in
// the argument vectors and environments of commands, log records, the logger,
// events, errors, previews, specs and reports. A failure names where it was.
func TestEveryActionKeepsItsSecrets(t *testing.T) {
	w := newWorld(t, true)
	failed := map[string]bool{}
	for _, s := range scenes(w) {
		t.Run(s.name, func(t *testing.T) {
			b := actiontest.Bench{Outputs: s.outputs, Exec: s.exec}
			if s.hides {
				tr := b.Run(t, s.step)
				tr.RequireHidden(t, canary)
				tr.RequireHidden(t, canaryInURL)
			}
			b.Secrets = []string{canary, canaryInURL}
			tr := b.Run(t, s.step)
			tr.RequireHidden(t, canary)
			tr.RequireHidden(t, canaryInURL)
			if s.says == nil {
				if !strings.Contains(s.name, "gives its secret away") {
					require.NoError(t, tr.Err)
				}
				return
			}
			failed[s.typ()] = true
			require.Error(t, tr.Err)
			for _, want := range append([]string{"shop@dev run r1", `step "s" on local`, "start a run with another id"}, s.says...) {
				require.ErrorContains(t, tr.Err, want)
			}
		})
	}
	for _, s := range scenes(newWorld(t, false)) {
		require.True(t, failed[s.typ()], "%s has no scene in which it fails", s.typ())
	}
}

// TestEverySpecIsCanonical makes every action twice.
func TestEverySpecIsCanonical(t *testing.T) {
	w := newWorld(t, false)
	again := scenes(w)
	for i, s := range scenes(w) {
		first, err := json.Marshal(s.step.Do.Spec())
		require.NoError(t, err)
		for range 20 {
			next, err := json.Marshal(again[i].step.Do.Spec())
			require.NoError(t, err)
			require.Equal(t, string(first), string(next), s.name)
		}
		require.NotEqual(t, "null", string(first), s.name)
	}
}

// TestEveryActionHasAPreview and one that is not empty.
func TestEveryActionHasAPreview(t *testing.T) {
	for _, s := range scenes(newWorld(t, false)) {
		if s.typ() == opaque {
			continue
		}
		p, ok := s.step.Do.(deploy.Previewer)
		require.True(t, ok, "%s is no deploy.Previewer", s.typ())
		lines := p.Preview()
		require.NotEmpty(t, lines, s.name)
		for _, line := range lines {
			require.NotContains(t, line, "\n", s.name)
		}
	}
}
