package secrets_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
)

// failure keeps the text of a failed test.
type failure struct{ text string }

func (f *failure) Errorf(format string, args ...any) { f.text += fmt.Sprintf(format, args...) }
func (f *failure) FailNow()                          {}

// testify dumps what failed to be equal, and follows every pointer for it.
func TestAFailedTestShowsNoSecret(t *testing.T) {
	h := newHolder(secrets.New("S3CR3T-of-a-test"))
	for _, x := range []any{h, *h, h.Exported, &h.Exported, []any{h}, h.Err} {
		var failed failure
		require.Equal(&failed, x, "something else")
		require.NotEmpty(t, failed.text)
		requireHidden(t, "failed test", failed.text)
	}
}

// An exit that shows nothing but addresses beside the placeholder tells no
// lengths either.
func TestExitsAreTheSameForEverySecret(t *testing.T) {
	// The value alone has no address in it.
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%30s", "%-3.2v"} {
		want := fmt.Sprintf(format, secrets.New("a secret"))
		require.Equal(t, want, fmt.Sprintf(format, secrets.New("")), format)
		require.Equal(t, want, fmt.Sprintf(format, secrets.Value{}), format)
		require.Contains(t, want, secrets.Placeholder)
	}
	require.Equal(t, `"[redacted]" [redacted]`, fmt.Sprintf("%q %-40.2x", secrets.New("a secret"), secrets.New("a secret")))
	for _, v := range []secrets.Value{{}, secrets.New("a secret")} {
		j, err := json.Marshal(map[string]any{"a": v, "b": &v})
		require.NoError(t, err)
		require.JSONEq(t, `{"a":"[redacted]","b":"[redacted]"}`, string(j))
	}
	var none *secrets.Value
	require.Equal(t, "<nil> <nil>", fmt.Sprintf("%v %+v", none, none))
}

// TestPanicText lets a child process die of a Value.
func TestPanicText(t *testing.T) {
	const env = "SECRETS_TEST_PANIC"
	secret := "S3CR3T-of-a-panic" + strings.Repeat("x", 0xabcd-17)
	values := map[string]any{
		"value": secrets.New(secret), "holder": newHolder(secrets.New(secret)), "error": newHolder(secrets.New(secret)).Err,
		"struct": struct{ v secrets.Value }{secrets.New(secret)},
	}
	if kind := os.Getenv(env); kind != "" {
		panic(values[kind])
	}
	for kind := range values {
		cmd := exec.Command(os.Args[0], "-test.run=^TestPanicText$")
		cmd.Env = append(os.Environ(), env+"="+kind)
		out, err := cmd.CombinedOutput()
		require.Error(t, err, "the child must die")
		require.Contains(t, string(out), "panic: ")
		require.NotContains(t, string(out), "S3CR3T")
		require.NotContains(t, string(out), "abcd", "the stack shows the length")
	}
}
