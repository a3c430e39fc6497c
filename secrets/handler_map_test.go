package secrets_test

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
)

type bankAccount struct{ Login, Note string }

// TestHandlerHidesInMapsByWhatTheirKeysPrint, whatever their type.
func TestHandlerHidesInMapsByWhatTheirKeysPrint(t *testing.T) {
	keys, err := secrets.NewKeys("**.password", "**.accounts.7", "**.accounts[*].pin")
	require.NoError(t, err)
	type word string
	for name, value := range map[string]any{
		"interface keys":        map[any]any{"password": "canary-1"},
		"nested interface keys": map[string]any{"a": map[any]any{"password": "canary-1"}},
		"pointer to such":       &map[any]any{"password": "canary-1"},
		"defined keys":          map[word]string{"password": "canary-1"},
		"number keys":           struct{ Accounts map[int]string }{map[int]string{7: "canary-1", 8: "open"}},
		"unsigned keys":         struct{ Accounts map[uint8]bankAccount }{map[uint8]bankAccount{7: {"canary-1", "canary-1"}}},
	} {
		for kind, handler := range map[string]func(*bytes.Buffer) slog.Handler{
			"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
			"JSON": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		} {
			var out bytes.Buffer
			h, err := secrets.NewHandler(handler(&out), &secrets.HandlerOptions{Keys: keys})
			require.NoError(t, err)
			slog.New(h).Info("x", "v", value)
			require.NotContains(t, out.String(), "canary", "%s as %s", name, kind)
		}
	}
}
