package secrets_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
)

// hidden tells whether k hides the value at path in a document of its own.
func hidden(t testing.TB, k *secrets.Keys, path ...any) bool {
	doc := "0"
	for i := len(path) - 1; i >= 0; i-- {
		switch step := path[i].(type) {
		case int:
			doc = "[" + strings.Repeat("null,", step) + doc + "]"
		case string:
			name, err := json.Marshal(step)
			require.NoError(t, err)
			doc = "{" + string(name) + ":" + doc + "}"
		}
	}
	out, err := k.JSON([]byte(doc), nil)
	require.NoError(t, err)
	return string(out) != doc
}

func TestKeyPaths(t *testing.T) {
	type path = []any
	for _, c := range []struct {
		text      string
		hits, not []path
	}{
		{"password", []path{{"password"}, {"PASSWORD"}, {"Pass-Word"}, {"_pass_word_"}, {"password", "a"}}, []path{{"a", "password"}, {"passwords"}, {"apassword"}, {"word"}, {0, "password"}}},
		{"a.b", []path{{"a", "b"}, {"A", "B"}}, []path{{"b"}, {"a"}, {"x", "a", "b"}, {"a", 0, "b"}, {"a", "x", "b"}}},
		{"*.b", []path{{"a", "b"}, {0, "b"}}, []path{{"b"}, {"a", "a", "b"}}},
		{"a.*", []path{{"a", "x"}, {"a", 3}}, []path{{"a"}, {"b", "x"}}},
		{"*", []path{{"a"}, {1}}, nil},
		{"**.b", []path{{"b"}, {"a", "b"}, {0, 1, "x", "b"}, {"b", "c"}}, []path{{"c"}, {"ab"}, {"b2"}}},
		{"a.**.b", []path{{"a", "b"}, {"a", "x", "b"}, {"a", 1, "a", "b"}}, []path{{"b"}, {"x", "a", "b"}, {"x", "b"}}},
		{"**.a.*.b", []path{{"a", "x", "b"}, {"z", "a", 1, "b"}, {"a", "a", "x", "b"}}, []path{{"a", "b"}, {"a", "x", "y", "b"}}},
		{"**.a.**.b.**.c", []path{{"a", "b", "c"}, {"b", "a", "x", "b", "b", "y", "c"}}, []path{{"b", "a", "c"}, {"a", "c", "b"}}},
		{"users[*].token", []path{{"users", 0, "token"}, {"users", 7, "Token"}}, []path{{"users", "token"}, {"users", "0", "token"}, {"users", 0, 0, "token"}}},
		{"items[2].card", []path{{"items", 2, "card"}}, []path{{"items", 1, "card"}, {"items", "2", "card"}}},
		{"a[1]", []path{{"a", 1}}, []path{{"a", 0}, {"a", "1"}}},
		{"[0].a", []path{{0, "a"}}, []path{{1, "a"}, {"a"}}},
		{"**[1]", []path{{1}, {"a", 1}, {"a", 2}}, []path{{0}, {"a", 0}, {"1"}}},
		{"[*][*]", []path{{0, 1}}, []path{{0}, {"a", 0}}},
		{`headers["x.y [z]"]`, []path{{"headers", "x.y [z]"}, {"headers", "X.Y [Z]"}}, []path{{"headers", "x", "y [z]"}}},
		{`['"'].b`, []path{{`"`, "b"}}, nil},
		{`["*"]`, []path{{"*"}}, []path{{"a"}}},
		{"**.*token", []path{{"token"}, {"x", "accessToken"}, {"API_TOKEN"}, {"to-ken"}}, []path{{"tokens"}, {"tok"}, {"ken"}}},
		{"x-amz-*", []path{{"X-Amz-Date"}, {"xamz"}, {"xAmzKey"}}, []path{{"amz"}, {"x"}, {"a", "x-amz-a"}}},
		{"**.*n", []path{{"n"}, {"pin"}, {"a", "xN-"}}, []path{{"no"}}},
		{"é", []path{{"é"}}, []path{{"É"}, {"e"}}},
		{"x", []path{{"x"}, {"-X_"}}, []path{{"xx"}, {"y"}, {""}, {"-"}}},
	} {
		t.Run(c.text, func(t *testing.T) {
			k := keys(t, c.text)
			for _, p := range c.hits {
				require.True(t, hidden(t, k, p...), "%v must be hidden", p)
			}
			for _, p := range c.not {
				require.False(t, hidden(t, k, p...), "%v must not be hidden", p)
			}
		})
	}
}

func TestKeyPathErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                        `key path "", position 1: is empty`,
		"a..b":                    `key path "a..b", position 3: expected a name, * or **`,
		"a.":                      `position 3: expected a name`,
		".a":                      `position 1: expected a name`,
		"a.b.**":                  `ends in **`,
		"**":                      `ends in **`,
		"a[":                      `position 2: the [ is never closed`,
		"a[x]":                    `position 2: expected an index, * or a key in quotes`,
		"a[]":                     `position 2: expected an index`,
		"a[-1]":                   `position 2: expected an index`,
		"a[99999999999999999999]": `position 2: expected an index`,
		`a["b]`:                   `position 2: the " is never closed`,
		`a["b"x]`:                 `position 6: expected ]`,
		`a["b"`:                   `position 6: expected ]`,
		`a[""]`:                   `position 2: a key needs more than _ and -`,
		"a[0]b":                   `position 5: expected . or [`,
		"a b":                     `position 2: " " cannot stand in a plain name`,
		"a.b*c":                   `position 4: "*" cannot stand`,
		"***":                     `position 2: "*" cannot stand`,
		"a]":                      `position 2: "]" cannot stand`,
		"_.b":                     `position 1: a name needs more than _ and -`,
		"*-":                      `position 1: a name needs more`,
	} {
		k, err := secrets.NewKeys("fine", text)
		require.Nil(t, k)
		require.ErrorContains(t, err, want, text)
	}
	_, err := secrets.NewKeys("a..b", "fine", "c[")
	require.ErrorContains(t, err, `"a..b"`)
	require.ErrorContains(t, err, `"c["`, "all at once")
}

func TestDefaultKeys(t *testing.T) {
	k := keys(t, secrets.DefaultKeys()...)
	for name := range strings.FieldsSeq(`password Password PASSWORD db_password userPassword passwd passphrase secret clientSecret token
		accessToken refresh_token id-token apiKey api_key API-KEY x-api-key stripe_secret_key privateKey aws_access_key Authorization
		proxy-authorization cookie Set-Cookie sessionId stripe-signature DATABASE_URL SENTRY_DSN cardNumber card_number pan cvv CVC card_cvc
		pin iban otp smsOtp otp_code verification_code`) {
		require.True(t, hidden(t, k, name), name)
		require.True(t, hidden(t, k, "a", 0, "b", name), name)
	}
	for name := range strings.FieldsSeq(`id request_id message msg err time level user email phone status code count tokens_used max_tokens
		secretary key public_key primary_key idempotency_key spin company panel passenger url host path method card card_brand last4 amount`) {
		require.False(t, hidden(t, k, name), name)
	}
	first := secrets.DefaultKeys()
	first[0] = "changed"
	require.NotEqual(t, first[0], secrets.DefaultKeys()[0], "a list of the caller's own")
}

// FuzzKeyPath: no text is a panic, errors name it, and a path that is taken
// hides what it says.
func FuzzKeyPath(f *testing.F) {
	for _, text := range []string{"a.b[0]['c d'].*x.y*", "**.a", "a[*", "[\"", "..", "*", "a.**", "\xff[1]", "a.**.**.b", "-"} {
		f.Add(text, "b", uint8(3))
	}
	f.Fuzz(func(t *testing.T, text, name string, index uint8) {
		k, err := secrets.NewKeys(text)
		if err != nil {
			require.ErrorContains(t, err, fmt.Sprintf("%q", text))
			return
		}
		_ = hidden(t, k, name, int(index%4), name)
		again, err := secrets.NewKeys("**." + strings.TrimPrefix(text, "**."))
		if err == nil && hidden(t, k, name) {
			require.True(t, hidden(t, again, "above", 0, name), "at any depth is more than at the top")
		}
	})
}

func TestKeysTakeNoMemory(t *testing.T) {
	k := keys(t, append(secrets.DefaultKeys(), "req.headers.authorization", "users[*].token", "**.a.**.b")...)
	doc := []byte(`{"req":{"headers":{"host":"x","x-forwarded-for":"y"}},"users":[{"id":1}],"a":{"x":{"c":1}}}`)
	perDoc := testing.AllocsPerRun(100, func() {
		if _, err := k.JSON(doc, nil); err != nil {
			panic(err)
		}
	})
	require.LessOrEqual(t, perDoc, 6.0, "one copy of the document and one path that grows")
}
