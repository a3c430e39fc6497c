package stepinput_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/internal/actiontest"
	"github.com/masaruk/devops/internal/stepinput"
	"github.com/masaruk/devops/secrets"
)

const canary = "cana\"ry-4f2a9c"

func source() secrets.Source {
	return secrets.Static(map[string]secrets.Value{"a": secrets.New(canary), "short": secrets.New("abc"), "empty": {}})
}

func TestLookupJoinsWhatCannotBeHad(t *testing.T) {
	given, err := stepinput.Lookup(t.Context(), source(), "a", "a")
	require.NoError(t, err)
	require.Equal(t, canary, given.Reveal("a"))
	require.False(t, given.Has("b"))
	_, err = stepinput.Lookup(t.Context(), source(), "a", "missing", "short", "empty")
	for _, name := range []string{"missing", "short", "empty"} {
		require.ErrorContains(t, err, fmt.Sprintf("secret %q", name))
	}
	require.NotContains(t, err.Error(), "abc")
	_, err = stepinput.Lookup(t.Context(), nil, "a")
	require.ErrorContains(t, err, "no Source")
	given, err = stepinput.Lookup(t.Context(), nil)
	require.NoError(t, err, "without names nobody is asked")
	require.Equal(t, "text", given.Filter("text"))
}

func TestWhatIsHidden(t *testing.T) {
	given, err := stepinput.Lookup(t.Context(), source(), "a")
	require.NoError(t, err)
	require.Equal(t, "x "+secrets.Placeholder, given.Filter("x "+canary))
	require.True(t, given.Holds(canary))
	require.NotContains(t, given.Error(errors.New("x "+canary)).Error(), canary)
	given.HideURL("https://example.com/public?sig=4f2a9c0b&on=yes", false)
	require.Equal(t, "/public "+secrets.Placeholder+" yes", given.Filter("/public 4f2a9c0b yes"))
	require.False(t, given.Holds("4f2a9c0b"))
	given.HideURL("https://example.com/services/T0/B0", true)
	require.Equal(t, "POST "+secrets.Placeholder, given.Filter("POST services/T0/B0"))

	var none *stepinput.Secrets
	require.Equal(t, "x", none.Filter("x"))
	require.ErrorIs(t, none.Error(context.Canceled), context.Canceled)
	require.False(t, none.Has("a") || none.Holds("x"))
	require.Empty(t, none.Reveal("a"))
}

// call runs fn as the action of a step that can read the outputs.
func call(t *testing.T, outputs map[string]any, fn func(c *deploy.Call)) {
	t.Helper()
	do := deploy.Func("test", "1", func(_ context.Context, c *deploy.Call) error { fn(c); return nil })
	require.NoError(t, actiontest.Bench{Outputs: outputs}.Run(t, deploy.Step{Name: "s", Do: do}).Err)
}

func TestURLKeepsAnOutputInItsPlace(t *testing.T) {
	call(t, map[string]any{"base": "https://example.com/a?b", "x": "../é?a&b#c+ /%", "n": 7}, func(c *deploy.Call) {
		for text, want := range map[string]string{
			"https://example.com/${x}/y":     "https://example.com/..%2F%C3%A9%3Fa%26b%23c%2B%20%2F%25/y",
			"https://example.com/?q=${x}":    "https://example.com/?q=..%2F%C3%A9%3Fa%26b%23c%2B%20%2F%25",
			"${base}/${base}":                "https://example.com/a?b/https%3A%2F%2Fexample.com%2Fa%3Fb",
			"https://example.com/plain?a=b#": "https://example.com/plain?a=b#",
		} {
			got, err := stepinput.URL(c, text)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		_, err := stepinput.URL(c, "https://example.com/${n}")
		require.ErrorContains(t, err, "${n}")
		_, err = stepinput.URL(c, "${none}")
		require.ErrorContains(t, err, "${none}")
	})
}

// TestURLRefusesAnOutputThatIsNoSegment has outputs by which another address
// would be asked than the plan shows.
func TestURLRefusesAnOutputThatIsNoSegment(t *testing.T) {
	call(t, map[string]any{"base": "https://example.com/a", "up": "..", "here": ".", "empty": "", "v": "v1"}, func(c *deploy.Call) {
		for _, text := range []string{
			"https://example.com/deployments/${empty}", "https://example.com/${up}/x?y", "${base}/${here}/x", "${base}/${here}${here}",
			"https://example.com/.${here}/x", "https://${empty}/x", "${base}/${up}?x", "${base}/${up}#x",
		} {
			_, err := stepinput.URL(c, text)
			require.ErrorContains(t, err, "no segment of a path", text)
		}
		for _, text := range []string{"https://example.com/${up}${v}", "https://example.com/x?a=${up}&b=${empty}", "${base}/../${v}//x"} {
			_, err := stepinput.URL(c, text)
			require.NoError(t, err, text)
		}
	})
}

func TestJSONKeepsAnOutputInItsString(t *testing.T) {
	call(t, map[string]any{"x": `","evil":"`}, func(c *deploy.Call) {
		got, err := stepinput.JSON(c, []byte(`{"a": "<${x}>", "n": 12345678901234567890, "l": [true, null, "${x}"], "${x}": 1}`))
		require.NoError(t, err)
		require.JSONEq(t, `{"a": "<\",\"evil\":\">", "n": 12345678901234567890, "l": [true, null, "\",\"evil\":\""], "${x}": 1}`, string(got))
		require.Contains(t, string(got), "12345678901234567890")
		_, err = stepinput.JSON(c, []byte(`["${none}"]`))
		require.Error(t, err)
		_, err = stepinput.JSON(c, []byte(`{`))
		require.Error(t, err)
	})
}

func TestShownAndPlaced(t *testing.T) {
	require.Equal(t, "a <output b.c> $d ${}", stepinput.Shown("a ${b.c} $d ${}"))
	require.Equal(t, "a output", stepinput.Placed("a ${b}"))
}

func TestCheck(t *testing.T) {
	require.NoError(t, stepinput.Check(nil))
	require.ErrorContains(t, stepinput.Check(nil, "a"), `"a"`)
	require.ErrorContains(t, stepinput.Check(source(), "a", ""), "is empty")
}

func TestTextWithoutACall(t *testing.T) {
	text, err := stepinput.Parse("t", `{{.X}} {{json .X}}`)
	require.NoError(t, err)
	got, err := text.Render(nil, nil, map[string]string{"X": "a\"b"})
	require.NoError(t, err)
	require.Equal(t, `a"b "a\"b"`, string(got))
	text, err = stepinput.Parse("t", `{{output "x"}}`)
	require.NoError(t, err)
	_, err = text.Render(nil, nil, nil)
	require.ErrorContains(t, err, "no outputs here")
}
